package chat_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

var wireTime = regexp.MustCompile(`^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"$`)

func TestProtocolV1(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"welcome is first and has every field", func(t *testing.T) {
			srv, base := serve(t, chat.WithMessageSize(1000), chat.WithRateLimit(2.5, 7))
			publish(t, srv, "r", "before")
			p := dial(t, base, "r", true, "username", "Alice")
			s := p.text()
			expect(t, "keys", keys(t, s), "gap limits member_count members position protocol resumed room session time type user username")
			expect(t, "type", inside(t, s, "type")+inside(t, s, "protocol")+inside(t, s, "room")+inside(t, s, "username"), `"welcome""chat.v1""r""Alice"`)
			expect(t, "resumed and gap", inside(t, s, "resumed")+inside(t, s, "gap"), "falsefalse")
			expect(t, "members", inside(t, s, "members"), `[{"user":`+inside(t, s, "user")+`,"username":"Alice","connections":1}]`)
			expect(t, "limits", inside(t, s, "limits"), `{"message_bytes":1000,"rate_per_second":2.5,"burst":7}`)
			if !regexp.MustCompile(`^"[\w.-]+:1"$`).MatchString(inside(t, s, "position")) || len(inside(t, s, "session")) < 24 {
				t.Errorf("position or session in %s", s)
			}
			expect(t, "after it", p.next().Message, "before")
		}},
		{"limits without a rate are 0", func(t *testing.T) {
			_, base := serve(t)
			s := dial(t, base, "r", true).text()
			expect(t, "limits", inside(t, s, "limits"), `{"message_bytes":16384,"rate_per_second":0,"burst":0}`)
		}},
		{"what follows up to position is replay", func(t *testing.T) {
			srv, base := serve(t)
			for i := range 10 {
				publish(t, srv, "r", fmt.Sprint(i))
			}
			p := dial(t, base, "r", true)
			position := p.until("welcome").Position
			expect(t, "position", position[strings.Index(position, ":"):], ":10")
			publish(t, srv, "r", "live")
			expect(t, "replay", len(p.upTo("live")), 10)
		}},
		{"message has its fields, and id only if the sender gave one", func(t *testing.T) {
			_, base := serve(t)
			p := dial(t, base, "r", true, "username", "Alice")
			w := p.until("welcome")
			p.send(`{"type":"message","message":"hi"}`)
			s := p.text()
			expect(t, "keys", keys(t, s), "message offset time type user username")
			expect(t, "fields", inside(t, s, "offset")+inside(t, s, "user")+inside(t, s, "username")+inside(t, s, "message"), `1"`+w.User+`""Alice""hi"`)
			if !wireTime.MatchString(inside(t, s, "time")) {
				t.Errorf("time %s", inside(t, s, "time"))
			}
			p.send(`{"type":"message","message":"hi","id":"c1"}`)
			s = p.textOf("message")
			expect(t, "keys", keys(t, s), "id message offset time type user username")
			expect(t, "id", inside(t, s, "id"), `"c1"`)
		}},
		{"private comes to the two users' connections and to nobody else", func(t *testing.T) {
			srv, base := serve(t)
			a := dial(t, base, "r", true, "username", "Alice")
			aw := a.until("welcome")
			a2 := dial(t, base, "r", true, "username", "Alice", "session", aw.Session)
			a2.until("welcome")
			b := dial(t, base, "r", true, "username", "Bob")
			bw := b.until("welcome")
			b2 := dial(t, base, "r", true, "username", "Bob", "session", bw.Session)
			b2.until("welcome")
			c := dial(t, base, "r", true, "username", "Carol")
			c.until("welcome")
			a.send(`{"type":"private","to":"` + bw.User + `","message":"psst","id":"c2"}`)
			s := a.kept("private")
			expect(t, "keys", keys(t, s), "id message offset time to to_username type user username")
			expect(t, "fields", inside(t, s, "user")+inside(t, s, "username")+inside(t, s, "to")+inside(t, s, "to_username")+inside(t, s, "message"),
				`"`+aw.User+`""Alice""`+bw.User+`""Bob""psst"`)
			for _, p := range []*peer{a2, b, b2} {
				expect(t, "the same object", p.textOf("private"), s)
			}
			publish(t, srv, "r", "end")
			expect(t, "Carol sees", slices.Contains(c.upTo("end"), "private"), false)
		}},
		{"system tells of joining and leaving, but not who joins", func(t *testing.T) {
			srv, base := serve(t)
			a := dial(t, base, "r", true, "username", "Alice")
			a.until("welcome")
			b := dial(t, base, "r", true, "username", "Bob")
			bw := b.until("welcome")
			s := a.text()
			expect(t, "keys", keys(t, s), "event message time type user username")
			expect(t, "join", inside(t, s, "event")+inside(t, s, "user")+inside(t, s, "username")+inside(t, s, "message"), `"join""`+bw.User+`""Bob""Bob joined the room"`)
			publish(t, srv, "r", "end")
			expect(t, "Bob hears", len(b.upTo("end")), 0)
			b.conn.Close(1000, "")
			s = a.textOf("system")
			expect(t, "leave", inside(t, s, "event")+inside(t, s, "message"), `"leave""Bob left the room"`)
			page, err := srv.History(t.Context(), "r", "", chatlog.Range{})
			expect(t, "history", fmt.Sprint(len(page.Events), err), "1 <nil>")
		}},
		{"presence gathers joins and leaves above a size, in place of system", func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				v1, plain := b.dial("r", true, "username=A"), b.dial("r", false, "username=B")
				v1.until("welcome")
				plain.here()
				synctest.Wait()                      // until both have been told of, while the room is small
				c := b.dial("r", true, "username=C") // from here on there are more than two
				cw := c.until("welcome")
				d := b.dial("r", true, "username=D")
				d.until("welcome")
				d.conn.Close(1000, "") // came and went meanwhile
				synctest.Wait()
				start := time.Now()
				s := v1.textOf("presence")
				if d := time.Since(start); d != 250*time.Millisecond {
					t.Errorf("after %v", d)
				}
				expect(t, "presence", s, `{"type":"presence","joined":[{"user":"`+cw.User+`","username":"C"}],"left":[],"count":3}`)
				c.conn.Close(1000, "")
				synctest.Wait()                      // until C has left, before there are more again
				e := b.dial("r", true, "username=E") // above the size again
				ew := e.until("welcome")
				s = v1.textOf("presence")
				expect(t, "joined", inside(t, s, "joined"), `[{"user":"`+ew.User+`","username":"E"}]`)
				publish(t, b.Server, "r", "end")
				expect(t, "plain hears", plain.next().Message, "C left the room") // the room was small then
				expect(t, "plain hears", plain.next().Message, "end")
			}, chat.WithPresenceSize(2))
		}},
		{"presence names all who came, unless that is too much for the room", func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				v1 := b.dial("r", true, "username=A")
				v1.until("welcome")
				b.dial("r", false, "")
				synctest.Wait() // until both have been told of, while the room is small
				for range 50 {
					b.dial("r", false, "")
				}
				expect(t, "joined", strings.Count(inside(t, v1.textOf("presence"), "joined"), `"user"`), 50)
			}, chat.WithPresenceSize(2))
		}},
		{"typing never reaches the typist, plain members or the history", func(t *testing.T) {
			srv, base := serve(t)
			plain := dial(t, base, "r", false).here()
			a := dial(t, base, "r", true, "username", "Alice")
			aw := a.until("welcome")
			a2 := dial(t, base, "r", true, "username", "Alice", "session", aw.Session)
			a2.until("welcome")
			b := dial(t, base, "r", true, "username", "Bob")
			b.until("welcome")
			a.send(`{"type":"typing"}`)
			expect(t, "Bob gets", b.textOf("typing"), `{"type":"typing","user":"`+aw.User+`","username":"Alice"}`)
			publish(t, srv, "r", "end")
			for _, p := range []*peer{a, a2} {
				expect(t, "the typist gets", slices.Contains(p.upTo("end"), "typing"), false)
			}
			for o := plain.next(); o.Message != "end"; o = plain.next() {
				expect(t, "plain gets", o.Type, "system")
			}
			_, body := get(t, base+"/rooms/r/messages")
			expect(t, "history", strings.Contains(body, "typing"), false)
		}},
		{"of typing, one notice every 2 s is passed on", func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				a, o := b.dial("r", true, "username=A"), b.dial("r", true, "username=B")
				a.until("welcome")
				o.until("welcome")
				n := 0
				done := make(chan struct{})
				go a.closed()
				go func() {
					defer close(done)
					for got := o.next(); got.Message != "end"; got = o.next() {
						if got.Type == "typing" {
							n++
						}
					}
				}()
				for range 100 {
					a.send(`{"type":"typing"}`)
					time.Sleep(100 * time.Millisecond)
				}
				publish(t, b.Server, "r", "end")
				<-done
				expect(t, "notices in 10 s", n, 5)
			})
		}},
		{"ack comes once a message with an id is in the log, and only then", func(t *testing.T) {
			srv, base := serve(t)
			p := dial(t, base, "r", true)
			p.until("welcome")
			p.send(`{"type":"message","message":"silent"}`)
			p.send(`{"type":"message","message":"hi","id":"c1"}`)
			expect(t, "ack", p.textOf("ack"), `{"type":"ack","id":"c1","offset":2}`)
			page, err := srv.History(t.Context(), "r", "", chatlog.Range{})
			expect(t, "log", fmt.Sprint(len(page.Events), err), "2 <nil>")
		}},
		{"a repeated id gets the first offset and is broadcast to no one", func(t *testing.T) {
			srv, base := serve(t)
			a := dial(t, base, "r", true)
			w := a.until("welcome")
			b := dial(t, base, "r", true)
			b.until("welcome")
			a.send(`{"type":"message","message":"hi","id":"c1"}`)
			a.kept("message")
			a.send(`{"type":"message","message":"changed","id":"c1"}`)
			expect(t, "second ack", a.textOf("ack"), `{"type":"ack","id":"c1","offset":1}`)
			again := dial(t, base, "r", true, "session", w.Session)
			again.until("welcome")
			again.send(`{"type":"message","message":"hi","id":"c1"}`)
			expect(t, "ack to another connection", again.textOf("ack"), `{"type":"ack","id":"c1","offset":1}`)
			b.send(`{"type":"message","message":"another's","id":"c1"}`)
			expect(t, "another user's", b.textOf("ack"), `{"type":"ack","id":"c1","offset":2}`)
			_, body := get(t, base+"/rooms/r/messages")
			expect(t, "in the log", fmt.Sprint(strings.Count(body, `"hi"`), strings.Count(body, "changed"), strings.Count(body, "another's")), "1 0 1")
			n := 0
			publish(t, srv, "r", "end")
			for _, typ := range a.upTo("end") {
				if typ == "message" {
					n++
				}
			}
			expect(t, "messages after the first ack", n, 1)
		}},
		{"unavailable says when to send again with the same id", func(t *testing.T) {
			log := &brokenLog{Log: chat.NewMemoryLog(0)}
			log.appends.Store(true)
			_, base := serve(t, quiet, chat.WithLog(log))
			p := dial(t, base, "r", true)
			p.until("welcome")
			p.send(`{"type":"message","message":"hi","id":"c1"}`)
			if o := p.next(); o.Code != "unavailable" || o.ID != "c1" || o.RetryMS <= 0 {
				t.Errorf("%+v", o)
			}
			log.appends.Store(false)
			p.send(`{"type":"message","message":"hi","id":"c1"}`)
			expect(t, "ack", p.textOf("ack"), `{"type":"ack","id":"c1","offset":1}`)
		}},
	})
}
