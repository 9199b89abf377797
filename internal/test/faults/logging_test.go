package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// nosy is a log handler that calls the server at each line.
type nosy struct {
	srv  *chat.Server
	mu   sync.Mutex
	seen map[string]int
}

func (n *nosy) Enabled(context.Context, slog.Level) bool { return true }
func (n *nosy) WithAttrs([]slog.Attr) slog.Handler       { return n }
func (n *nosy) WithGroup(string) slog.Handler            { return n }

func (n *nosy) Handle(_ context.Context, r slog.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	n.srv.Stats()
	n.srv.Rooms(ctx)
	n.srv.Members(ctx, "r", 10)
	n.srv.Publish(ctx, "r", chat.Message{Text: "logged"})
	n.srv.Disconnect(ctx, "nobody", chat.Disconnect{Room: "r", Code: 1008})
	if r.Message == "chat: member too slow" {
		n.srv.Disconnect(ctx, "slow", chat.Disconnect{Room: "r", Code: 1008}) // the member is already being closed
	}
	n.mu.Lock()
	n.seen[r.Message]++
	n.mu.Unlock()
	if r.Message == "chat: log lost events" {
		panic("a handler's own fault") // the panic is counted, and has no other effect
	}
	return nil
}

func (n *nosy) saw(what string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[what] > 0
}

// interruptible is a log whose sink a test can call, while it holds a lock as logs do. On demand
// its calls of Beat fail.
type interruptible struct {
	chat.Log
	mu   sync.Mutex
	sink chatlog.Sink
	fail bool
}

func (l *interruptible) Open(ctx context.Context, s chatlog.Sink) error {
	l.mu.Lock()
	l.sink = s
	l.mu.Unlock()
	return l.Log.Open(ctx, s)
}

func (l *interruptible) Signal(ctx context.Context, room string, e chatlog.Event) error {
	l.mu.Lock() // a log may do this
	defer l.mu.Unlock()
	return l.Log.Signal(ctx, room, e)
}

func (l *interruptible) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail {
		return nil, errors.New("no answer")
	}
	return l.Log.Positions(ctx, rooms)
}

// TestLoggerCallsBack writes every line of the server with a handler that calls the server. The
// server must hold no lock when it writes a line.
func TestLoggerCallsBack(t *testing.T) {
	t.Parallel()
	memory := chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000})
	l := &interruptible{Log: memory}
	n := &nosy{seen: map[string]int{}}
	srv, base := harness.Serve(t, chat.WithLog(l), chat.WithLogger(slog.New(n)), chat.WithMaxLag(1), chat.WithMessageSize(4<<10),
		chat.WithWriteTimeout(time.Minute), chat.WithPing(harness.Patience, harness.Patience), chat.WithResume(10),
		chat.WithUsernameRule(func(name string) (string, error) {
			if name == "bad" {
				return "", errors.New("bad")
			}
			return name, nil
		}),
		chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
			switch as := r.URL.Query().Get("as"); as {
			case "nobody":
				return chat.User{}, errors.New("unknown")
			case "panic":
				panic("authenticator")
			default:
				return chat.User{ID: as, Name: as}, nil
			}
		}))
	n.srv = srv
	slow := harness.Dial(t, base, "r", true, "as", "slow")
	slow.Until("welcome")
	harness.Get(t, base+"/rooms?as=nobody")
	harness.Get(t, base+"/rooms?as=panic")
	harness.TryDial(t, base, "r", true, "as", "bad")
	r := httptest.NewRequest("GET", "/ws/r?as=x", nil)
	for _, line := range harness.UpgradeHeaders {
		key, value, _ := strings.Cut(line, ": ")
		r.Header.Set(key, value)
	}
	srv.ServeHTTP(httptest.NewRecorder(), r)
	req, _ := http.NewRequest("GET", base+"/rooms", nil)
	req.Header.Set("Origin", "https"+strings.TrimPrefix(base, "http"))
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 403 {
		t.Errorf("foreign scheme: %v, %v", resp, err)
	}
	// A log may call its sink inside Signal, or while it holds locks that Signal needs.
	l.mu.Lock()
	l.sink.Interrupted(errors.New("lost"))
	l.sink.Resumed()
	l.fail = true
	l.mu.Unlock()
	harness.Eventually(t, "the log's failure", func() bool { return n.saw("chat: log") })
	l.mu.Lock()
	l.fail = false
	l.mu.Unlock()
	for i := 0; !n.saw("chat: member too slow"); i++ {
		if i == 100_000 {
			t.Fatal("the slow member is not closed")
		}
		harness.Publish(t, srv, "r", strings.Repeat("x", 4<<10))
	}
	healthy := harness.Dial(t, base, "r", true, "as", "healthy")
	healthy.Until("welcome")
	page, err := memory.Read(context.Background(), "r", chatlog.Range{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := memory.Renew(context.Background(), "r", page.Position.Epoch); err != nil {
		t.Fatal(err)
	}
	if code := healthy.Closed(); code != 1013 {
		t.Errorf("closed with %d", code)
	}
	for _, line := range []string{
		"chat: panic", "chat: not authenticated", "chat: authenticated user's name refused",
		"chat: the http.ResponseWriter is no http.Hijacker: HTTP/2 or a middleware hides it",
		"chat: page refused for its scheme: behind a TLS proxy, name it in WithTrustedProxies",
		"chat: feed interrupted", "chat: feed resumed", "chat: log", "chat: member too slow", "chat: log lost events",
	} {
		harness.Eventually(t, fmt.Sprintf("%q", line), func() bool { return n.saw(line) })
	}
	// The authenticator's, and the handler's for each line that says that events were lost.
	harness.Eventually(t, "both panics to be counted", func() bool { return srv.Stats().Panics >= 2 })
	// The last line: the log cannot be reached.
	n = &nosy{seen: map[string]int{}}
	srv, base = harness.Serve(t, chat.WithLog(unreachable{memory}), chat.WithLogger(slog.New(n)))
	n.srv = srv
	if status, _ := harness.Get(t, base+"/rooms/r/messages"); status != 503 || !n.saw("chat: unavailable") {
		t.Errorf("status %d", status)
	}
}

// unreachable is a log that cannot be read.
type unreachable struct{ chat.Log }

func (unreachable) Read(context.Context, string, chatlog.Range) (chatlog.Page, error) {
	return chatlog.Page{}, errors.New("no answer")
}
