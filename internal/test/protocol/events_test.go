package protocol

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestProtocolEvents(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"a time to come back, the welcome, the replay, then live: the same objects as on the socket", func(t *testing.T) {
			srv, base := harness.Serve(t)
			socket := harness.Dial(t, base, "r", true)
			socket.Until("welcome")
			for i := range 3 {
				harness.Publish(t, srv, "r", fmt.Sprintf("m%d\n<b>", i))
			}
			l := harness.Listen(t, base, "r", "username", "Ann")
			welcome := l.Next()
			harness.Expect(t, "first", welcome.Type+" "+welcome.Username+" "+welcome.Room, "welcome Ann r")
			if ok, _ := regexp.MatchString(`^[12]\d{3}$`, l.Retry); !ok {
				t.Errorf("retry %q: want 1 to 3 seconds, before everything", l.Retry)
			}
			epoch, _, _ := strings.Cut(welcome.Position, ":")
			harness.Publish(t, srv, "r", "live")
			for i := range 4 {
				id, object := l.TextOf("message")
				harness.Expect(t, "object", object, socket.TextOf("message"))
				harness.Expect(t, "id", id, fmt.Sprint(epoch, ":", i+1))
			}
		}},
		{"what no log keeps has no id", func(t *testing.T) {
			_, base := harness.Serve(t)
			l := harness.Listen(t, base, "r")
			id, welcome := l.TextOf("welcome")
			harness.Expect(t, "id of the welcome to an empty log", `"`+id+`"`, harness.Value(t, welcome, "position"))
			p := harness.Dial(t, base, "r", true, "username", "Bob")
			p.Until("welcome")
			p.Send(`{"type":"typing"}`)
			p.Send(`{"type":"signal","name":"s","data":{"a":  1}}`)
			for _, want := range []string{"system", "typing", "signal"} {
				id, _ := l.TextOf(want)
				harness.Expect(t, "id of "+want, id, "")
			}
		}},
		{"the welcome to what was said before has no id, because the replay is still to come", func(t *testing.T) {
			srv, base := harness.Serve(t)
			harness.Publish(t, srv, "r", "x")
			id, _ := harness.Listen(t, base, "r").TextOf("welcome")
			harness.Expect(t, "id", id, "")
		}},
		{"Last-Event-ID resumes, and counts more than since", func(t *testing.T) {
			srv, base := harness.Serve(t)
			l := harness.Listen(t, base, "r")
			first := l.Until("welcome")
			for i := range 4 {
				harness.Publish(t, srv, "r", fmt.Sprint("m", i))
			}
			l.Until("message")
			id, _ := l.TextOf("message")
			l.Leave()
			for _, params := range [][]string{
				{"Last-Event-ID:", id}, {"since", id}, {"since", first.Position, "Last-Event-ID:", id}, {"since", id, "Last-Event-ID:", ""},
			} {
				again := harness.Listen(t, base, "r", append(params, "session", first.Session)...)
				w := again.Next()
				harness.Expect(t, "user, resumed, gap", fmt.Sprint(w.User, w.Resumed, w.Gap), fmt.Sprint(first.User, true, false))
				harness.Expect(t, "missed", again.Next().Message+again.Next().Message, "m2m3")
				again.Leave()
			}
			w := harness.Listen(t, base, "r", "Last-Event-ID:", "other:9").Next()
			harness.Expect(t, "gap", w.Gap, true)
		}},
		{"a place where a private message of others stands has its id from the position object", func(t *testing.T) {
			_, base := harness.Serve(t)
			a, b := harness.Dial(t, base, "r", true), harness.Dial(t, base, "r", true)
			a.Until("welcome")
			a.Send(`{"type":"private","to":"` + b.Until("welcome").User + `","message":"psst","id":"1"}`)
			a.Until("ack")
			l := harness.Listen(t, base, "r")
			position := l.Next().Position
			id, object := l.TextOf("position")
			harness.Expect(t, "id", id, position)
			harness.Expect(t, "position", harness.Value(t, object, "position"), `"`+position+`"`)
		}},
		{"a listener is a member like any other", func(t *testing.T) {
			srv, base := harness.Serve(t, chat.WithLeaveGrace(0))
			p := harness.Dial(t, base, "r", true)
			p.Until("welcome")
			l := harness.Listen(t, base, "r", "username", "Ann")
			user := l.Until("welcome").User
			harness.Expect(t, "the others are told", p.Until("system").Message, "Ann joined the room")
			p.Send(`{"type":"private","to":"` + user + `","message":"psst"}`)
			harness.Expect(t, "private", l.Until("private").Message, "psst")
			stats := srv.Stats()
			harness.Expect(t, "connections, members", fmt.Sprint(stats.Connections, stats.Members), "2 2")
			l.Leave()
			harness.Expect(t, "the others are told", p.Until("system").Message, "Ann left the room")
			harness.Eventually(t, "one connection", func() bool { return srv.Stats().Connections == 1 })
		}},
		{"a goodbye comes before a planned end, with a time to come back, and then why it ends", func(t *testing.T) {
			srv, base := harness.Serve(t)
			l := harness.Listen(t, base, "r")
			l.Until("welcome")
			done := make(chan error)
			go func() { done <- srv.Shutdown(context.Background()) }()
			goodbye := l.Until("goodbye")
			harness.Expect(t, "retry", l.Retry, fmt.Sprint(goodbye.RetryMS))
			left := l.Ended()
			harness.Expect(t, "last", fmt.Sprintf("%s %s %s %s", left.Type, left.Room, left.Code, left.Reason), "left r 1001 server is shutting down")
			if err := <-done; err != nil {
				t.Error(err)
			}
			if _, answer := harness.TryListen(t, http.DefaultClient, base, "r"); answer.StatusCode != 503 || answer.Header.Get("Retry-After") == "" {
				t.Errorf("after it: %s", answer.Status)
			}
		}},
		{"Disconnect, Reauthorize and credentials that run out end a stream", func(t *testing.T) {
			forbidden := make(chan bool, 1)
			srv, base := harness.Serve(t, chat.WithAuthorizer(func(_ context.Context, u chat.User, _ string, a chat.Action) error {
				select {
				case <-forbidden:
					return chat.Refuse("not any longer")
				default:
					return nil
				}
			}), chat.WithAuthenticator(func(r *http.Request) (u chat.User, err error) {
				u.ID = r.URL.Query().Get("as")
				if u.ID == "short" {
					u.Expires = time.Now().Add(time.Second)
				}
				return u, nil
			}))
			for user, want := range map[string]string{
				"gone": `left r 1008 "go"`, "banned": `left r 4003 "not any longer"`, "short": `left r 4001 "credentials ran out"`,
			} {
				l := harness.Listen(t, base, "r", "as", user)
				l.Until("welcome")
				var err error
				switch user {
				case "gone":
					err = srv.Disconnect(context.Background(), user, chat.Disconnect{Room: "r", Reason: "go"})
				case "banned":
					forbidden <- true
					err = srv.Reauthorize(context.Background(), "r", user)
				}
				if err != nil {
					t.Error(err)
				}
				o := l.Ended()
				harness.Expect(t, user, fmt.Sprintf("%s %s %s %q", o.Type, o.Room, o.Code, o.Reason), want)
			}
		}},
	})
}

// TestProtocolEventsTimes has the sentences with a time in them.
func TestProtocolEventsTimes(t *testing.T) {
	listen := func(b *harness.Bubble, params ...string) *harness.Listener {
		l, answer := harness.TryListen(b.T, &b.Client, "http://pipe", "r", params...)
		if l == nil {
			b.T.Fatal(answer.Status)
		}
		return l
	}
	t.Run("a comment line every ping interval", func(t *testing.T) {
		harness.InBubble(t, func(b *harness.Bubble) {
			l := listen(b)
			l.Until("welcome")
			start := time.Now()
			for range 3 {
				line, err := l.Line()
				if l.Line(); err != nil || line != ":" {
					t.Fatalf("%q, %v", line, err)
				}
			}
			if d := time.Since(start); d < 30*time.Second || d > 33*time.Second {
				t.Errorf("three comments took %v", d)
			}
		}, chat.WithPing(10*time.Second, time.Second), harness.Quiet)
	})
	t.Run("a return within the grace makes no notice, also after an end that the client made", func(t *testing.T) {
		harness.InBubble(t, func(b *harness.Bubble) {
			p := b.Dial("r", true, "")
			p.Until("welcome")
			l := listen(b, "username", "Ann")
			w := l.Until("welcome")
			p.Until("system")
			l.Leave()
			time.Sleep(4 * time.Second)
			l = listen(b, "username", "Ann", "session", w.Session)
			l.Until("welcome")
			time.Sleep(time.Minute)
			l.Leave()
			start := time.Now()
			harness.Expect(t, "the next notice", p.Until("system").Event, "leave")
			harness.Expect(t, "the grace", time.Since(start), 5*time.Second)
		}, chat.WithPing(0, 0), harness.Quiet)
	})
	t.Run("a client that is gone is noticed by the write timeout", func(t *testing.T) {
		harness.InBubble(t, func(b *harness.Bubble) {
			listen(b).Until("welcome") // and reads nothing more: what is written to a pipe waits
			time.Sleep(time.Second)
			harness.Publish(t, b.Server, "r", strings.Repeat("x", 9000))
			time.Sleep(7*time.Second - 1)
			harness.Expect(t, "connections before the timeout", b.Stats().Connections, 1)
			time.Sleep(2 * time.Nanosecond)
			synctest.Wait()
			harness.Expect(t, "connections after it", b.Stats().Connections, 0)
		}, chat.WithWriteTimeout(7*time.Second), chat.WithPing(0, 0), harness.Quiet)
	})
	t.Run("credentials run out: a warning a minute before, then the end", func(t *testing.T) {
		harness.InBubble(t, func(b *harness.Bubble) {
			start := time.Now()
			l := listen(b)
			warning := l.Until("error")
			harness.Expect(t, "warning", warning.Code+": "+warning.Message, "token_expiring: credentials run out within a minute: come back with fresh ones")
			harness.Expect(t, "at", time.Since(start), 30*time.Second)
			harness.Expect(t, "end", l.Until("left").Code, "4001")
			harness.Expect(t, "at", time.Since(start), 90*time.Second)
		}, chat.WithAuthenticator(func(*http.Request) (chat.User, error) {
			return chat.User{ID: "u", Expires: time.Now().Add(90 * time.Second)}, nil
		}), harness.Quiet)
	})
}
