package protocol

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// secret has the form of a session.
const secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// errorCode returns the code of an error's body.
func errorCode(body string) string {
	_, rest, _ := strings.Cut(body, `"code":"`)
	code, _, _ := strings.Cut(rest, `"`)
	return code
}

func TestProtocolPosts(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"a text is a message, verbatim", func(t *testing.T) {
			_, base := harness.Serve(t)
			l := harness.Listen(t, base, "r")
			for i, text := range []string{"hello", `{"type":"typing"}`, " a \n\"b\" "} {
				status, answer := harness.Say(t, base, "r", text, "username", "Ann", "Content-Type:", "text/plain; charset=utf-8")
				harness.Expect(t, "answer", fmt.Sprint(status, answer), fmt.Sprintf(`200{"type":"ack","offset":%d}`, i+1))
				o := l.Until("message")
				harness.Expect(t, "message", o.Username+": "+o.Message, "Ann: "+text)
			}
		}},
		{"an object does what it does over a WebSocket", func(t *testing.T) {
			_, base := harness.Serve(t)
			l, p := harness.Listen(t, base, "r", "session", secret), harness.Dial(t, base, "r", true)
			me, them := l.Until("welcome").User, p.Until("welcome").User
			for _, row := range []struct{ body, answer, socket string }{
				{`{"type":"message","message":"hi","data":{"a":1},"id":"c1"}`, `{"type":"ack","offset":1,"id":"c1"}`, "message 1 c1 hi {\"a\":1}"},
				{`{"type":"message","message":"again","id":"c1"}`, `{"type":"ack","offset":1,"id":"c1"}`, ""},
				{`{"type":"private","to":"` + them + `","message":"psst"}`, `{"type":"ack","offset":2}`, "private 2 psst"},
				{`{"type":"edit","target":1,"message":"hi!","id":"e1"}`, `{"type":"ack","offset":3,"id":"e1"}`, "edit 3 of 1 e1 hi!"},
				{`{"type":"reaction","target":1,"reaction":"👍"}`, `{"type":"ack","offset":4}`, "reaction 4 of 1 👍"},
				{`{"type":"read","offset":2,"id":"r1"}`, `{"type":"ack","offset":2,"id":"r1"}`, ""},
				{`{"type":"typing","id":"t1"}`, `{"type":"ack","id":"t1"}`, "typing"},
				{`{"type":"signal","name":"s","data":{}}`, `{"type":"ack"}`, "signal s {}"},
				{`{"type":"delete","target":1}`, `{"type":"ack","offset":5}`, "delete 5 of 1"},
			} {
				status, answer := harness.Say(t, base, "r", row.body, "session", secret)
				harness.Expect(t, row.body, fmt.Sprint(status, answer), "200"+row.answer)
				if row.socket == "" {
					continue
				}
				o := p.Next()
				for o.Type == "system" {
					o = p.Next()
				}
				harness.Expect(t, row.body, line(o), row.socket)
				harness.Expect(t, "user", o.User, me)
			}
			harness.Expect(t, "the marker, to the user's stream", l.Until("read").Offset, 2)
		}},
		{"without a session each request is a user of its own", func(t *testing.T) {
			_, base := harness.Serve(t)
			l := harness.Listen(t, base, "r")
			harness.Say(t, base, "r", "a")
			harness.Say(t, base, "r", "b")
			a, b := l.Until("message"), l.Until("message")
			if a.User == b.User || a.Username != "Anonymous" {
				t.Errorf("%+v, %+v", a, b)
			}
			status, body := harness.Say(t, base, "r", `{"type":"edit","target":1,"message":"c"}`)
			harness.Expect(t, "of another", fmt.Sprint(status, errorCode(body)), "404no_such_message")
		}},
		{"who posts is in no list, and nobody is told of a join", func(t *testing.T) {
			srv, base := harness.Serve(t)
			p := harness.Dial(t, base, "r", true)
			p.Until("welcome")
			harness.Say(t, base, "r", "a")
			harness.Expect(t, "before the message", len(p.UpTo("a")), 0)
			harness.Expect(t, "connections", srv.Stats().Connections, 1)
		}},
		{"the authenticator, the authorizer and the filter are asked", func(t *testing.T) {
			_, base := harness.Serve(t, harness.UserByHeader, harness.Quiet, chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
				if room == "closed" && a == chat.ActionJoin || a == chat.ActionPrivate {
					return chat.Refuse("not here")
				}
				return nil
			}), chat.WithFilter(func(_ context.Context, u chat.User, _ string, m *chat.Message) error {
				if m.Text == "bad" {
					return chat.Refuse("language")
				}
				m.Text += " " + u.ID
				return nil
			}))
			l := harness.Listen(t, base, "r", "as", "u1")
			for _, row := range []struct{ as, room, body, want string }{
				{"", "r", "x", "401 unauthorized"},
				{"u1", "r", "x", "200 "},
				{"u1", "closed", "x", "403 forbidden"},
				{"u1", "r", `{"type":"private","to":"u1","message":"x"}`, "403 forbidden"},
				{"u1", "r", "bad", "422 rejected"},
			} {
				status, body := harness.Say(t, base, row.room, row.body, "as", row.as)
				harness.Expect(t, row.as+" "+row.room+" "+row.body, fmt.Sprint(status, " ", errorCode(body)), row.want)
			}
			harness.Expect(t, "kept", l.Until("message").Message, "x u1")
		}},
		{"what the log has lost or does not answer is 503", func(t *testing.T) {
			log := &brokenLog{Log: chat.NewMemoryLog(chat.MemoryOptions{})}
			_, base := harness.Serve(t, chat.WithLog(log), harness.Quiet)
			log.appends.Store(true)
			resp := harness.Post(t, base, "r", "x")
			harness.Expect(t, "status", resp.StatusCode, 503)
			if resp.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}},
		{"a server that shuts down takes nothing", func(t *testing.T) {
			srv, base := harness.Serve(t)
			srv.Shutdown(context.Background())
			status, body := harness.Say(t, base, "r", "x")
			harness.Expect(t, "answer", fmt.Sprint(status, errorCode(body)), "503unavailable")
		}},
		{"a connection to another server has a rate limit of its own here", func(t *testing.T) {
			log := chat.NewMemoryLog(chat.MemoryOptions{})
			opts := []chat.Option{chat.WithLog(log), chat.WithRateLimit(0.0001, 1), harness.Quiet}
			_, one := harness.Serve(t, opts...)
			_, two := harness.Serve(t, opts...)
			harness.Dial(t, one, "r", true, "session", secret).Until("welcome")
			for _, row := range []struct {
				session string
				status  int
			}{{"", 200}, {"", 429}, {secret, 200}, {secret, 429}} {
				status, _ := harness.Say(t, two, "r", "x", "session", row.session)
				harness.Expect(t, "status", status, row.status)
			}
		}},
		{"requests are not counted as connections", func(t *testing.T) {
			_, base := harness.Serve(t, chat.WithMaxConnectionsPerUser(1), chat.WithMaxConnections(1), chat.WithMaxConnectionsPerAddress(1))
			l := harness.Listen(t, base, "r", "session", secret)
			l.Until("welcome")
			status, _ := harness.Say(t, base, "r", "x", "session", secret)
			harness.Expect(t, "status", status, 200)
			if _, answer := harness.TryListen(t, http.DefaultClient, base, "r"); answer.StatusCode != 429 {
				t.Errorf("a second stream: %s", answer.Status)
			}
		}},
	})
}

// TestProtocolPostRates has the sentences about limits of a rate, in fake time.
func TestProtocolPostRates(t *testing.T) {
	say := func(b *harness.Bubble, params ...string) string {
		resp := harness.PostWith(b.T, &b.Client, "http://pipe", "r", "x", params...)
		return strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Retry-After")))
	}
	t.Run("one rate limit with the user's connections", func(t *testing.T) {
		harness.InBubble(t, func(b *harness.Bubble) {
			p := b.Dial("r", true, "session="+secret)
			p.Until("welcome")
			p.Send(`{"type":"message","message":"a"}`)
			synctest.Wait()
			harness.Expect(t, "second", say(b, "session", secret), "200")
			harness.Expect(t, "third", say(b, "session", secret), "429 10")
			p.Send(`{"type":"message","message":"b"}`)
			harness.Expect(t, "over the socket", p.Until("error").Code, "rate_limited")
			time.Sleep(10 * time.Second)
			harness.Expect(t, "after it", say(b, "session", secret), "200")
		}, chat.WithRateLimit(0.1, 2), harness.Quiet)
	})
	t.Run("who is not connected shares the limit of the address", func(t *testing.T) {
		harness.InBubble(t, func(b *harness.Bubble) {
			harness.Expect(t, "first", say(b), "200")
			harness.Expect(t, "second", say(b), "429 10")
			harness.Expect(t, "with a session that the client has made up", say(b, "session", secret), "429 10")
			p := b.Dial("r", true, "session="+secret)
			p.Until("welcome")
			harness.Expect(t, "with the session of a connection", say(b, "session", secret), "200")
			harness.Expect(t, "for the second time", say(b, "session", secret), "429 10")
			p.Conn.CloseNow()
			time.Sleep(10 * time.Second)
			harness.Expect(t, "with another session", say(b, "session", secret[1:]+"B"), "200")
			harness.Expect(t, "with the first one, which has gone", say(b, "session", secret), "429 10")
		}, chat.WithRateLimit(0.1, 1), harness.Quiet)
	})
	t.Run("the slow mode holds", func(t *testing.T) {
		harness.InBubble(t, func(b *harness.Bubble) {
			harness.Expect(t, "first", say(b, "session", secret), "200")
			time.Sleep(20 * time.Second)
			harness.Expect(t, "second", say(b, "session", secret), "429 40")
		}, chat.WithSlowMode(time.Minute), harness.Quiet)
	})
	t.Run("signals have their own limit", func(t *testing.T) {
		harness.InBubble(t, func(b *harness.Bubble) {
			post := func(object string) int {
				return harness.PostWith(b.T, &b.Client, "http://pipe", "r", object, "session", secret).StatusCode
			}
			for range 20 {
				harness.Expect(t, "a signal", post(`{"type":"signal","name":"s"}`), 200)
			}
			for _, object := range []string{`{"type":"signal","name":"s"}`, `{"type":"typing"}`, `{"type":"read","offset":0}`} {
				harness.Expect(t, object, post(object), 429)
			}
			harness.Expect(t, "a message", say(b, "session", secret), "200")
		}, harness.Quiet)
	})
}
