package protocol

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestProtocolUsers(t *testing.T) {
	t.Parallel()
	runBoth(t, []sentence{
		{"two connections of one user are one member", func(t *testing.T) {
			srv, base := harness.Serve(t)
			a := dial(t, base, "r", true, "username", "Alice")
			a.Until("welcome")
			b := dial(t, base, "r", true, "username", "Bob")
			session := b.Until("welcome").Session
			harness.Expect(t, "first", a.Next().Message, "Bob joined the room")
			b2 := dial(t, base, "r", true, "username", "Bob", "session", session)
			b2.Until("welcome")
			b.Conn.Close(1000, "")
			harness.Eventually(t, "one of two to be gone", func() bool { return srv.Stats().Connections == 2 })
			harness.Publish(t, srv, "r", "end")
			harness.Expect(t, "Alice hears of the second", a.UpTo("end"), nil)
			b2.Conn.Close(1000, "")
			harness.Expect(t, "last", a.Next().Message, "Bob left the room")
		}},
		{"leave waits 5 s after an unclean loss, and a return within them makes no notice", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				a := b.Dial("r", true, "username=Alice")
				a.Until("welcome")
				p := b.Dial("r", true, "username=Bob")
				session := p.Until("welcome").Session
				a.Until("system")
				for range 3 {
					p.Conn.CloseNow()
					time.Sleep(4999 * time.Millisecond)
					p = b.Dial("r", true, "username=Bob&session="+session)
					p.Until("welcome")
				}
				harness.Publish(t, b.Server, "r", "end")
				harness.Expect(t, "Alice hears", a.UpTo("end"), nil)
				p.UpTo("end")
				start := time.Now()
				p.Conn.CloseNow()
				harness.Expect(t, "then", a.Next().Message, "Bob left the room")
				harness.Expect(t, "after", time.Since(start), 5*time.Second)
			})
		}},
		{"an anonymous session is for coming back as the same user; others need none", func(t *testing.T) {
			_, base := harness.Serve(t)
			w := dial(t, base, "r", true).Until("welcome")
			harness.Expect(t, "user", dial(t, base, "other room", true, "session", w.Session).Until("welcome").User, w.User)
			_, base = harness.Serve(t, harness.UserByHeader)
			w = dial(t, base, "r", true, "as", "u1/Alice").Until("welcome")
			harness.Expect(t, "authenticated", w.User+w.Username+w.Session, "u1Alice")
		}},
		{"an authenticator's name comes before the parameter, and that before the default", func(t *testing.T) {
			_, base := harness.Serve(t, harness.UserByHeader, chat.WithDefaultUsername("Guest"))
			harness.Expect(t, "name", dial(t, base, "r", true, "as", "u1/Alice", "username", "Eve").Until("welcome").Username, "Alice")
			harness.Expect(t, "name", dial(t, base, "r", true, "as", "u1", "username", "Ann").Until("welcome").Username, "Ann")
			harness.Expect(t, "name", dial(t, base, "r", true, "as", "u1").Until("welcome").Username, "Guest")
		}},
		{"a private message to an absent anonymous user is no_such_user", func(t *testing.T) {
			_, base := harness.Serve(t)
			gone := dial(t, base, "r", true)
			user := gone.Until("welcome").User
			p := dial(t, base, "r", true)
			p.Until("welcome")
			gone.Conn.Close(1000, "")
			p.Until("system")
			p.Send(`{"type":"private","to":"` + user + `","message":"psst","id":"1"}`)
			harness.Expect(t, "code", p.Next().Code, "no_such_user")
		}},
		{"a private message to an absent authenticated user waits in the history", func(t *testing.T) {
			_, base := harness.Serve(t, harness.UserByHeader)
			p := dial(t, base, "r", true, "as", "u1")
			p.Until("welcome")
			p.Send(`{"type":"private","to":"u2","message":"psst","id":"1"}`)
			harness.Expect(t, "ack", p.TextOf("ack"), `{"type":"ack","id":"1","offset":1}`)
			q := dial(t, base, "r", true, "as", "u2")
			q.Until("welcome")
			if o := q.Next(); o.Type != "private" || o.Message != "psst" || o.ToUsername != "u2" {
				t.Errorf("%+v", o)
			}
		}},
		{"credentials that run out are told 60 s before and close with 4001", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				start := time.Now()
				p := b.Dial("r", true, "")
				p.Until("welcome")
				next := func() string { // however long it takes
					_, b, err := p.Conn.Read(context.Background())
					if err != nil {
						return fmt.Sprint(harness.CloseCode(err), " ", time.Since(start))
					}
					return harness.Value(t, string(b), "code") + " " + time.Since(start).String()
				}
				harness.Expect(t, "told", next(), `"token_expiring" 4m0s`)
				p.Send(`{"type":"auth","token":"u2"}`)
				harness.Expect(t, "another's token", next(), `"auth_failed" 4m0s`)
				p.Send(`{"type":"auth","token":"bad"}`)
				harness.Expect(t, "a bad token", next(), `"auth_failed" 4m0s`)
				p.Send(`{"type":"auth","token":"u1"}`) // for five minutes from now
				harness.Expect(t, "told again", next(), `"token_expiring" 8m0s`)
				harness.Expect(t, "closed", next(), "4001 9m0s")
			}, harness.Quiet, chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
				id := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				if id == "bad" {
					return chat.User{}, errors.New("bad token")
				}
				if id == "" {
					id = "u1"
				}
				return chat.User{ID: id, Expires: time.Now().Add(5 * time.Minute)}, nil
			}))
		}},
	})
}

func TestProtocolResume(t *testing.T) {
	t.Parallel()
	runBoth(t, []sentence{
		{"resuming gets exactly what was missed, then live", func(t *testing.T) {
			srv, base := harness.Serve(t, chat.WithHistory(2))
			p := dial(t, base, "r", true)
			w := p.Until("welcome")
			harness.Publish(t, srv, "r", "1")
			p.Until("message")
			p.Conn.CloseNow()
			for i := range 9 {
				harness.Publish(t, srv, "r", fmt.Sprint(i+2))
			}
			epoch, _, _ := strings.Cut(w.Position, ":")
			p = dial(t, base, "r", true, "session", w.Session, "since", epoch+":1")
			w = p.Until("welcome")
			harness.Expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap)+" "+w.Position, "true false "+epoch+":10")
			harness.Publish(t, srv, "r", "11")
			for i := 2; i <= 11; i++ {
				harness.Expect(t, "message", p.Until("message").Message, fmt.Sprint(i))
			}
		}},
		{"what the log no longer holds is a gap, and the last messages come", func(t *testing.T) {
			srv, base := harness.Serve(t, chat.WithHistory(3), chat.WithResume(0), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 3, Bytes: 1})))
			for i := range 20 {
				harness.Publish(t, srv, "r", fmt.Sprint(i+1))
			}
			p := dial(t, base, "r", true)
			epoch, _, _ := strings.Cut(p.Until("welcome").Position, ":")
			for i := range 20 {
				harness.Publish(t, srv, "r", fmt.Sprint(i+21))
			}
			q := dial(t, base, "r", true, "since", epoch+":2")
			w := q.Until("welcome")
			harness.Expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap), "false true")
			for i := 38; i <= 40; i++ {
				harness.Expect(t, "message", q.Next().Message, fmt.Sprint(i))
			}
		}},
		{"a plain client is told of a gap too, and of nothing else", func(t *testing.T) {
			srv, base := harness.Serve(t, chat.WithHistory(2))
			for i := 1; i <= 4; i++ {
				harness.Publish(t, srv, "r", fmt.Sprint(i))
			}
			at, err := srv.History(t.Context(), "r", chat.Query{})
			if err != nil {
				t.Fatal(err)
			}
			epoch := at.Position.Epoch
			p := dial(t, base, "r", false, "since", epoch+":1")
			o := p.Next()
			harness.Expect(t, "first", o.Type+" "+o.Code+" "+o.Message, "system gap some messages may be missing here")
			harness.Expect(t, "then", p.Next().Message+p.Next().Message, "34")
			for since, want := range map[string]string{epoch + ":3": "4", epoch + ":2": "3", "": "3"} {
				harness.Expect(t, "since "+since, dial(t, base, "r", false, "since", since).Next().Message, want)
			}
		}},
		{"a server that was started again has another epoch", func(t *testing.T) {
			srv, base := harness.Serve(t)
			harness.Publish(t, srv, "r", "1")
			position := dial(t, base, "r", true).Until("welcome").Position
			srv, base = harness.Serve(t)
			harness.Publish(t, srv, "r", "other")
			p := dial(t, base, "r", true, "since", position)
			w := p.Until("welcome")
			harness.Expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap, w.Position == position), "false true false")
			harness.Expect(t, "message", p.Next().Message, "other")
		}},
		{"a jump in the offsets is where a private message of others stands", func(t *testing.T) {
			srv, base := harness.Serve(t, harness.UserByHeader)
			p := dial(t, base, "r", true, "as", "u1")
			position := p.Until("welcome").Position
			for _, to := range []string{"", "u2", ""} {
				if _, err := srv.Publish(t.Context(), "r", chat.Message{UserID: "u3", To: to, Text: "x"}); err != nil {
					t.Fatal(err)
				}
			}
			for _, q := range []*harness.Peer{p, dial(t, base, "r", true, "as", "u1", "since", position)} {
				harness.Expect(t, "offsets", fmt.Sprint(q.Until("message").Offset, q.Until("message").Offset), "1 3")
			}
		}},
		{"the place where a replay ends comes before what is live", func(t *testing.T) {
			var srv *chat.Server
			var asked atomic.Int32 // the second time is when the user is in the room already
			srv, base := harness.Serve(t, harness.UserByHeader, chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{})), chat.WithAuthorizer(func(_ context.Context, _ chat.User, room string, a chat.Action) error {
				if a == chat.ActionJoin && asked.Add(1) == 2 {
					harness.Publish(t, srv, room, "live")
				}
				return nil
			}))
			harness.Publish(t, srv, "r", "old")
			since := ""
			for _, want := range []string{"welcome, message old, position, message live, ", "welcome, position, message live, "} {
				if _, err := srv.Publish(t.Context(), "r", chat.Message{UserID: "u1", To: "u2", Text: "x"}); err != nil {
					t.Fatal(err)
				}
				asked.Store(0)
				p, got := dial(t, base, "r", true, "as", "u3", "since", since), ""
				for !strings.HasSuffix(got, "live, ") {
					o, err := p.Any()
					if err != nil {
						t.Fatal(err)
					}
					got += strings.TrimSpace(o.Type+" "+o.Message) + ", "
					if o.Type == "welcome" {
						since, _, _ = strings.Cut(o.Position, ":")
					}
				}
				since += ":3" // the live one
				p.Conn.CloseNow()
				harness.Expect(t, "in order", got, want)
			}
		}},
		{"nothing is missing or twice at the seam of replay and live", func(t *testing.T) {
			srv, base := harness.Serve(t, chat.WithHistory(10), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 100_000, Bytes: 16 << 20})))
			var stop atomic.Bool
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := 0; !stop.Load(); i++ {
					if _, err := srv.Publish(context.Background(), "r", chat.Message{Text: fmt.Sprint(i + 1)}); err != nil {
						t.Error(err)
						return
					}
					time.Sleep(100 * time.Microsecond)
				}
			}()
			since, last := "", uint64(0)
			for range 40 {
				p := dial(t, base, "r", true, "since", since)
				w := p.Until("welcome")
				if since != "" && (!w.Resumed || w.Gap) {
					t.Errorf("not resumed from %s: %+v", since, w)
				}
				for i := range 30 {
					o := p.Until("message")
					if last != 0 && o.Offset != last+1 || o.Message != fmt.Sprint(o.Offset) {
						t.Fatalf("message %d: offset %d after %d", i, o.Offset, last)
					}
					last = o.Offset
				}
				epoch, _, _ := strings.Cut(w.Position, ":")
				since = fmt.Sprint(epoch, ":", last)
				p.Conn.CloseNow()
			}
			stop.Store(true)
			<-done
		}},
	})
}
