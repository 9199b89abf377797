package protocol

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestProtocolAnswers(t *testing.T) {
	t.Parallel()
	runBoth(t, []sentence{
		{"history answers with messages, first, more and the request", func(t *testing.T) {
			srv, base := harness.Serve(t)
			harness.Publish(t, srv, "r", "x")
			p := dial(t, base, "r", true)
			p.Until("welcome")
			one := p.Text()
			p.Send(`{"type":"history","before":120,"limit":50}`)
			harness.Expect(t, "history", p.Text(), `{"type":"history","messages":[`+one+`],"first":1,"more":false}`)
			p.Send(`{"type":"history","limit":1,"id":"i1"}`)
			harness.Expect(t, "history", p.Text(), `{"type":"history","messages":[`+one+`],"first":1,"more":false,"request":"i1"}`)
			p.Send(`{"type":"history","limit":1,"id":"i1","request":"r1"}`)
			harness.Expect(t, "history", p.Text(), `{"type":"history","messages":[`+one+`],"first":1,"more":false,"request":"r1"}`)
		}},
		{"pong has the ping's id", func(t *testing.T) {
			_, base := harness.Serve(t)
			p := dial(t, base, "r", true)
			p.Until("welcome")
			p.Send(`{"type":"ping","id":"p1"}`)
			harness.Expect(t, "pong", p.Text(), `{"type":"pong","id":"p1"}`)
			p.Send(`{"type":"ping"}`)
			harness.Expect(t, "pong", p.Text(), `{"type":"pong"}`)
		}},
		{"error has code, message, and the object's id", func(t *testing.T) {
			_, base := harness.Serve(t)
			p := dial(t, base, "r", true)
			p.Until("welcome")
			p.Send(`{"type":"message","message":"","id":"c1"}`)
			s := p.Text()
			harness.Expect(t, "keys", harness.Keys(t, s), "code id message type")
			p.Send(`{"type":"message","message":""}`)
			harness.Expect(t, "keys", harness.Keys(t, p.Text()), "code message type")
		}},
		{"rate_limited says when to try again, and the message is not sent", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				p := b.Dial("r", true, "")
				p.Until("welcome")
				sent := 0
				for start := time.Now(); time.Since(start) < 10*time.Second; {
					p.Send(`{"type":"message","message":"x","id":"` + fmt.Sprint(sent) + `"}`)
					o := p.Next()
					for o.Type == "message" {
						o = p.Next()
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
				harness.Expect(t, "sent in 10 s", sent, 5+2*10-1) // the last at 9.5 s
				harness.Expect(t, "kept", b.Stats().Messages, uint64(sent))
			}, chat.WithRateLimit(2, 5))
		}},
		{"rejected and forbidden say why", func(t *testing.T) {
			_, base := harness.Serve(t, chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error { return chat.Refuse("not nice") }),
				chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
					if a == chat.ActionPrivate || a == chat.ActionRead || a == chat.ActionTyping {
						return chat.Refuse("not you")
					}
					return nil
				}))
			p := dial(t, base, "r", true)
			p.Until("welcome")
			p.Send(`{"type":"message","message":"x","id":"c1"}`)
			harness.Expect(t, "rejected", p.Text(), `{"type":"error","code":"rejected","message":"not nice","id":"c1"}`)
			for _, o := range []string{`{"type":"private","to":"u1","message":"x","id":"c1"}`, `{"type":"history","id":"c1"}`, `{"type":"typing","id":"c1"}`} {
				p.Send(o)
				harness.Expect(t, o, p.Text(), `{"type":"error","code":"forbidden","message":"not you","id":"c1"}`)
			}
		}},
		{"goodbye comes before a shutdown, with times that differ", func(t *testing.T) {
			srv, base := harness.Serve(t)
			retry := map[int64]bool{}
			var peers []*harness.Peer
			for range 20 {
				p := dial(t, base, "r", true)
				p.Until("welcome")
				peers = append(peers, p)
			}
			go srv.Shutdown(context.Background())
			for _, p := range peers {
				s := p.TextOf("goodbye")
				harness.Expect(t, "keys", harness.Keys(t, s), "reason retry_after_ms type")
				var ms int64
				fmt.Sscan(harness.Value(t, s, "retry_after_ms"), &ms)
				retry[ms] = true
				harness.Expect(t, "code", p.Closed(), 1001)
			}
			if len(retry) < 10 || retry[0] {
				t.Errorf("times %v", retry)
			}
		}},
		{"on joining there are only one's own private messages", func(t *testing.T) {
			fresh := func() (*chat.Server, string) {
				srv, base := harness.Serve(t, harness.UserByHeader)
				for _, to := range []string{"u1", "u2", ""} {
					if _, err := srv.Publish(t.Context(), "r", chat.Message{UserID: "u3", To: to, Text: "to " + to}); err != nil {
						t.Fatal(err)
					}
				}
				return srv, base
			}
			for user, want := range map[string]string{"u1": "1 3 ", "u2": "2 3 ", "u3": "1 2 3 ", "u4": "3 "} {
				srv, base := fresh()
				p := dial(t, base, "r", true, "as", user)
				p.Until("welcome")
				got := ""
				harness.Publish(t, srv, "r", "end of "+user)
				for o := p.Next(); o.Message != "end of "+user; o = p.Next() {
					if o.Offset > 0 {
						got += fmt.Sprint(o.Offset, " ")
					}
				}
				harness.Expect(t, user+" gets", got, want)
			}
		}},
	})
}
