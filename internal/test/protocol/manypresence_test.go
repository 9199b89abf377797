package protocol

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestManyPresence is about who is in which room: each counts as a connection of its own.
func TestManyPresence(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"each room is told of a join, and of a leave", func(t *testing.T) {
			k := newTalk(t)
			a, _ := k.many("a", "b")
			p := harness.Dial(t, k.base, harness.Many, true, "username", "Bob")
			p.Until("hello")
			for _, room := range []string{"a", "b"} {
				enters(p, room)
				s := a.Text()
				if !strings.HasPrefix(s, `{"type":"system","room":"`+room+`","event":"join",`) || !strings.Contains(s, `"message":"Bob joined the room"`) {
					t.Error(s)
				}
			}
			p.Send(`{"type":"leave","room":"a"}`)
			harness.Expect(t, "a hears", in(a.Next()), "a: system Bob left the room")
			harness.Expect(t, "users in a and b", fmt.Sprint(present(t, k.srv, "a"), present(t, k.srv, "b")), "1 2")
			_, body := harness.Get(t, k.base+"/rooms")
			harness.Expect(t, "rooms", body, `{"a":1,"b":2}`)
			p.Conn.Close(1000, "") // clean: no grace
			harness.Expect(t, "a hears", in(a.Next()), "b: system Bob left the room")
		}},
		{"the grace is that of each room", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				w := b.Dial(harness.Many, true, "")
				w.Until("hello")
				enters(w, "a", "b", "c")
				p := b.Dial(harness.Many, true, "username=Bob")
				session := p.Until("hello").Session
				for _, room := range []string{"a", "b", "c"} {
					enters(p, room)
					harness.Expect(t, "heard", in(w.Next()), room+": system Bob joined the room")
				}
				p.Send(`{"type":"leave","room":"c"}`) // on purpose: no grace
				harness.Expect(t, "heard", in(w.Next()), "c: system Bob left the room")
				p.Conn.CloseNow()
				start := time.Now()
				time.Sleep(4 * time.Second)
				p = b.Dial(harness.Many, true, "username=Bob&session="+session)
				p.Until("hello")
				enters(p, "a") // and not b
				harness.Expect(t, "heard", in(w.Next()), "b: system Bob left the room")
				harness.Expect(t, "after", time.Since(start), 5*time.Second)
				synctest.Wait()
				harness.Publish(t, b.Server, "a", "end")
				harness.Expect(t, "heard", in(w.Next()), "a: message 1 end")
			})
		}},
		{"who is told to come back to one room is present there for the grace", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				w := b.Dial("a", true, "")
				w.Until("welcome")
				p := b.Dial(harness.Many, true, "username=Bob")
				p.Until("hello")
				enters(p, "a", "b")
				w.Until("system")
				for range 100 {
					harness.Publish(t, b.Server, "a", strings.Repeat("x", 10_000))
					w.Until("message")
				}
				start := time.Now()
				p.Until("left")
				time.Sleep(4 * time.Second)
				enters(p, "a")
				for o := p.Next(); o.Offset < 100; o = p.Next() {
				}
				p.Send(`{"type":"leave","room":"a"}`)
				p.Until("left")
				harness.Expect(t, "the first that is heard of it", in(w.Next()), ": system Bob left the room")
				harness.Expect(t, "after", time.Since(start), 4*time.Second)
			}, harness.Quiet, chat.WithMessageSize(10_000), chat.WithDataSize(1000), chat.WithMaxLag(1), chat.WithResume(1))
		}},
		{"a room that is full refuses this room alone", func(t *testing.T) {
			k := newTalk(t, chat.WithMaxMembers(2))
			k.many("a", "b")
			harness.Dial(t, k.base, "a", true).Until("welcome")
			p, _ := k.many()
			p.Send(`{"type":"join","room":"a","id":"1"}`)
			harness.Expect(t, "answer", p.TextOf("error"), `{"type":"error","room":"a","code":"too_many","message":"limit reached: members of the room","id":"1"}`)
			enters(p, "b")
			does(p, `{"type":"message","room":"b","message":"m"}`, "message 1 m")
			harness.Expect(t, "members", k.srv.Stats().Members, 4)
		}},
		{"the limit of rooms of the server counts them, too", func(t *testing.T) {
			k := newTalk(t, chat.WithMaxRooms(2))
			p, _ := k.many("a", "b")
			does(p, `{"type":"join","room":"c"}`, "error too_many")
			p.Send(`{"type":"leave","room":"a"}`)
			p.Until("left")
			enters(p, "c")
		}},
		{"a user who is in the room over another connection, too, is there once", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader)
			w := harness.Dial(t, k.base, "r", true, "as", "w")
			w.Until("welcome")
			one := harness.Dial(t, k.base, "r", true, "as", "u1/Ann")
			one.Until("welcome")
			w.Until("system")
			many := harness.Dial(t, k.base, harness.Many, true, "as", "u1/Ann")
			many.Until("hello")
			enters(many, "r", "other")
			list, n, err := k.srv.Members(t.Context(), "r", 10)
			if err != nil || n != 2 || list[0].Connections+list[1].Connections != 3 {
				t.Errorf("%+v, %v", list, err)
			}
			does(many, `{"type":"message","room":"r","message":"m","id":"1"}`, "message 1 1 m", "ack 1 1")
			harness.Expect(t, "over one", line(one.Next()), "message 1 1 m")
			does(one, `{"type":"message","message":"m","id":"1"}`, "ack 1 1") // it is the same
			one.Send(`{"type":"typing"}`)
			does(one, `{"type":"read","offset":1,"id":"2"}`, "ack 1 2")
			harness.Expect(t, "over many", in(many.Next()), "r: read 1")
			does(many, `{"type":"private","room":"r","to":"w","message":"p"}`, "private 2 p")
			harness.Expect(t, "over one", line(one.Next()), "private 2 p")
			many.Send(`{"type":"leave","room":"r"}`)
			many.Until("left")
			harness.Publish(t, k.srv, "r", "end")
			for _, want := range []string{"message 1 1 m", "typing", "private 2 p", "message 3 end"} {
				harness.Expect(t, "w hears", line(w.Next()), want)
			}
			one.Conn.Close(1000, "")
			harness.Expect(t, "w hears", line(w.Next()), "system Ann left the room")
		}},
		{"in a large room, presence objects name it", func(t *testing.T) {
			k := newTalk(t, chat.WithPresenceSize(1))
			p, _ := k.many("a", "b")
			k.many("a", "b")
			for range 2 {
				if s := p.TextOf("presence"); !strings.HasPrefix(s, `{"type":"presence","room":"a",`) && !strings.HasPrefix(s, `{"type":"presence","room":"b",`) {
					t.Error(s)
				}
			}
		}},
	})
}
