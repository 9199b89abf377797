package protocol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// many adds a connection with many rooms, which is in these.
func (k *talk) many(rooms ...string) (p *harness.Peer, hello harness.Object) {
	k.t.Helper()
	p = harness.Dial(k.t, k.base, harness.Many, true)
	hello = p.Next()
	if hello.Type != "hello" {
		k.t.Fatalf("first: %+v", hello)
	}
	for _, room := range rooms {
		p.Send(fmt.Sprintf(`{"type":"join","room":%q}`, room))
		if w := p.Until("welcome"); w.Room != room {
			k.t.Fatalf("%+v", w)
		}
	}
	return p, hello
}

// in is line with the room.
func in(o harness.Object) string {
	s := o.Room + ": " + line(o)
	if o.Type == "left" {
		s += fmt.Sprintf(" %s %q", o.Code, o.Reason)
	}
	return s
}

func TestProtocolMany(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"hello comes first, and says who one is and what one may do", func(t *testing.T) {
			k := newTalk(t)
			p := harness.Dial(t, k.base, harness.Many, true, "username", "Ann")
			s := p.Text()
			harness.Expect(t, "keys", harness.Keys(t, s), "limits protocol session type user username")
			harness.Expect(t, "limits", harness.Value(t, s, "limits"), `{"message_bytes":16384,"data_bytes":8192,"rate_per_second":0,"burst":0,"rooms":100}`)
			harness.Expect(t, "start", strings.HasPrefix(s, `{"type":"hello","protocol":"chat.v1","user":"anon-`), true)
		}},
		{"a join is answered by the welcome of a single room, its replay, then live", func(t *testing.T) {
			k := newTalk(t)
			harness.Publish(t, k.srv, "a", "one")
			harness.Publish(t, k.srv, "a", "two")
			p, hello := k.many()
			p.Send(`{"type":"join","room":"a","id":"j1"}`)
			s := p.Text()
			var w harness.Object
			json.Unmarshal([]byte(s), &w)
			if !strings.HasPrefix(s, `{"type":"welcome","room":"a",`) || w.User != hello.User || w.Session != hello.Session || w.ID != "j1" || w.Count != 1 {
				t.Error(s)
			}
			harness.Expect(t, "replay", p.Text()[:len(`{"type":"message","room":"a","offset":1`)], `{"type":"message","room":"a","offset":1`)
			harness.Expect(t, "replay", in(p.Next()), "a: message 2 two")
			harness.Publish(t, k.srv, "a", "three")
			harness.Expect(t, "live", in(p.Next()), "a: message 3 three")
		}},
		{"several joins in one object, each with its own place", func(t *testing.T) {
			k := newTalk(t)
			for _, room := range []string{"a", "b", "c"} {
				harness.Publish(t, k.srv, room, "one")
			}
			p, _ := k.many()
			p.Send(`{"type":"join","rooms":{"a":"","b":"","c":""}}`)
			since := map[string]string{}
			for range 6 {
				if o := p.Next(); o.Type == "welcome" {
					since[o.Room] = o.Position
				}
			}
			harness.Publish(t, k.srv, "a", "two")
			harness.Publish(t, k.srv, "c", "two")
			again, _ := k.many()
			again.Send(fmt.Sprintf(`{"type":"join","rooms":{"a":%q,"b":%q,"c":"none:1"}}`, since["a"], since["b"]))
			got := map[string]string{}
			for n := 0; n < 6; n++ {
				o := again.Next()
				if o.Type == "welcome" {
					got[o.Room] += fmt.Sprintf("%v %v;", o.Resumed, o.Gap)
				} else {
					got[o.Room] += line(o) + ";"
				}
			}
			harness.Expect(t, "what came", got, map[string]string{
				"a": "true false;message 2 two;", "b": "true false;", "c": "false true;message 1 one;message 2 two;",
			})
		}},
		{"objects name their room in both directions", func(t *testing.T) {
			k := newTalk(t)
			p, _ := k.many("a", "b")
			does(p, `{"type":"message","room":"a","message":"m","id":"1"}`, "message 1 1 m", "ack 1 1")
			for _, c := range []struct{ object, typ string }{
				{`{"type":"message","room":"b","message":"m","id":"2"}`, "ack"},
				{`{"type":"history","room":"b"}`, "history"},
				{`{"type":"message","room":"b","message":" "}`, "error"},
				{`{"type":"read","room":"b","offset":1,"id":"3"}`, "ack"},
			} {
				p.Send(c.object)
				if s := p.TextOf(c.typ); !strings.HasPrefix(s, `{"type":"`+c.typ+`","room":"b",`) {
					t.Errorf("%s: %s", c.object, s)
				}
			}
			q, _ := k.many("b")
			q.Send(`{"type":"typing","room":"b"}`)
			q.Send(`{"type":"signal","room":"b","name":"x"}`)
			for _, typ := range []string{"system", "typing", "signal"} {
				if s := p.TextOf(typ); !strings.HasPrefix(s, `{"type":"`+typ+`","room":"b",`) {
					t.Error(s)
				}
			}
		}},
		{"an object without a room, or for a room that one is not in", func(t *testing.T) {
			k := newTalk(t)
			p, _ := k.many("a")
			for _, c := range []struct{ object, want string }{
				{`{"type":"message","message":"m","id":"1"}`, `error bad_request`},
				{`{"type":"message","room":"b","message":"m","id":"1"}`, `error not_joined`},
				{`{"type":"typing","room":"b"}`, `error not_joined`},
				{`{"type":"leave","room":"b"}`, `error not_joined`},
				{`{"type":"history","room":"b"}`, `error not_joined`},
				{`{"type":"join","room":"a"}`, `error bad_request`},
				{`{"type":"join","room":"a/b"}`, `error bad_request`},
				{`{"type":"join","room":"c","since":"x"}`, `error bad_request`},
				{`{"type":"join"}`, `error bad_request`},
				{`{"type":"join","room":"c","rooms":{"d":""}}`, `error bad_request`},
				{`{"type":"join","rooms":{}}`, `error bad_request`},
				{`{"type":"join","rooms":{"c":1}}`, `error bad_request`},
				{`{"type":"join","rooms":{"c":"","c":""}}`, `error bad_request`},
				{`{"type":"welcome","room":"a"}`, `error unknown_type`},
			} {
				does(p, c.object, c.want)
			}
			p.Send(`{"type":"message","room":"b","message":"m","id":"1"}`)
			harness.Expect(t, "error", p.TextOf("error"), `{"type":"error","room":"b","code":"not_joined","message":"you are not in this room","id":"1"}`)
			p.Send(`{"type":"join","room":"a","id":"2"}`)
			if o := p.Until("error"); o.Room != "a" || o.ID != "2" {
				t.Errorf("%+v", o)
			}
		}},
		{"nothing of a room comes after left, and one may come back", func(t *testing.T) {
			k := newTalk(t)
			p, _ := k.many("a", "b")
			harness.Publish(t, k.srv, "a", "one")
			p.Until("message")
			p.Send(`{"type":"leave","room":"a"}`)
			harness.Expect(t, "left", p.TextOf("left"), `{"type":"left","room":"a","code":1000,"reason":""}`)
			harness.Publish(t, k.srv, "a", "two")
			harness.Publish(t, k.srv, "b", "end")
			harness.Expect(t, "next", in(p.Next()), "b: message 1 end")
			p.Send(`{"type":"join","room":"a"}`)
			p.Until("welcome")
			harness.Expect(t, "history", in(p.Next()), "a: message 1 one")
		}},
		{"the 101st room is too many, and the other hundred are joined", func(t *testing.T) {
			k := newTalk(t)
			p, _ := k.many()
			rooms := map[string]string{}
			for i := range 101 {
				rooms[fmt.Sprint("room ", i)] = ""
			}
			b, _ := json.Marshal(map[string]any{"type": "join", "rooms": rooms, "id": "all"})
			p.Send(string(b))
			count := map[string]int{}
			for range 101 {
				o := p.Next()
				count[o.Type+string(o.Code)+o.ID]++
			}
			harness.Expect(t, "answers", count, map[string]int{"welcomeall": 100, "errortoo_manyall": 1})
		}},
		{"the authorizer refuses a room, and the connection stays", func(t *testing.T) {
			k := newTalk(t, chat.WithAuthorizer(func(_ context.Context, _ chat.User, room string, a chat.Action) error {
				switch room {
				case "secret":
					return chat.Refuse("not for you")
				case "broken":
					return errors.New("no answer")
				}
				return nil
			}))
			p, _ := k.many("a")
			p.Send(`{"type":"join","room":"secret","id":"1"}`)
			harness.Expect(t, "refused", p.TextOf("error"), `{"type":"error","room":"secret","code":"forbidden","message":"not for you","id":"1"}`)
			does(p, `{"type":"join","room":"broken"}`, "error unavailable")
			does(p, `{"type":"message","room":"a","message":"m"}`, "message 1 m")
		}},
		{"being removed from one room ends that room alone", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader)
			p := harness.Dial(t, k.base, harness.Many, true, "as", "u1")
			p.Send(`{"type":"join","rooms":{"a":"","b":""}}`)
			p.Until("welcome")
			p.Until("welcome")
			k.srv.Disconnect(context.Background(), "u1", chat.Disconnect{Room: "a", Code: chat.CloseForbidden, Reason: "banned"})
			harness.Expect(t, "left", p.TextOf("left"), `{"type":"left","room":"a","code":4003,"reason":"banned"}`)
			does(p, `{"type":"message","room":"b","message":"m"}`, "message 1 m")
			k.srv.Disconnect(context.Background(), "u1", chat.Disconnect{})
			harness.Expect(t, "code", p.Closed(), 1008)
		}},
		{"a page that asks for no room needs chat.v1", func(t *testing.T) {
			k := newTalk(t)
			_, resp, err := harness.TryDial(t, k.base, harness.Many, false)
			if err == nil || resp.StatusCode != 400 {
				t.Errorf("%v, %v", resp, err)
			}
		}},
	})
}

// TestJoinFromGo puts a user into rooms and out of them, from another server than the user's.
func TestJoinFromGo(t *testing.T) {
	t.Parallel()
	log := chat.NewMemoryLog(chat.MemoryOptions{})
	k := newTalk(t, harness.UserByHeader, chat.WithLog(log))
	other := newTalk(t, harness.UserByHeader, chat.WithLog(log))
	ctx := context.Background()
	p := harness.Dial(t, k.base, harness.Many, true, "as", "u1")
	p.Until("hello")
	single, _ := k.join("as", "u1")
	if err := other.srv.Join(ctx, "u1", "a"); err != nil {
		t.Fatal(err)
	}
	if w := p.Until("welcome"); w.Room != "a" || w.ID != "" {
		t.Errorf("%+v", w)
	}
	// A second Join of the room is none, and the last of many calls counts.
	for range 50 {
		other.srv.Join(ctx, "u1", "b")
		other.srv.Leave(ctx, "u1", "b")
		other.srv.Join(ctx, "u1", "a")
	}
	other.srv.Join(ctx, "u1", "c")
	inside := map[string]bool{"a": true}
	for !inside["c"] || inside["b"] {
		switch o := p.Next(); o.Type {
		case "welcome":
			if inside[o.Room] {
				t.Errorf("a second welcome to %s", o.Room)
			}
			inside[o.Room] = true
		case "left":
			delete(inside, o.Room)
		case "error":
			t.Errorf("%+v", o)
		}
	}
	harness.Expect(t, "rooms", inside, map[string]bool{"a": true, "c": true})
	if _, n, _ := k.srv.Members(ctx, "b", 0); n != 0 {
		t.Errorf("%d in b", n)
	}
	other.srv.Leave(ctx, "u1", "r")
	harness.Expect(t, "the single room", single.Closed(), 1000)
	other.srv.Leave(ctx, "u1", "a")
	if o := p.Until("left"); o.Room != "a" || o.Code != "1000" {
		t.Errorf("%+v", o)
	}
	if err := other.srv.Join(ctx, "u1", "../x"); !errors.Is(err, chat.ErrBadName) {
		t.Error(err)
	}
	if err := other.srv.Join(ctx, "nobody", "a"); err != nil {
		t.Error(err)
	}
}
