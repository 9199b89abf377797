package protocol

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

var wireTime = regexp.MustCompile(`^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"$`)

func TestProtocolV1(t *testing.T) {
	t.Parallel()
	runBoth(t, []sentence{
		{"welcome is first and has every field", func(t *testing.T) {
			srv, base := harness.Serve(t, chat.WithMessageSize(1000), chat.WithDataSize(500), chat.WithRateLimit(2.5, 7))
			harness.Publish(t, srv, "r", "before")
			p := dial(t, base, "r", true, "username", "Alice")
			s := p.Text()
			harness.Expect(t, "keys", harness.Keys(t, s), "gap limits member_count members position protocol read resumed room session time type unread user username")
			harness.Expect(t, "type", harness.Value(t, s, "type")+harness.Value(t, s, "protocol")+harness.Value(t, s, "room")+harness.Value(t, s, "username"), `"welcome""chat.v1""r""Alice"`)
			harness.Expect(t, "resumed and gap", harness.Value(t, s, "resumed")+harness.Value(t, s, "gap"), "falsefalse")
			harness.Expect(t, "members", harness.Value(t, s, "members"), `[{"user":`+harness.Value(t, s, "user")+`,"username":"Alice","connections":1}]`)
			harness.Expect(t, "limits", harness.Value(t, s, "limits"), `{"message_bytes":1000,"data_bytes":500,"rate_per_second":2.5,"burst":7}`)
			if !regexp.MustCompile(`^"[\w.-]+:1"$`).MatchString(harness.Value(t, s, "position")) || len(harness.Value(t, s, "session")) < 24 {
				t.Errorf("position or session in %s", s)
			}
			harness.Expect(t, "after it", p.Next().Message, "before")
		}},
		{"limits without a rate are 0", func(t *testing.T) {
			_, base := harness.Serve(t)
			s := dial(t, base, "r", true).Text()
			harness.Expect(t, "limits", harness.Value(t, s, "limits"), `{"message_bytes":16384,"data_bytes":8192,"rate_per_second":0,"burst":0}`)
		}},
		{"what follows up to position is replay", func(t *testing.T) {
			srv, base := harness.Serve(t)
			for i := range 10 {
				harness.Publish(t, srv, "r", fmt.Sprint(i))
			}
			p := dial(t, base, "r", true)
			position := p.Until("welcome").Position
			harness.Expect(t, "position", position[strings.Index(position, ":"):], ":10")
			harness.Publish(t, srv, "r", "live")
			harness.Expect(t, "replay", len(p.UpTo("live")), 10)
		}},
		{"message has its fields, and id only if the sender gave one", func(t *testing.T) {
			_, base := harness.Serve(t)
			p := dial(t, base, "r", true, "username", "Alice")
			w := p.Until("welcome")
			p.Send(`{"type":"message","message":"hi"}`)
			s := p.Text()
			harness.Expect(t, "keys", harness.Keys(t, s), "message offset time type user username")
			harness.Expect(t, "fields", harness.Value(t, s, "offset")+harness.Value(t, s, "user")+harness.Value(t, s, "username")+harness.Value(t, s, "message"), `1"`+w.User+`""Alice""hi"`)
			if !wireTime.MatchString(harness.Value(t, s, "time")) {
				t.Errorf("time %s", harness.Value(t, s, "time"))
			}
			p.Send(`{"type":"message","message":"hi","id":"c1"}`)
			s = p.TextOf("message")
			harness.Expect(t, "keys", harness.Keys(t, s), "id message offset time type user username")
			harness.Expect(t, "id", harness.Value(t, s, "id"), `"c1"`)
		}},
		{"private comes to the two users' connections and to nobody else", func(t *testing.T) {
			srv, base := harness.Serve(t)
			a := dial(t, base, "r", true, "username", "Alice")
			aw := a.Until("welcome")
			a2 := dial(t, base, "r", true, "username", "Alice", "session", aw.Session)
			a2.Until("welcome")
			b := dial(t, base, "r", true, "username", "Bob")
			bw := b.Until("welcome")
			b2 := dial(t, base, "r", true, "username", "Bob", "session", bw.Session)
			b2.Until("welcome")
			c := dial(t, base, "r", true, "username", "Carol")
			c.Until("welcome")
			a.Send(`{"type":"private","to":"` + bw.User + `","message":"psst","id":"c2"}`)
			s := a.Kept("private")
			harness.Expect(t, "keys", harness.Keys(t, s), "id message offset time to to_username type user username")
			harness.Expect(t, "fields", harness.Value(t, s, "user")+harness.Value(t, s, "username")+harness.Value(t, s, "to")+harness.Value(t, s, "to_username")+harness.Value(t, s, "message"),
				`"`+aw.User+`""Alice""`+bw.User+`""Bob""psst"`)
			for _, p := range []*harness.Peer{a2, b, b2} {
				harness.Expect(t, "the same object", p.TextOf("private"), s)
			}
			harness.Publish(t, srv, "r", "end")
			harness.Expect(t, "Carol sees", slices.Contains(c.UpTo("end"), "private"), false)
		}},
		{"system tells of joining and leaving, but not who joins", func(t *testing.T) {
			srv, base := harness.Serve(t)
			a := dial(t, base, "r", true, "username", "Alice")
			a.Until("welcome")
			b := dial(t, base, "r", true, "username", "Bob")
			bw := b.Until("welcome")
			s := a.Text()
			harness.Expect(t, "keys", harness.Keys(t, s), "event message time type user username")
			harness.Expect(t, "join", harness.Value(t, s, "event")+harness.Value(t, s, "user")+harness.Value(t, s, "username")+harness.Value(t, s, "message"), `"join""`+bw.User+`""Bob""Bob joined the room"`)
			harness.Publish(t, srv, "r", "end")
			harness.Expect(t, "Bob hears", len(b.UpTo("end")), 0)
			b.Conn.Close(1000, "")
			s = a.TextOf("system")
			harness.Expect(t, "leave", harness.Value(t, s, "event")+harness.Value(t, s, "message"), `"leave""Bob left the room"`)
			page, err := srv.History(t.Context(), "r", chat.Query{})
			harness.Expect(t, "history", fmt.Sprint(len(page.Events), err), "1 <nil>")
		}},
		{"presence gathers joins and leaves above a size, in place of system", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				v1, plain := b.Dial("r", true, "username=A"), b.Dial("r", false, "username=B")
				v1.Until("welcome")
				plain.Here()
				synctest.Wait()                      // until both have been told of, while the room is small
				c := b.Dial("r", true, "username=C") // from here on there are more than two
				cw := c.Until("welcome")
				d := b.Dial("r", true, "username=D")
				d.Until("welcome")
				d.Conn.Close(1000, "") // came and went meanwhile
				synctest.Wait()
				start := time.Now()
				s := v1.TextOf("presence")
				if d := time.Since(start); d != 250*time.Millisecond {
					t.Errorf("after %v", d)
				}
				harness.Expect(t, "presence", s, `{"type":"presence","joined":[{"user":"`+cw.User+`","username":"C"}],"left":[],"count":3}`)
				c.Conn.Close(1000, "")
				synctest.Wait()                      // until C has left, before there are more again
				e := b.Dial("r", true, "username=E") // above the size again
				ew := e.Until("welcome")
				s = v1.TextOf("presence")
				harness.Expect(t, "joined", harness.Value(t, s, "joined"), `[{"user":"`+ew.User+`","username":"E"}]`)
				harness.Publish(t, b.Server, "r", "end")
				harness.Expect(t, "plain hears", plain.Next().Message, "C left the room") // the room was small then
				harness.Expect(t, "plain hears", plain.Next().Message, "end")
			}, chat.WithPresenceSize(2))
		}},
		{"presence names all who came, unless that is too much for the room", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				v1 := b.Dial("r", true, "username=A")
				v1.Until("welcome")
				b.Dial("r", false, "")
				synctest.Wait() // until both have been told of, while the room is small
				for range 50 {
					b.Dial("r", false, "")
				}
				harness.Expect(t, "joined", strings.Count(harness.Value(t, v1.TextOf("presence"), "joined"), `"user"`), 50)
			}, chat.WithPresenceSize(2))
		}},
		{"typing never reaches the typist, plain members or the history", func(t *testing.T) {
			srv, base := harness.Serve(t)
			plain := dial(t, base, "r", false).Here()
			a := dial(t, base, "r", true, "username", "Alice")
			aw := a.Until("welcome")
			a2 := dial(t, base, "r", true, "username", "Alice", "session", aw.Session)
			a2.Until("welcome")
			b := dial(t, base, "r", true, "username", "Bob")
			b.Until("welcome")
			a.Send(`{"type":"typing"}`)
			harness.Expect(t, "Bob gets", b.TextOf("typing"), `{"type":"typing","user":"`+aw.User+`","username":"Alice"}`)
			harness.Publish(t, srv, "r", "end")
			for _, p := range []*harness.Peer{a, a2} {
				harness.Expect(t, "the typist gets", slices.Contains(p.UpTo("end"), "typing"), false)
			}
			for o := plain.Next(); o.Message != "end"; o = plain.Next() {
				harness.Expect(t, "plain gets", o.Type, "system")
			}
			_, body := harness.Get(t, base+"/rooms/r/messages")
			harness.Expect(t, "history", strings.Contains(body, "typing"), false)
		}},
		{"of typing, one notice every 2 s is passed on", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				a, o := b.Dial("r", true, "username=A"), b.Dial("r", true, "username=B")
				a.Until("welcome")
				o.Until("welcome")
				n := 0
				done := make(chan struct{})
				go a.Closed()
				go func() {
					defer close(done)
					for got := o.Next(); got.Message != "end"; got = o.Next() {
						if got.Type == "typing" {
							n++
						}
					}
				}()
				for range 100 {
					a.Send(`{"type":"typing"}`)
					time.Sleep(100 * time.Millisecond)
				}
				harness.Publish(t, b.Server, "r", "end")
				<-done
				harness.Expect(t, "notices in 10 s", n, 5)
			})
		}},
		{"ack comes once a message with an id is in the log, and only then", func(t *testing.T) {
			srv, base := harness.Serve(t)
			p := dial(t, base, "r", true)
			p.Until("welcome")
			p.Send(`{"type":"message","message":"silent"}`)
			p.Send(`{"type":"message","message":"hi","id":"c1"}`)
			harness.Expect(t, "ack", p.TextOf("ack"), `{"type":"ack","id":"c1","offset":2}`)
			page, err := srv.History(t.Context(), "r", chat.Query{})
			harness.Expect(t, "log", fmt.Sprint(len(page.Events), err), "2 <nil>")
		}},
		{"a repeated id gets the first offset and is broadcast to no one", func(t *testing.T) {
			srv, base := harness.Serve(t)
			a := dial(t, base, "r", true)
			w := a.Until("welcome")
			b := dial(t, base, "r", true)
			b.Until("welcome")
			a.Send(`{"type":"message","message":"hi","id":"c1"}`)
			a.Kept("message")
			a.Send(`{"type":"message","message":"changed","id":"c1"}`)
			harness.Expect(t, "second ack", a.TextOf("ack"), `{"type":"ack","id":"c1","offset":1}`)
			again := dial(t, base, "r", true, "session", w.Session)
			again.Until("welcome")
			again.Send(`{"type":"message","message":"hi","id":"c1"}`)
			harness.Expect(t, "ack to another connection", again.TextOf("ack"), `{"type":"ack","id":"c1","offset":1}`)
			b.Send(`{"type":"message","message":"another's","id":"c1"}`)
			harness.Expect(t, "another user's", b.TextOf("ack"), `{"type":"ack","id":"c1","offset":2}`)
			_, body := harness.Get(t, base+"/rooms/r/messages")
			harness.Expect(t, "in the log", fmt.Sprint(strings.Count(body, `"hi"`), strings.Count(body, "changed"), strings.Count(body, "another's")), "1 0 1")
			n := 0
			harness.Publish(t, srv, "r", "end")
			for _, typ := range a.UpTo("end") {
				if typ == "message" {
					n++
				}
			}
			harness.Expect(t, "messages after the first ack", n, 1)
		}},
		{"unavailable says when to send again with the same id", func(t *testing.T) {
			log := &brokenLog{Log: chat.NewMemoryLog(chat.MemoryOptions{})}
			log.appends.Store(true)
			_, base := harness.Serve(t, harness.Quiet, chat.WithLog(log))
			p := dial(t, base, "r", true)
			p.Until("welcome")
			p.Send(`{"type":"message","message":"hi","id":"c1"}`)
			if o := p.Next(); o.Code != "unavailable" || o.ID != "c1" || o.RetryMS <= 0 {
				t.Errorf("%+v", o)
			}
			log.appends.Store(false)
			p.Send(`{"type":"message","message":"hi","id":"c1"}`)
			harness.Expect(t, "ack", p.TextOf("ack"), `{"type":"ack","id":"c1","offset":1}`)
		}},
	})
}
