package chat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// TestSlowMember has members that never read beside healthy ones.
func TestSlowMember(t *testing.T) {
	srv, base := harness.Serve(t, chat.WithMaxLag(1), chat.WithMessageSize(4<<10), chat.WithResume(10), chat.WithWriteTimeout(time.Minute), chat.WithPing(harness.Patience, harness.Patience))
	slow := make([]*harness.Peer, 3)
	for i := range slow {
		slow[i] = harness.Dial(t, base, "r", true)
	}
	healthy := harness.Dial(t, base, "r", false)
	text := strings.Repeat("x", 4<<10)
	const messages = 4000
	window := make(chan struct{}, 10)
	go func() {
		for range messages {
			window <- struct{}{}
			if _, err := srv.Publish(context.Background(), "r", chat.Event{Text: text}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range messages {
		if o := healthy.Until("message"); o.Offset != uint64(i+1) {
			t.Fatalf("offset %d after %d", o.Offset, i)
		}
		<-window
	}
	harness.Eventually(t, "slow members to be closed", func() bool { return srv.Stats().SlowCloses >= 3 })
	for _, p := range slow {
		last := uint64(0)
		for {
			o, err := p.Read()
			if err != nil {
				if code := harness.CloseCode(err); code != 1013 {
					t.Errorf("closed with %d (%v)", code, err)
				}
				break
			}
			if o.Type == "message" {
				if o.Offset != last+1 {
					t.Errorf("offset %d after %d", o.Offset, last)
				}
				last = o.Offset
			}
		}
	}
}

// TestShutdownOfMany has cooperative, silent and stuck connections.
func TestShutdownOfMany(t *testing.T) {
	members := 2000
	if testing.Short() { // all answer within closeTimeout, on machines that are busy too
		members = 500
	}
	srv, base := harness.Serve(t, chat.WithPing(harness.Patience, harness.Patience), chat.WithPresenceSize(1)) // or notices are most of the work
	var peers []*harness.Peer
	for i := range members {
		peers = append(peers, harness.Dial(t, base, fmt.Sprint("room", i%7), i%2 == 0))
	}
	var wg sync.WaitGroup
	for i, p := range peers {
		if i%10 == 9 {
			continue // reads nothing, and answers no close
		}
		wg.Go(func() {
			bye := false
			for {
				o, err := p.Read()
				if err == nil {
					bye = bye || o.Type == "goodbye"
					continue
				}
				if code := harness.CloseCode(err); code != 1001 {
					t.Errorf("member %d: closed with %d (%v)", i, code, err)
				}
				if bye != (i%2 == 0) {
					t.Errorf("member %d: goodbye %v", i, bye)
				}
				return
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	start := time.Now()
	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	t.Logf("shutdown took %v", time.Since(start))
	wg.Wait()
	resp, err := http.Get(base + "/rooms")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("after shutdown: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("second Shutdown: %v", err)
	}
	if _, err := srv.Publish(ctx, "r", chat.Event{Text: "x"}); !errors.Is(err, chat.ErrServerClosed) {
		t.Errorf("Publish after Shutdown: %v", err)
	}
}

func TestPanicInHooks(t *testing.T) {
	var logged lockedBuffer
	quiet := chat.WithLogger(slog.New(slog.NewTextHandler(&logged, nil)))
	_, base := harness.Serve(t, quiet, chat.WithFilter(func(e *chat.Event) error {
		if e.Text == "boom" {
			panic("filter")
		}
		return nil
	}), chat.WithAuthorizer(func(u chat.User, room string, a chat.Action) error {
		if a == chat.ActionJoin && room == "panic" || a == chat.ActionTyping {
			panic("authorizer")
		}
		return nil
	}))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	p.Send(`{"type":"message","message":"boom","id":"1"}`)
	if o := p.Next(); o.Code != "rejected" || o.ID != "1" {
		t.Errorf("got %+v", o)
	}
	p.Send(`{"type":"message","message":"still here"}`)
	if o := p.Next(); o.Message != "still here" {
		t.Errorf("got %+v", o)
	}
	if _, resp, err := harness.TryDial(t, base, "panic", true); err == nil || resp == nil || resp.StatusCode != 500 {
		t.Errorf("join with a panicking authorizer: %v, %v", resp, err)
	}
	q := harness.Dial(t, base, "r", true)
	q.Until("welcome")
	q.Send(`{"type":"typing"}`)
	if o := q.Until("error"); o.Code != "forbidden" || o.Message != "internal error" {
		t.Errorf("typing with a panicking authorizer: %+v", o)
	}
	p.Send(`{"type":"ping"}`)
	p.Until("pong")
	if !strings.Contains(logged.String(), "authorizer") {
		t.Error("the panic was not logged")
	}
}

// lockedBuffer is a buffer that may be written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestLastWords has clients send a message and a close frame and be gone, with
// bytes unread, so that what the server writes meanwhile fails: the message is
// kept, and they have left at once.
func TestLastWords(t *testing.T) {
	const clients = 150
	srv, base := harness.Serve(t, harness.Quiet, chat.WithLeaveGrace(time.Hour), chat.WithHistory(0), chat.WithLog(chat.NewMemoryLog(1000)))
	for i := range clients {
		c := harness.RawDial(t, base, "/ws/r", harness.OfferV1)
		harness.Publish(t, srv, "r", "noise")
		c.Write(append(wsconf.Frame(wsconf.Fin|wsconf.Text, fmt.Sprintf(`{"type":"message","message":"last %d"}`, i)), wsconf.Frame(wsconf.Fin|wsconf.Close, "\x03\xe8")...))
		c.Close()
		harness.Publish(t, srv, "r", "noise")
	}
	harness.Eventually(t, "all to have left", func() bool {
		_, n, err := srv.Members(t.Context(), "r", 0)
		return err == nil && n == 0
	})
	page, err := srv.History(t.Context(), "r", "", chatlog.Range{Before: 0, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(3 * clients); page.Position.Offset != want {
		t.Errorf("%d messages, want %d", page.Position.Offset, want)
	}
}
