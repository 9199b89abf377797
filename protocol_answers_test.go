package chat_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
)

func TestProtocolAnswers(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"history answers with messages, first, more and the request", func(t *testing.T) {
			srv, base := serve(t)
			publish(t, srv, "r", "x")
			p := dial(t, base, "r", true)
			p.until("welcome")
			one := p.text()
			p.send(`{"type":"history","before":120,"limit":50}`)
			expect(t, "history", p.text(), `{"type":"history","messages":[`+one+`],"first":1,"more":false}`)
			p.send(`{"type":"history","limit":1,"id":"i1"}`)
			expect(t, "history", p.text(), `{"type":"history","messages":[`+one+`],"first":1,"more":false,"request":"i1"}`)
			p.send(`{"type":"history","limit":1,"id":"i1","request":"r1"}`)
			expect(t, "history", p.text(), `{"type":"history","messages":[`+one+`],"first":1,"more":false,"request":"r1"}`)
		}},
		{"pong has the ping's id", func(t *testing.T) {
			_, base := serve(t)
			p := dial(t, base, "r", true)
			p.until("welcome")
			p.send(`{"type":"ping","id":"p1"}`)
			expect(t, "pong", p.text(), `{"type":"pong","id":"p1"}`)
			p.send(`{"type":"ping"}`)
			expect(t, "pong", p.text(), `{"type":"pong"}`)
		}},
		{"error has code, message, and the object's id", func(t *testing.T) {
			_, base := serve(t)
			p := dial(t, base, "r", true)
			p.until("welcome")
			p.send(`{"type":"message","message":"","id":"c1"}`)
			s := p.text()
			expect(t, "keys", keys(t, s), "code id message type")
			p.send(`{"type":"message","message":""}`)
			expect(t, "keys", keys(t, p.text()), "code message type")
		}},
		{"rate_limited says when to try again, and the message is not sent", func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				p := b.dial("r", true, "")
				p.until("welcome")
				sent := 0
				for start := time.Now(); time.Since(start) < 10*time.Second; {
					p.send(`{"type":"message","message":"x","id":"` + fmt.Sprint(sent) + `"}`)
					o := p.next()
					for o.Type == "message" {
						o = p.next()
					}
					if o.Type == "ack" {
						sent++
						continue
					}
					if o.Code != "rate_limited" || o.ID != fmt.Sprint(sent) || o.RetryMS != 500 {
						t.Fatalf("%+v", o)
					}
					time.Sleep(time.Duration(o.RetryMS) * time.Millisecond)
				}
				expect(t, "sent in 10 s", sent, 5+2*10-1) // the last at 9.5 s
				expect(t, "kept", b.Stats().Messages, uint64(sent))
			}, chat.WithRateLimit(2, 5))
		}},
		{"rejected and forbidden say why", func(t *testing.T) {
			_, base := serve(t, chat.WithFilter(func(*chat.Event) error { return errors.New("not nice") }),
				chat.WithAuthorizer(func(_ chat.User, _ string, a chat.Action) error {
					if a == chat.ActionPrivate || a == chat.ActionRead || a == chat.ActionTyping {
						return errors.New("not you")
					}
					return nil
				}))
			p := dial(t, base, "r", true)
			p.until("welcome")
			p.send(`{"type":"message","message":"x","id":"c1"}`)
			expect(t, "rejected", p.text(), `{"type":"error","code":"rejected","message":"not nice","id":"c1"}`)
			for _, o := range []string{`{"type":"private","to":"u1","message":"x","id":"c1"}`, `{"type":"history","id":"c1"}`, `{"type":"typing","id":"c1"}`} {
				p.send(o)
				expect(t, o, p.text(), `{"type":"error","code":"forbidden","message":"not you","id":"c1"}`)
			}
		}},
		{"goodbye comes before a shutdown, with times that differ", func(t *testing.T) {
			srv, base := serve(t)
			retry := map[int64]bool{}
			var peers []*peer
			for range 20 {
				p := dial(t, base, "r", true)
				p.until("welcome")
				peers = append(peers, p)
			}
			go srv.Shutdown(context.Background())
			for _, p := range peers {
				s := p.textOf("goodbye")
				expect(t, "keys", keys(t, s), "reason retry_after_ms type")
				var ms int64
				fmt.Sscan(inside(t, s, "retry_after_ms"), &ms)
				retry[ms] = true
				expect(t, "code", p.closed(), 1001)
			}
			if len(retry) < 10 || retry[0] {
				t.Errorf("times %v", retry)
			}
		}},
		{"on joining there are only one's own private messages", func(t *testing.T) {
			fresh := func() (*chat.Server, string) {
				srv, base := serve(t, byHeader)
				for _, to := range []string{"u1", "u2", ""} {
					if _, err := srv.Publish(t.Context(), "r", chat.Event{UserID: "u3", To: to, Text: "to " + to}); err != nil {
						t.Fatal(err)
					}
				}
				return srv, base
			}
			for user, want := range map[string]string{"u1": "1 3 ", "u2": "2 3 ", "u3": "1 2 3 ", "u4": "3 "} {
				srv, base := fresh()
				p := dial(t, base, "r", true, "as", user)
				p.until("welcome")
				got := ""
				publish(t, srv, "r", "end of "+user)
				for o := p.next(); o.Message != "end of "+user; o = p.next() {
					if o.Offset > 0 {
						got += fmt.Sprint(o.Offset, " ")
					}
				}
				expect(t, user+" gets", got, want)
			}
		}},
	})
}
