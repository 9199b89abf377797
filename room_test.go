package chat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-08328bfd/chat"
)

func TestLastFiftyOfSixty(t *testing.T) {
	_, base := serve(t)
	alice := dial(t, base, "general", false, "username", "Alice")
	for i := range 60 {
		alice.send(fmt.Sprint("m", i))
		alice.until("message")
	}
	// Notices are not history and do not count.
	dial(t, base, "general", false).conn.Close(1000, "")
	alice.until("system")
	alice.until("system")
	bob := dial(t, base, "general", false, "username", "Bob")
	for i := 10; i < 60; i++ {
		if o := bob.next(); o.Type != "message" || o.Message != fmt.Sprint("m", i) || o.Offset != uint64(i+1) {
			t.Fatalf("message %d: got %+v", i, o)
		}
	}
	alice.send("live")
	if o := bob.next(); o.Message != "live" {
		t.Fatalf("after the history: got %+v", o)
	}
}

func TestHistorySizes(t *testing.T) {
	for _, tc := range []struct{ size, want int }{{0, 0}, {-1, 0}, {1, 1}, {7, 7}, {100, 20}} {
		srv, base := serve(t, chat.WithHistory(tc.size))
		for i := range 20 {
			publish(t, srv, "r", fmt.Sprint(i))
		}
		p := dial(t, base, "r", true)
		p.until("welcome") // or what is live could be the last of the history
		publish(t, srv, "r", "live")
		var got []string
		for {
			o := p.next()
			if o.Message == "live" {
				break
			}
			got = append(got, o.Message)
		}
		var want []string
		for i := 20 - tc.want; i < 20; i++ {
			want = append(want, fmt.Sprint(i))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("history of %d (-want +got):\n%s", tc.size, diff)
		}
	}
}

func publish(t testing.TB, srv *chat.Server, room, text string) chat.Event {
	t.Helper()
	e, err := srv.Publish(context.Background(), room, chat.Event{Username: "Bot", Message: text})
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return e
}

func TestRoomsApart(t *testing.T) {
	_, base := serve(t)
	names := []string{"general", "General", "a b", "{x}", "*", "'; DROP", "__proto__", strings.Repeat("😀", 64), "50%"}
	peers := make([]*peer, len(names))
	for i, name := range names {
		peers[i] = dial(t, base, name, false)
	}
	for i, p := range peers {
		p.send("in " + names[i])
	}
	for i, p := range peers {
		if o := p.next(); o.Message != "in "+names[i] {
			t.Errorf("room %q got %+v", names[i], o)
		}
	}
}

func TestNamelessIsAnonymous(t *testing.T) {
	_, base := serve(t)
	alice := dial(t, base, "r", false, "username", "Alice")
	dial(t, base, "r", false)
	if o := alice.next(); o.Message != "Anonymous joined the room" {
		t.Errorf("got %+v", o)
	}
	dial(t, base, "r", false, "username", " \t ")
	if o := alice.next(); o.Username != "Anonymous" {
		t.Errorf("got %+v", o)
	}
	_, base = serve(t, chat.WithDefaultUsername("Guest"))
	p := dial(t, base, "r", false)
	p.send("hi")
	if o := p.next(); o.Username != "Guest" {
		t.Errorf("got %+v", o)
	}
}

func TestMountedUnderPrefix(t *testing.T) {
	srv := chat.New()
	mux := http.NewServeMux()
	mux.Handle("/deep/chat/", http.StripPrefix("/deep/chat", srv))
	hs := httptest.NewServer(mux)
	defer hs.Close()
	defer srv.Close()
	p := dial(t, hs.URL+"/deep/chat", "r", false)
	p.send("hi")
	if o := p.next(); o.Message != "hi" {
		t.Errorf("got %+v", o)
	}
	if _, body := get(t, hs.URL+"/deep/chat/rooms"); body != `{"r":1}` {
		t.Errorf("rooms: %s", body)
	}
	if status, _ := get(t, hs.URL+"/deep/chat/"); status != 404 {
		t.Errorf("status %d", status)
	}
}

// TestThousandMembers has everybody get everything, in order.
func TestThousandMembers(t *testing.T) {
	const members, messages = 1000, 100
	srv, base := serve(t, chat.WithPresenceSize(1), chat.WithHistory(0))
	peers := make([]*peer, members)
	for i := range peers {
		peers[i] = dial(t, base, "r", false)
	}
	var wg sync.WaitGroup
	for _, p := range peers {
		wg.Go(func() {
			for i := range messages {
				o, err := p.read()
				if o.Type == "system" && err == nil {
					o, err = p.read() // one of the first two
				}
				if err != nil || o.Offset != uint64(i+1) || o.Message != fmt.Sprint(i) {
					t.Errorf("message %d: %+v, %v", i, o, err)
					return
				}
			}
		})
	}
	for i := range messages {
		publish(t, srv, "r", fmt.Sprint(i))
	}
	wg.Wait()
}

// TestSlowMember has members that never read beside healthy ones.
func TestSlowMember(t *testing.T) {
	srv, base := serve(t, chat.WithMaxLag(1), chat.WithMessageSize(4<<10), chat.WithResume(10), chat.WithWriteTimeout(time.Minute))
	slow := make([]*peer, 3)
	for i := range slow {
		slow[i] = dial(t, base, "r", true)
	}
	healthy := dial(t, base, "r", false)
	text := strings.Repeat("x", 4<<10)
	const messages = 4000
	window := make(chan struct{}, 10)
	go func() {
		for range messages {
			window <- struct{}{}
			if _, err := srv.Publish(context.Background(), "r", chat.Event{Message: text}); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range messages {
		if o := healthy.until("message"); o.Offset != uint64(i+1) {
			t.Fatalf("offset %d after %d", o.Offset, i)
		}
		<-window
	}
	eventually(t, "slow members to be closed", func() bool { return srv.Stats().SlowCloses >= 3 })
	for _, p := range slow {
		last := uint64(0)
		for {
			o, err := p.read()
			if err != nil {
				if code := closeCode(err); code != 1013 {
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
	const members = 2000
	srv, base := serve(t, chat.WithPresenceSize(1)) // or notices are most of the work
	var peers []*peer
	for i := range members {
		peers = append(peers, dial(t, base, fmt.Sprint("room", i%7), i%2 == 0))
	}
	var wg sync.WaitGroup
	for i, p := range peers {
		if i%10 == 9 {
			continue // reads nothing, and answers no close
		}
		wg.Go(func() {
			bye := false
			for {
				o, err := p.read()
				if err == nil {
					bye = bye || o.Type == "goodbye"
					continue
				}
				if code := closeCode(err); code != 1001 {
					t.Errorf("member %d: closed with %d (%v)", i, code, err)
				}
				if bye != (i%2 == 0) {
					t.Errorf("member %d: goodbye %v", i, bye)
				}
				return
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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
	if _, err := srv.Publish(ctx, "r", chat.Event{Message: "x"}); !errors.Is(err, chat.ErrServerClosed) {
		t.Errorf("Publish after Shutdown: %v", err)
	}
}

func TestPanicInHooks(t *testing.T) {
	var logged lockedBuffer
	quiet := chat.WithLogger(slog.New(slog.NewTextHandler(&logged, nil)))
	_, base := serve(t, quiet, chat.WithFilter(func(e *chat.Event) error {
		if e.Message == "boom" {
			panic("filter")
		}
		return nil
	}), chat.WithAuthorizer(func(u chat.User, room string, a chat.Action) error {
		if a == chat.ActionJoin && room == "panic" || a == chat.ActionTyping {
			panic("authorizer")
		}
		return nil
	}))
	p := dial(t, base, "r", true)
	p.until("welcome")
	p.send(`{"type":"message","message":"boom","id":"1"}`)
	if o := p.next(); o.Code != "rejected" || o.ID != "1" {
		t.Errorf("got %+v", o)
	}
	p.send(`{"type":"message","message":"still here"}`)
	if o := p.next(); o.Message != "still here" {
		t.Errorf("got %+v", o)
	}
	if _, resp, err := tryDial(t, base, "panic", true); err == nil || resp == nil || resp.StatusCode != 500 {
		t.Errorf("join with a panicking authorizer: %v, %v", resp, err)
	}
	q := dial(t, base, "r", true)
	q.until("welcome")
	q.send(`{"type":"typing"}`)
	if code := q.closed(); code != 1011 {
		t.Errorf("typing with a panicking authorizer: closed with %d", code)
	}
	p.send(`{"type":"ping"}`)
	p.until("pong")
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

// TestEarlyFrames sends frames in the same packet as the handshake.
func TestEarlyFrames(t *testing.T) {
	_, base := serve(t)
	for range 50 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		frame := append([]byte{0x81, 0x85, 0, 0, 0, 0}, "early"...)
		io.WriteString(conn, "GET /ws/early HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+string(frame)+string(frame))
		conn.SetReadDeadline(time.Now().Add(patience))
		var got bytes.Buffer
		buf := make([]byte, 4096)
		for bytes.Count(got.Bytes(), []byte(`"message":"early"`)) < 2 {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatalf("after %q: %v", got.String(), err)
			}
			got.Write(buf[:n])
		}
		conn.Close()
	}
}
