package chat_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// Invalid numbers panic in New, and the panic names the option.
func TestNonsensePanics(t *testing.T) {
	for name, o := range map[string]chat.Option{
		"WithHistory":                  chat.WithHistory(-1),
		"WithResume":                   chat.WithResume(-1),
		"WithMaxLag":                   chat.WithMaxLag(0),
		"WithRateLimit":                chat.WithRateLimit(-1, 1),
		"WithRateLimit: perSecond":     chat.WithRateLimit(math.NaN(), 1),
		"WithRateLimit: ":              chat.WithRateLimit(math.Inf(1), 1),
		"WithRateLimit: 0":             chat.WithRateLimit(1, 0),
		"WithMessageSize":              chat.WithMessageSize(-1),
		"WithDataSize":                 chat.WithDataSize(-1),
		"WithSlowMode":                 chat.WithSlowMode(-1),
		"WithMaxConnections":           chat.WithMaxConnections(-1),
		"WithMaxConnectionsPerAddress": chat.WithMaxConnectionsPerAddress(-1),
		"WithMaxConnectionsPerUser":    chat.WithMaxConnectionsPerUser(-1),
		"WithMaxRooms":                 chat.WithMaxRooms(-1),
		"WithMaxMembers":               chat.WithMaxMembers(-1),
		"WithPresenceSize":             chat.WithPresenceSize(-1),
		"WithPing":                     chat.WithPing(-1, time.Second),
		"WithPing: -1ns":               chat.WithPing(time.Second, -1),
		"WithWriteTimeout":             chat.WithWriteTimeout(-1),
		"WithFlushInterval":            chat.WithFlushInterval(-1),
		"WithLeaveGrace":               chat.WithLeaveGrace(-1),
		"WithLogTimeout":               chat.WithLogTimeout(0),
		"WithDefaultUsername":          chat.WithDefaultUsername(""),
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p := fmt.Sprint(recover()); !strings.HasPrefix(p, "chat: "+strings.TrimSuffix(name, " ")) {
					t.Errorf("panicked with %q", p)
				}
			}()
			chat.New(o)
		})
	}
}

// Zero means none, or no limit.
func TestZeroIsNoLimit(t *testing.T) {
	srv, base := harness.Serve(t, harness.Quiet, chat.WithRateLimit(0, 0), chat.WithPing(0, 0), chat.WithWriteTimeout(0), chat.WithMaxRooms(0),
		chat.WithMaxMembers(0), chat.WithMaxConnections(0), chat.WithMessageSize(0), chat.WithFlushInterval(0), chat.WithLeaveGrace(0), chat.WithPresenceSize(0),
		chat.WithDataSize(0), chat.WithSlowMode(0))
	p := harness.Dial(t, base, "r", true)
	if limits := string(p.Next().Limits); !strings.Contains(limits, `"rate_per_second":0,"burst":0`) {
		t.Errorf("limits %s", limits)
	}
	for range 30 {
		p.Send(`{"type":"message","message":"x"}`)
		p.Until("message")
	}
	q := harness.Dial(t, base, "r", true)
	q.Until("welcome")
	p.Until("system")
	harness.Publish(t, srv, "r", strings.Repeat("x", 1<<20))
	p.Until("message")
	data := `{"x":"` + strings.Repeat("x", 1<<20) + `"}`
	p.Send(`{"type":"message","message":"","data":` + data + `}`)
	if o := p.Until("message"); string(o.Data) != data {
		t.Errorf("%d bytes of data", len(o.Data))
	}
}

// Only a hook's refusal reaches the client as text. After any other error of a hook, the client
// tries again.
func TestRefuse(t *testing.T) {
	var may error
	var mu sync.Mutex
	set := func(err error) { mu.Lock(); may = err; mu.Unlock() }
	get := func() error { mu.Lock(); defer mu.Unlock(); return may }
	_, base := harness.Serve(t, harness.Quiet,
		chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
			if a == chat.ActionSend || a == chat.ActionRead {
				return get()
			}
			return nil
		}),
		chat.WithFilter(func(_ context.Context, u chat.User, room string, m *chat.Message) error {
			if m.UserID != u.ID || m.Username != u.Name || room != "r" {
				t.Errorf("%+v of %+v in %q", m, u, room)
			}
			switch m.Text {
			case "bad":
				return fmt.Errorf("wrapped: %w", chat.Refuse("not that"))
			case "broken":
				return errors.New("dial tcp 10.0.0.7: secret")
			}
			m.Text += "!"
			m.UserID, m.To, m.ID = "x", "y", "z" // has no effect
			return nil
		}))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	for _, row := range []struct {
		err        error
		text, want string
	}{
		{nil, "ok", "message ok!"},
		{nil, "bad", "rejected not that"},
		{nil, "broken", "unavailable"},
		{chat.Refuse("you are muted"), "ok", "forbidden you are muted"},
		{errors.New("secret"), "ok", "unavailable"},
	} {
		set(row.err)
		p.Send(fmt.Sprintf(`{"type":"message","message":%q}`, row.text))
		o := p.Next()
		got := strings.TrimSpace(o.Code + " " + o.Message)
		if o.Type == "message" {
			got = "message " + o.Message
		}
		if !strings.HasPrefix(got, row.want) || strings.Contains(got, "secret") {
			t.Errorf("%v, %s: %s, want %s", row.err, row.text, got, row.want)
		}
	}
	set(chat.Refuse("members only"))
	if status, body := harness.Get(t, base+"/rooms/r/messages"); status != http.StatusForbidden || !strings.Contains(body, "members only") {
		t.Errorf("refused: %d %s", status, body)
	}
	set(errors.New("secret"))
	if status, body := harness.Get(t, base+"/rooms/r/messages"); status != http.StatusServiceUnavailable || strings.Contains(body, "secret") || strings.Contains(body, "log") {
		t.Errorf("undecided: %d %s", status, body)
	}
}

// The presence hook is called each time that a user comes to or leaves a room, counted over all
// servers.
func TestPresenceHook(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{})
	var mu sync.Mutex
	var heard []string
	hook := chat.WithPresenceHook(func(_ context.Context, room string, m chat.Member, present bool) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, fmt.Sprintf("%s %s %v", room, m.Username, present))
	})
	_, a := harness.Serve(t, harness.Quiet, hook, chat.WithLog(log), chat.WithLeaveGrace(0))
	_, b := harness.Serve(t, harness.Quiet, hook, chat.WithLog(log), chat.WithLeaveGrace(0))
	count := func(n int) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return len(heard) == n }
	}
	p := harness.Dial(t, a, "r", true, "username", "Ann")
	session := p.Until("welcome").Session
	harness.Eventually(t, "the coming", count(1))
	q := harness.Dial(t, b, "r", true, "username", "Ann", "session", session)
	q.Until("welcome")
	p.Conn.CloseNow()
	time.Sleep(50 * time.Millisecond) // in which the hook must not be called
	q.Conn.CloseNow()
	harness.Eventually(t, "the leaving", count(2))
	mu.Lock()
	defer mu.Unlock()
	harness.Expect(t, "heard", strings.Join(heard, ", "), "r Ann true, r Ann false")
}

// Reauthorize ends exactly the connections that the authorizer now refuses, on every server.
func TestReauthorize(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{})
	var banned sync.Map
	opts := []chat.Option{harness.Quiet, chat.WithLog(log),
		chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
			return chat.User{ID: r.URL.Query().Get("as")}, nil
		}),
		chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, _ chat.Action) error {
			if _, ok := banned.Load(u.ID + " " + room); ok {
				return chat.Refuse("no longer yours")
			}
			return nil
		})}
	here, a := harness.Serve(t, opts...)
	_, b := harness.Serve(t, opts...)
	dial := func(base, room, user string) *harness.Peer {
		p := harness.Dial(t, base, room, true, "as", user)
		p.Until("welcome")
		return p
	}
	gone := []*harness.Peer{dial(a, "r", "u"), dial(b, "r", "u")}
	stay := []*harness.Peer{dial(a, "s", "u"), dial(b, "r", "v")}
	banned.Store("u r", true)
	if err := here.Reauthorize(t.Context(), "", "u"); err != nil {
		t.Fatal(err)
	}
	for _, p := range gone {
		harness.Expect(t, "close code", p.Closed(), chat.CloseForbidden)
	}
	for _, p := range stay {
		p.Send(`{"type":"ping"}`)
		p.Until("pong")
	}
}

// Disconnect returns an error for a code that no application may send.
func TestDisconnectCodes(t *testing.T) {
	srv, _ := harness.Serve(t, harness.Quiet)
	for code, want := range map[int]error{0: nil, 1000: nil, 1008: nil, 1011: nil, 1013: nil, 3000: nil, 4003: nil, 4999: nil,
		-1: chat.ErrBadCode, 1: chat.ErrBadCode, 1001: chat.ErrBadCode, 1005: chat.ErrBadCode, 1006: chat.ErrBadCode, 1015: chat.ErrBadCode, 2999: chat.ErrBadCode, 5000: chat.ErrBadCode} {
		if err := srv.Disconnect(t.Context(), "nobody", chat.Disconnect{Code: code}); !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", code, err, want)
		}
	}
}

// Every event has its position, from which Follow can continue. FromStart returns all events.
func TestPositionsOfEvents(t *testing.T) {
	srv, _ := harness.Serve(t, harness.Quiet, chat.WithHistory(5))
	for i := range 10 {
		e, err := srv.Publish(t.Context(), "r", chat.Message{Text: fmt.Sprint(i), UserID: "u"})
		if err != nil || e.Position.Offset != e.Offset || e.Position.Epoch == "" || e.Position.Time != e.Time.UnixMilli() {
			t.Fatalf("%+v, %v", e, err)
		}
	}
	follow := func(since chat.Position, n int) (texts string, last chat.Position) {
		t.Helper()
		for e, err := range srv.Follow(t.Context(), "r", since) {
			if err != nil {
				t.Fatal(err)
			}
			texts, last = texts+e.Text, e.Position
			if n--; n == 0 {
				break
			}
		}
		return texts, last
	}
	texts, at := follow(chat.FromStart, 2) // 5 of 10 are held, and that is no gap
	harness.Expect(t, "from the start", texts, "56")
	texts, _ = follow(at, 3)
	harness.Expect(t, "on from there", texts, "789")
	page, err := srv.History(t.Context(), "r", chat.Query{From: 7, Limit: 2, All: true})
	if err != nil || len(page.Events) != 2 || !page.More {
		t.Fatalf("%+v, %v", page, err)
	}
	texts, _ = follow(page.Events[1].Position, 2)
	harness.Expect(t, "on from a page", texts, "89")
}

// A fresh token goes to the hook for it, with the user of the connection.
func TestTokenRefresh(t *testing.T) {
	_, base := harness.Serve(t, harness.Quiet,
		chat.WithAuthenticator(func(r *http.Request) (chat.User, error) { return chat.User{ID: "u", Value: "first"}, nil }),
		chat.WithTokenRefresh(func(_ context.Context, u chat.User, token string) (chat.User, error) {
			switch token {
			case "good":
				return chat.User{ID: u.ID, Value: fmt.Sprint(u.Value, " good")}, nil
			case "other":
				return chat.User{ID: "v"}, nil
			}
			return chat.User{}, errors.New("secret")
		}),
		chat.WithFilter(func(_ context.Context, u chat.User, _ string, m *chat.Message) error {
			m.Text = fmt.Sprint(u.Value)
			return nil
		}))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	for _, token := range []string{"bad", "other"} {
		p.Send(fmt.Sprintf(`{"type":"auth","token":%q}`, token))
		harness.Expect(t, token, p.Next().Code, "auth_failed")
	}
	for _, want := range []string{"first good", "first good good"} {
		p.Send(`{"type":"auth","token":"good"}`)
		p.Send(`{"type":"message","message":"x"}`)
		harness.Expect(t, "credentials", p.Until("message").Message, want)
	}
}
