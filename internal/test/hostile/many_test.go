package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

var notJoined = gets("code not_joined")

// manyObjects are what a client sends on a connection with many rooms, which is in the room r.
var manyObjects = []objectRow{
	{"M1 no room", `{"type":"message","message":"a","id":"i"}`, gets("code bad_request i")},
	{"M1 an empty room", `{"type":"message","room":"","message":"a"}`, badRequest},
	{"M1 a number for a room", `{"type":"message","room":1,"message":"a"}`, badRequest},
	{"M1 null for a room", `{"type":"message","room":null,"message":"a"}`, badRequest},
	{"M1 an array of rooms", `{"type":"message","room":["r"],"message":"a"}`, badRequest},
	{"M1 an object for a room", `{"type":"message","room":{"r":""},"message":"a"}`, badRequest},
	{"M1 rooms for a room", `{"type":"message","rooms":{"r":""},"message":"a"}`, badRequest},
	{"M1 room twice", `{"type":"message","room":"r","room":"s","message":"a"}`, badJSON},
	{"M1 room twice, once escaped", `{"type":"leave","room":"s","\u0072oom":"r"}`, badJSON},
	{"M1 half a pair", `{"type":"message","room":"\ud800","message":"a"}`, gets("code bad_utf8")},
	{"M1 no type for the room", `{"room":"r","id":"i"}`, gets("code bad_request i")},
	{"M1 room of a ping", `{"type":"ping","room":"nowhere"}`, answered},
	{"M1 room of a ping that is none", `{"type":"ping","room":7}`, answered},
	{"M2 of another room", `{"type":"message","room":"s","message":"a","id":"i"}`, gets("code not_joined i")},
	{"M2 in another case", `{"type":"message","room":"R","message":"a"}`, notJoined},
	{"M2 in another form", `{"type":"message","room":"ｒ","message":"M2"}`, gets("msg M2")},
	{"M2 of a bad name", `{"type":"typing","room":"a/b"}`, notJoined},
	{"M2 of 30 KB", `{"type":"typing","room":"` + harness.LongText[:30<<10] + `"}`, notJoined},
	{"M2 of a NUL", `{"type":"read","room":"r\u0000","offset":1}`, notJoined},
	{"M2 leave without a join", `{"type":"leave","room":"s","id":"i"}`, gets("code not_joined i")},
	{"M2 leave without a room", `{"type":"leave"}`, badRequest},
	{"M2 leave rooms", `{"type":"leave","rooms":{"r":""}}`, badRequest},
	{"M3 join without a room", `{"type":"join","id":"i"}`, gets("code bad_request i")},
	{"M3 join both ways", `{"type":"join","room":"a","rooms":{"b":""}}`, badRequest},
	{"M3 join again", `{"type":"join","room":"r","id":"i"}`, gets("code bad_request i")},
	{"M3 join again in another form", `{"type":"join","room":"ｒ"}`, badRequest},
	{"M3 join no rooms", `{"type":"join","rooms":{}}`, badRequest},
	{"M3 join an array", `{"type":"join","rooms":["a","b"]}`, badRequest},
	{"M3 join a text", `{"type":"join","rooms":"a"}`, badRequest},
	{"M3 join null", `{"type":"join","rooms":null}`, badRequest},
	{"M3 a number for a place", `{"type":"join","rooms":{"a":1}}`, badRequest},
	{"M3 null for a place", `{"type":"join","rooms":{"a":"","b":null}}`, badRequest},
	{"M3 an object for a place", `{"type":"join","rooms":{"a":{"since":""}}}`, badRequest},
	{"M3 a name twice", `{"type":"join","rooms":{"a":"","b":"","a":""}}`, badRequest},
	{"M3 a name twice, once escaped", `{"type":"join","rooms":{"a":"","\u0061":""}}`, badRequest},
	{"M3 a name with half a pair", `{"type":"join","rooms":{"a":"","\udc00":""}}`, gets("code bad_utf8")},
	{"M3 two forms of a name", `{"type":"join","rooms":{"ｘ１":"","x1":""}}`, badRequest},
	{"M3 three bad names of four", `{"type":"join","rooms":{"..":"","a":"","b/c":"","\u202e":""},"id":"i"}`, gets("code bad_request i", "code bad_request i", "code bad_request i")},
	{"M3 1,001 rooms", joinOf(1001, 1), badRequest},
	{"M3 10,000 rooms", joinOf(10_000, 1), gets("close 1009")},
	{"M3 names of 10 KB", joinOf(8, 10<<10), append(badRequest, strings.Split(strings.Repeat("code bad_request,", 6)+"code bad_request", ",")...)},
	{"M4 since is no place", `{"type":"join","room":"a","since":"x"}`, badRequest},
	{"M4 since without an epoch", `{"type":"join","room":"a","since":":1"}`, badRequest},
	{"M4 since below 0", `{"type":"join","room":"a","since":"x:-1"}`, badRequest},
	{"M4 since beyond 64 bits", `{"type":"join","room":"a","since":"x:18446744073709551616"}`, badRequest},
	{"M4 since a number", `{"type":"join","room":"a","since":5}`, badRequest},
	{"M4 since of 30 KB", `{"type":"join","room":"a","since":"` + harness.LongText[:30<<10] + `"}`, badRequest},
	{"M4 one place of two", `{"type":"join","rooms":{"a":"x:1","b":"x"}}`, badRequest},
	{"M4 since beside rooms", `{"type":"join","rooms":{"a":""},"since":"x"}`, nil},
	{"M5 a server's type", `{"type":"left","room":"r","id":"i"}`, gets("code unknown_type i")},
	{"M5 hello", `{"type":"hello","room":"r"}`, gets("code unknown_type")},
	{"M5 a type that nobody knows", `{"type":"part","room":"r"}`, gets("code unknown_type")},
	{"M5 the same in no room", `{"type":"part","room":"s"}`, notJoined},
}

// joinOf returns a join of so many rooms with names of so many bytes.
func joinOf(rooms, length int) string {
	pad := strings.Repeat("x", length)
	return `{"type":"join","rooms":{` + strings.TrimSuffix(many(rooms, func(i int) string { return fmt.Sprintf(`"%s%d":"",`, pad, i) }), ",") + `}}`
}

// TestBadObjectsInMany sends bad objects on connections with many rooms: those about many
// rooms, and those that are bad in one room.
func TestBadObjectsInMany(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithHistory(0))
	w := harness.Watch(t, base, "r")
	var messages []string
	rows := append([]objectRow(nil), manyObjects...)
	for _, row := range objects {
		if rest, ok := strings.CutPrefix(row.text, "{"); ok && row.text != "{}" {
			row.text = `{"room":"r",` + rest
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		c := inMany(t, base, "r")
		harness.RawWrite(c, harness.Join(fr(finText, row.text), fr(finText, `{"type":"ping","id":"end"}`)), 0)
		if diff := cmp.Diff(byAnswer(row.want), byAnswer(harness.UntilPong(c, "end", len(harness.MessagesIn(row.want))))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.id, diff)
		}
		c.Close()
		messages = append(messages, harness.MessagesIn(row.want)...)
	}
	w.Check(messages)
	t.Logf("%d rows", len(rows))
}

// inMany returns a raw connection that is in the rooms.
func inMany(t testing.TB, base string, rooms ...string) *wsconf.Conn {
	t.Helper()
	c := harness.RawDial(t, base, "/ws?username=Mallory", harness.OfferV1)
	for _, room := range rooms {
		harness.RawWrite(c, fr(finText, fmt.Sprintf(`{"type":"join","room":%q}`, room)), 0)
	}
	harness.Settle(t, c)
	return c
}

// TestBadNamesInMany joins rooms by every name there is a rule for: the answer is that of a
// connection in one room.
func TestBadNamesInMany(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, chat.WithMaxJoinedRooms(1000))
	p := harness.Dial(t, base, harness.Many, true)
	p.Until("hello")
	for _, row := range names {
		if !utf8.ValidString(row.name) {
			continue // no JSON
		}
		name, _, code := row.wantRoom()
		b, err := json.Marshal(map[string]string{"type": "join", "room": row.name, "id": "i"})
		if err != nil {
			t.Fatal(err)
		}
		p.Send(string(b))
		o := p.Next()
		for o.Type == "system" {
			o = p.Next()
		}
		switch {
		case code == "" && (o.Type != "welcome" || o.Room != name), code != "" && (o.Code != "bad_request" || o.Room != row.name || o.Message == ""), o.ID != "i":
			t.Errorf("%s: %+v", row.id, o)
		}
		if o.Type == "welcome" {
			b, _ := json.Marshal(map[string]string{"type": "leave", "room": name})
			p.Send(string(b))
			p.Until("left")
		}
	}
}

// TestBadPlacesInMany joins with places that are another room's, in the future, or of no
// epoch there is.
func TestBadPlacesInMany(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t)
	for _, room := range []string{"a", "b"} {
		harness.Publish(t, srv, room, "in "+room)
	}
	epochs := map[string]string{}
	p := harness.Dial(t, base, harness.Many, true)
	p.Until("hello")
	for _, room := range []string{"a", "b"} {
		p.Send(fmt.Sprintf(`{"type":"join","room":%q}`, room))
		epochs[room], _, _ = strings.Cut(p.Until("welcome").Position, ":")
	}
	for _, since := range []string{epochs["b"] + ":1", epochs["a"] + ":2", epochs["a"] + ":9007199254740991", "x:1", "x:0", epochs["a"] + ":1:1"} {
		q := harness.Dial(t, base, harness.Many, true)
		q.Until("hello")
		q.Send(fmt.Sprintf(`{"type":"join","rooms":{"a":%q}}`, since))
		if w := q.Next(); w.Type != "welcome" || w.Resumed || !w.Gap {
			if epochs["a"] != epochs["b"] || since != epochs["b"]+":1" {
				t.Errorf("%s: %+v", since, w)
			}
			continue
		}
		if o := q.Next(); o.Message != "in a" {
			t.Errorf("%s: then %+v", since, o)
		}
	}
}

// TestManyStorm has a client join and leave as fast as it can: it pays for that, and in the
// end it is in no room.
func TestManyStorm(t *testing.T) {
	t.Parallel()
	const pairs = 1000
	harness.InBubble(t, func(b *harness.Bubble) {
		w := b.Dial("r", true, "")
		w.Until("welcome")
		p := b.Dial(harness.Many, true, "")
		p.Until("hello")
		heard := make(chan int)
		go func() {
			n := 0
			for ; n < 2*pairs; n++ {
				if o := w.Next(); o.Type != "system" {
					t.Errorf("%+v", o)
				}
			}
			heard <- n
		}()
		start := time.Now()
		go func() {
			for range pairs {
				p.Send(`{"type":"join","room":"r"}`)
				p.Send(`{"type":"leave","room":"r"}`)
			}
			p.Send(`{"type":"ping","id":"end"}`)
		}()
		answers := map[string]int{}
		for o := p.Next(); o.Type != "pong"; o = p.Next() {
			answers[o.Type]++
		}
		<-heard // by the other member
		harness.Expect(t, "answers", answers, map[string]int{"welcome": pairs, "left": pairs})
		// Of 512 bytes each, and 32 KiB a second, 100 joins and 128 KiB are free.
		if took := time.Since(start); took < (2*pairs-100-256)*time.Second/64-time.Second {
			t.Errorf("%d joins and leaves took %v", pairs, took)
		}
		harness.Expect(t, "members", b.Stats().Members, 1)
	}, chat.WithHistory(0))
}

// TestManyHookEndsGoroutine has hooks end the goroutines in which rooms are joined side by
// side: that connection is closed with 1011, and is in no room.
func TestManyHookEndsGoroutine(t *testing.T) {
	t.Parallel()
	bad := func(room string) { // in the middle of a batch
		if strings.HasPrefix(room, "bad") {
			runtime.Goexit()
		}
	}
	for name, opt := range map[string]chat.Option{
		"authorizer": chat.WithAuthorizer(func(_ context.Context, _ chat.User, room string, _ chat.Action) error { bad(room); return nil }),
		"room rule":  chat.WithRoomRule(func(room string) (string, error) { bad(room); return room, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			srv, base := harness.Serve(t, harness.Quiet, opt)
			w := harness.Watch(t, base, "good 1")
			for _, text := range []string{`{"type":"join","rooms":{"good 1":"","bad 1":"","good 2":"","bad 2":"","good 3":""}}`, `{"type":"join","room":"bad 3"}`} {
				p := harness.Dial(t, base, harness.Many, true)
				p.Until("hello")
				p.Send(text)
				harness.Expect(t, "code", p.Closed(), 1011)
			}
			harness.Eventually(t, "only the witness to be there", func() bool { s := srv.Stats(); return s.Connections == 1 && s.Members == 1 && s.Rooms == 1 })
			w.Check(nil)
		})
	}
}
