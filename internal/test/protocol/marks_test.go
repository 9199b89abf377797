package protocol

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// unread is what GET /unread answers.
func unread(t *testing.T, base, query, user string) (status int, rooms map[string]chat.Unread) {
	t.Helper()
	status, body := harness.GetAs(t, base+"/unread?"+query, user)
	var o struct{ Rooms map[string]chat.Unread }
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &o); err != nil || !strings.HasPrefix(body, `{"rooms":{`) || strings.Count(body, `"read"`) != len(o.Rooms) {
			t.Fatalf("%s: %v", body, err)
		}
	}
	return status, o.Rooms
}

func TestProtocolRead(t *testing.T) {
	t.Parallel()
	runBoth(t, []sentence{
		{"a marker is kept as a maximum, and goes no further than the room", func(t *testing.T) {
			k := newTalk(t)
			a, w := k.join()
			for i := range 5 {
				harness.Publish(t, k.srv, "r", fmt.Sprint(i))
				a.Until("message")
			}
			for _, row := range []struct{ object, ack string }{
				{`{"type":"read","offset":0,"id":"0"}`, "ack 0"}, {`{"type":"read","offset":3,"id":"1"}`, "ack 3 1"},
				{`{"type":"read","offset":1,"id":"2"}`, "ack 3 2"}, {`{"type":"read","offset":99,"id":"3"}`, "ack 5 3"},
			} {
				does(a, row.object, row.ack)
			}
			_, again := k.join("session", w.Session)
			if again.Read != 5 || again.Unread != 0 {
				t.Errorf("welcome: %d, %d", again.Read, again.Unread)
			}
		}},
		{"the user's other connections are told, and nobody else", func(t *testing.T) {
			k := newTalk(t)
			a, w := k.join()
			a2, _ := k.join("session", w.Session)
			b, _ := k.join()
			plain := dial(t, k.base, "r", false, "session", w.Session)
			plain.Here()
			for _, p := range []*harness.Peer{a, a2, b} {
				p.UpTo("here")
			}
			does(a, `{"type":"read","offset":1,"id":"1"}`, "ack 1 1")
			o := a2.Until("read")
			if o.Offset != 1 || o.User != w.User {
				t.Errorf("%+v", o)
			}
			a.Send(`{"type":"read","offset":1,"id":"2"}`) // nothing new
			harness.Publish(t, k.srv, "r", "end")
			for name, p := range map[string]*harness.Peer{"the sender": a, "the other": a2, "somebody else": b, "plain": plain} {
				for _, typ := range p.UpTo("end") {
					if typ == "read" {
						t.Errorf("%s is told", name)
					}
				}
			}
		}},
		{"with receipts everyone is told", func(t *testing.T) {
			k := newTalk(t, chat.WithReadReceipts(true))
			harness.Publish(t, k.srv, "r", "x")
			a, w := k.join()
			b, _ := k.join()
			a.Send(`{"type":"read","offset":1}`)
			s := b.TextOf("read")
			harness.Expect(t, "read", s, fmt.Sprintf(`{"type":"read","user":%q,"offset":1}`, w.User))
		}},
		{"unread counts messages of others that the user may see", func(t *testing.T) {
			k := newTalk(t)
			a, w := k.join()
			b, wb := k.join()
			c, wc := k.join()
			does(a, `{"type":"message","message":"own"}`, "message 1 own")
			hears(b, "message 1 own")
			hears(c, "message 1 own")
			does(b, `{"type":"message","message":"1"}`, "message 2 1")
			does(b, `{"type":"message","message":"2"}`, "message 3 2")
			does(b, `{"type":"edit","target":2,"message":"1b"}`, "edit 4 of 2 1b")
			does(b, `{"type":"delete","target":3}`, "delete 5 of 3")
			does(b, fmt.Sprintf(`{"type":"private","to":%q,"message":"p"}`, wc.User), "private 6 p")
			does(b, fmt.Sprintf(`{"type":"private","to":%q,"message":"q"}`, w.User), "private 7 q")
			does(b, `{"type":"reaction","target":2,"reaction":"👍"}`, "reaction 8 of 2 👍")
			_, again := k.join("session", w.Session)
			if again.Read != 0 || again.Unread != 2 {
				t.Errorf("welcome: %d, %d", again.Read, again.Unread)
			}
			k.srv.MarkRead(context.Background(), "r", w.User, 2)
			_, rooms := unread(t, k.base, "room=r&session="+w.Session, "")
			harness.Expect(t, "unread", rooms, map[string]chat.Unread{"r": {Read: 2, Last: 8, Unread: 1}})
			_, rooms = unread(t, k.base, "room=r&session="+wb.Session, "")
			harness.Expect(t, "of the writer", rooms, map[string]chat.Unread{"r": {Last: 8, Unread: 1}})
		}},
		{"unread counts up to the welcome's position", func(t *testing.T) {
			l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{})}
			l.Set("")
			k := newTalk(t, chat.WithLog(l))
			harness.Publish(t, k.srv, "r", "1")
			harness.Publish(t, k.srv, "r", "2")
			k.join() // the room is in use
			steps := []string{"Read", ""}
			l.Wrong = func() { // a message comes before it is asked what is unread, and one after
				l.Set(steps[0])
				steps = steps[1:]
				harness.Publish(t, k.srv, "r", "more")
			}
			l.Set("Unread")
			w := dial(t, k.base, "r", true).Until("welcome")
			if !strings.HasSuffix(w.Position, ":2") || w.Unread != 2 || len(steps) != 0 {
				t.Errorf("%d unread at %s, %d steps left", w.Unread, w.Position, len(steps))
			}
		}},
		{"unread is exact up to 100", func(t *testing.T) {
			k := newTalk(t, chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{})))
			for i := range 99 {
				harness.Publish(t, k.srv, "r", fmt.Sprint(i))
			}
			_, w := k.join()
			harness.Expect(t, "of 99", w.Unread, 99)
			for i := range 20 {
				harness.Publish(t, k.srv, "r", fmt.Sprint(i))
			}
			_, w = k.join()
			harness.Expect(t, "of 119", w.Unread, 100)
		}},
		{"unread answers for the rooms named, each once, and not for those refused", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader, chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
				if a == chat.ActionRead && room == "secret" {
					return chat.Refuse("no")
				}
				return nil
			}))
			harness.Publish(t, k.srv, "a", "x")
			harness.Publish(t, k.srv, "secret", "x")
			k.srv.MarkRead(context.Background(), "a", "u1", 1)
			for user, want := range map[string]map[string]chat.Unread{
				"u1": {"a": {Read: 1, Last: 1}, "b b": {}}, "u2": {"a": {Last: 1, Unread: 1}, "b b": {}},
			} {
				status, rooms := unread(t, k.base, "room=a&room=secret&room=b%20b&room=a&room=b%20%20b", user)
				harness.Expect(t, "status", status, 200)
				harness.Expect(t, "rooms of "+user, rooms, want)
			}
			_, rooms := unread(t, k.base, "", "u1")
			harness.Expect(t, "none", rooms, map[string]chat.Unread{})
			status, _ := unread(t, k.base, "room=a", "")
			harness.Expect(t, "not authenticated", status, 401)
		}},
		{"without an authenticator unread needs a session", func(t *testing.T) {
			k := newTalk(t)
			_, w := k.join()
			for query, want := range map[string]int{
				"room=r": 401, "room=r&session=": 401, "room=r&session=x": 400, "session=" + w.Session: 200,
				"room=..&session=" + w.Session: 400, "session=" + w.Session + strings.Repeat("&room=a", 101): 400,
				"session=" + w.Session + strings.Repeat("&room=a", 100): 200, "%zz": 400,
			} {
				status, body := harness.Get(t, k.base+"/unread?"+query)
				if query == "%zz" && status == 401 {
					continue
				}
				harness.Expect(t, fmt.Sprintf("%.60s: %s", query, body), status, want)
			}
			resp, err := http.Post(k.base+"/unread", "text/plain", nil)
			if err != nil || resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("POST: %v, %v", resp, err)
			}
		}},
	})
}

func TestProtocolSignals(t *testing.T) {
	t.Parallel()
	runBoth(t, []sentence{
		{"a signal goes to the others, and is not kept", func(t *testing.T) {
			k := newTalk(t)
			a, w := k.join("username", "Ann")
			a2, _ := k.join("session", w.Session)
			b, _ := k.join()
			plain := dial(t, k.base, "r", false).Here()
			a.UpTo("here")
			b.UpTo("here")
			does(a, `{"type":"signal","name":"cursor.x_1-a","data":{ "x": 1}}`)
			harness.Expect(t, "signal", b.TextOf("signal"), fmt.Sprintf(`{"type":"signal","user":%q,"username":"Ann","name":"cursor.x_1-a","data":{"x":1}}`, w.User))
			does(a, `{"type":"signal","name":"bare","id":"1"}`)
			harness.Expect(t, "without data", b.TextOf("signal"), fmt.Sprintf(`{"type":"signal","user":%q,"username":"Ann","name":"bare"}`, w.User))
			harness.Publish(t, k.srv, "r", "end")
			for name, p := range map[string]*harness.Peer{"the sender": a, "the sender's other": a2, "plain": plain} {
				for _, typ := range p.UpTo("end") {
					if typ == "signal" || typ == "ack" || typ == "error" {
						t.Errorf("%s gets %s", name, typ)
					}
				}
			}
			c := dial(t, k.base, "r", true)
			for _, o := range settle(c) {
				if o.Type == "signal" {
					t.Error("a signal was kept")
				}
			}
		}},
		{"a user may send 20 a second", func(t *testing.T) {
			k := newTalk(t)
			a, w := k.join()
			a2, _ := k.join("session", w.Session)
			b, _ := k.join()
			began := time.Now()
			for i := range 30 {
				p := a
				if i%2 == 1 {
					p = a2
				}
				p.Send(`{"type":"signal","name":"x"}`)
			}
			refused := 0
			for _, p := range []*harness.Peer{a, a2} {
				for _, o := range settle(p) {
					if o.Type == "error" {
						refused++
						if o.Code != "rate_limited" || o.RetryMS < 1 || o.RetryMS > 50 {
							t.Errorf("%+v", o)
						}
					}
				}
			}
			more := int(time.Since(began) / (50 * time.Millisecond))
			if refused > 10 || refused < 10-more {
				t.Errorf("%d refused in %v", refused, time.Since(began))
			}
			for range 30 - refused {
				b.Until("signal")
			}
		}},
	})
}
