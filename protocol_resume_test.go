package chat_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

func TestProtocolUsers(t *testing.T) {
	t.Parallel()
	runProtocol(t, []sentence{
		{"two connections of one user are one member", func(t *testing.T) {
			srv, base := serve(t)
			a := dial(t, base, "r", true, "username", "Alice")
			a.until("welcome")
			b := dial(t, base, "r", true, "username", "Bob")
			session := b.until("welcome").Session
			expect(t, "first", a.next().Message, "Bob joined the room")
			b2 := dial(t, base, "r", true, "username", "Bob", "session", session)
			b2.until("welcome")
			b.conn.Close(1000, "")
			eventually(t, "one of two to be gone", func() bool { return srv.Stats().Connections == 2 })
			publish(t, srv, "r", "end")
			expect(t, "Alice hears of the second", a.upTo("end"), nil)
			b2.conn.Close(1000, "")
			expect(t, "last", a.next().Message, "Bob left the room")
		}},
		{"leave waits 5 s after an unclean loss, and a return within them makes no notice", func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				a := b.dial("r", true, "username=Alice")
				a.until("welcome")
				p := b.dial("r", true, "username=Bob")
				session := p.until("welcome").Session
				a.until("system")
				for range 3 {
					p.conn.CloseNow()
					time.Sleep(4999 * time.Millisecond)
					p = b.dial("r", true, "username=Bob&session="+session)
					p.until("welcome")
				}
				publish(t, b.Server, "r", "end")
				expect(t, "Alice hears", a.upTo("end"), nil)
				p.upTo("end")
				start := time.Now()
				p.conn.CloseNow()
				expect(t, "then", a.next().Message, "Bob left the room")
				expect(t, "after", time.Since(start), 5*time.Second)
			})
		}},
		{"an anonymous session is for coming back as the same user; others need none", func(t *testing.T) {
			_, base := serve(t)
			w := dial(t, base, "r", true).until("welcome")
			expect(t, "user", dial(t, base, "other room", true, "session", w.Session).until("welcome").User, w.User)
			_, base = serve(t, byHeader)
			w = dial(t, base, "r", true, "as", "u1/Alice").until("welcome")
			expect(t, "authenticated", w.User+w.Username+w.Session, "u1Alice")
		}},
		{"an authenticator's name comes before the parameter, and that before the default", func(t *testing.T) {
			_, base := serve(t, byHeader, chat.WithDefaultUsername("Guest"))
			expect(t, "name", dial(t, base, "r", true, "as", "u1/Alice", "username", "Eve").until("welcome").Username, "Alice")
			expect(t, "name", dial(t, base, "r", true, "as", "u1", "username", "Ann").until("welcome").Username, "Ann")
			expect(t, "name", dial(t, base, "r", true, "as", "u1").until("welcome").Username, "Guest")
		}},
		{"a private message to an absent anonymous user is no_such_user", func(t *testing.T) {
			_, base := serve(t)
			gone := dial(t, base, "r", true)
			user := gone.until("welcome").User
			p := dial(t, base, "r", true)
			p.until("welcome")
			gone.conn.Close(1000, "")
			p.until("system")
			p.send(`{"type":"private","to":"` + user + `","message":"psst","id":"1"}`)
			expect(t, "code", p.next().Code, "no_such_user")
		}},
		{"a private message to an absent authenticated user waits in the history", func(t *testing.T) {
			_, base := serve(t, byHeader)
			p := dial(t, base, "r", true, "as", "u1")
			p.until("welcome")
			p.send(`{"type":"private","to":"u2","message":"psst","id":"1"}`)
			expect(t, "ack", p.textOf("ack"), `{"type":"ack","id":"1","offset":1}`)
			q := dial(t, base, "r", true, "as", "u2")
			q.until("welcome")
			if o := q.next(); o.Type != "private" || o.Message != "psst" || o.ToUsername != "u2" {
				t.Errorf("%+v", o)
			}
		}},
		{"credentials that run out are told 60 s before and close with 4001", func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				start := time.Now()
				p := b.dial("r", true, "")
				p.until("welcome")
				next := func() string { // however long it takes
					_, b, err := p.conn.Read(context.Background())
					if err != nil {
						return fmt.Sprint(closeCode(err), " ", time.Since(start))
					}
					return inside(t, string(b), "code") + " " + time.Since(start).String()
				}
				expect(t, "told", next(), `"token_expiring" 4m0s`)
				p.send(`{"type":"auth","token":"u2"}`)
				expect(t, "another's token", next(), `"auth_failed" 4m0s`)
				p.send(`{"type":"auth","token":"bad"}`)
				expect(t, "a bad token", next(), `"auth_failed" 4m0s`)
				p.send(`{"type":"auth","token":"u1"}`) // for five minutes from now
				expect(t, "told again", next(), `"token_expiring" 8m0s`)
				expect(t, "closed", next(), "4001 9m0s")
			}, quiet, chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
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
	runProtocol(t, []sentence{
		{"resuming gets exactly what was missed, then live", func(t *testing.T) {
			srv, base := serve(t, chat.WithHistory(2))
			p := dial(t, base, "r", true)
			w := p.until("welcome")
			publish(t, srv, "r", "1")
			p.until("message")
			p.conn.CloseNow()
			for i := range 9 {
				publish(t, srv, "r", fmt.Sprint(i+2))
			}
			epoch, _, _ := strings.Cut(w.Position, ":")
			p = dial(t, base, "r", true, "session", w.Session, "since", epoch+":1")
			w = p.until("welcome")
			expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap)+" "+w.Position, "true false "+epoch+":10")
			publish(t, srv, "r", "11")
			for i := 2; i <= 11; i++ {
				expect(t, "message", p.until("message").Message, fmt.Sprint(i))
			}
		}},
		{"what the log no longer holds is a gap, and the last messages come", func(t *testing.T) {
			srv, base := serve(t, chat.WithHistory(3), chat.WithResume(-1), chat.WithHistoryBytes(1))
			for i := range 20 {
				publish(t, srv, "r", fmt.Sprint(i+1))
			}
			p := dial(t, base, "r", true)
			epoch, _, _ := strings.Cut(p.until("welcome").Position, ":")
			for i := range 20 {
				publish(t, srv, "r", fmt.Sprint(i+21))
			}
			q := dial(t, base, "r", true, "since", epoch+":2")
			w := q.until("welcome")
			expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap), "false true")
			for i := 38; i <= 40; i++ {
				expect(t, "message", q.next().Message, fmt.Sprint(i))
			}
		}},
		{"a plain client is told of a gap too, and of nothing else", func(t *testing.T) {
			srv, base := serve(t, chat.WithHistory(2))
			for i := 1; i <= 4; i++ {
				publish(t, srv, "r", fmt.Sprint(i))
			}
			at, err := srv.History(t.Context(), "r", "", chatlog.Range{})
			if err != nil {
				t.Fatal(err)
			}
			epoch := at.Position.Epoch
			p := dial(t, base, "r", false, "since", epoch+":1")
			o := p.next()
			expect(t, "first", o.Type+" "+o.Code+" "+o.Message, "system gap some messages may be missing here")
			expect(t, "then", p.next().Message+p.next().Message, "34")
			for since, want := range map[string]string{epoch + ":3": "4", epoch + ":2": "3", "": "3"} {
				expect(t, "since "+since, dial(t, base, "r", false, "since", since).next().Message, want)
			}
		}},
		{"a server that was started again has another epoch", func(t *testing.T) {
			srv, base := serve(t)
			publish(t, srv, "r", "1")
			position := dial(t, base, "r", true).until("welcome").Position
			srv, base = serve(t)
			publish(t, srv, "r", "other")
			p := dial(t, base, "r", true, "since", position)
			w := p.until("welcome")
			expect(t, "welcome", fmt.Sprint(w.Resumed, w.Gap, w.Position == position), "false true false")
			expect(t, "message", p.next().Message, "other")
		}},
		{"a jump in the offsets is where a private message of others stands", func(t *testing.T) {
			srv, base := serve(t, byHeader)
			p := dial(t, base, "r", true, "as", "u1")
			position := p.until("welcome").Position
			for _, to := range []string{"", "u2", ""} {
				if _, err := srv.Publish(t.Context(), "r", chat.Event{UserID: "u3", To: to, Text: "x"}); err != nil {
					t.Fatal(err)
				}
			}
			for _, q := range []*peer{p, dial(t, base, "r", true, "as", "u1", "since", position)} {
				expect(t, "offsets", fmt.Sprint(q.until("message").Offset, q.until("message").Offset), "1 3")
			}
		}},
		{"nothing is missing or twice at the seam of replay and live", func(t *testing.T) {
			srv, base := serve(t, chat.WithHistory(10), chat.WithHistoryBytes(16<<20), chat.WithLog(chat.NewMemoryLog(100_000)))
			var stop atomic.Bool
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := 0; !stop.Load(); i++ {
					if _, err := srv.Publish(context.Background(), "r", chat.Event{Text: fmt.Sprint(i + 1)}); err != nil {
						t.Error(err)
						return
					}
					time.Sleep(100 * time.Microsecond)
				}
			}()
			since, last := "", uint64(0)
			for range 40 {
				p := dial(t, base, "r", true, "since", since)
				w := p.until("welcome")
				if since != "" && (!w.Resumed || w.Gap) {
					t.Errorf("not resumed from %s: %+v", since, w)
				}
				for i := range 30 {
					o := p.until("message")
					if last != 0 && o.Offset != last+1 || o.Message != fmt.Sprint(o.Offset) {
						t.Fatalf("message %d: offset %d after %d", i, o.Offset, last)
					}
					last = o.Offset
				}
				epoch, _, _ := strings.Cut(w.Position, ":")
				since = fmt.Sprint(epoch, ":", last)
				p.conn.CloseNow()
			}
			stop.Store(true)
			<-done
		}},
	})
}

func TestProtocolCloses(t *testing.T) {
	t.Parallel()
	removed := func(code int, want int) func(t *testing.T) {
		return func(t *testing.T) {
			srv, base := serve(t, byHeader)
			p, q := dial(t, base, "r", true, "as", "u1"), dial(t, base, "r", true, "as", "u2")
			p.until("welcome")
			q.until("welcome")
			eventually(t, "both to be members", func() bool { return srv.Stats().Connections == 2 })
			if err := srv.Disconnect(t.Context(), "", "u1", code, "go away"); err != nil {
				t.Fatal(err)
			}
			expect(t, "code", p.closed(), want)
			q.send(`{"type":"ping"}`)
			q.until("pong") // the other stays
		}
	}
	runProtocol(t, []sentence{
		{"1008 for who is removed", removed(chat.CloseRemoved, 1008)},
		{"4003 for who is forbidden from now on", removed(chat.CloseForbidden, 4003)},
		{"1008 in place of a code that no application may send", removed(1006, 1008)},
		{"1011 for an internal error", func(t *testing.T) {
			_, base := serve(t, quiet, chat.WithAuthorizer(func(_ chat.User, _ string, a chat.Action) error {
				if a == chat.ActionSend {
					runtime.Goexit() // a panic is only a refusal
				}
				return nil
			}))
			p := dial(t, base, "r", false)
			p.send("x")
			expect(t, "code", p.closed(), 1011)
		}},
	})
}

// A private message is answered as the first time when it is sent again, though
// its receiver has gone since.
func TestRepeatedToWhoHasGone(t *testing.T) {
	_, base := serve(t)
	a, b := dial(t, base, "r", true), dial(t, base, "r", true)
	a.until("welcome")
	to := b.until("welcome").User
	send := func() object {
		a.send(fmt.Sprintf(`{"type":"private","to":%q,"message":"m","id":"k1"}`, to))
		for {
			if o := a.next(); o.Type == "ack" || o.Type == "error" {
				return o
			}
		}
	}
	first := send()
	b.conn.Close(1000, "")
	for o := a.next(); o.Event != "leave"; o = a.next() {
	}
	if again := send(); first.Type != "ack" || again.Type != "ack" || again.Offset != first.Offset {
		t.Errorf("%+v, then %+v", first, again)
	}
}
