package chat_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
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
	e, err := srv.Publish(context.Background(), room, chat.Event{Username: "Bot", Text: text})
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

func TestAnonymousAreRefused(t *testing.T) {
	_, base := serve(t, chat.WithAuthorizer(func(u chat.User, _ string, _ chat.Action) error {
		if u.Anonymous() {
			return errors.New("members only")
		}
		return nil
	}))
	for _, path := range []string{"/rooms/r/messages", "/rooms/r/members"} {
		if status, body := get(t, base+path); status != 403 || !strings.Contains(body, "members only") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if _, resp, err := tryDial(t, base, "r", false); err == nil || resp.StatusCode != 403 {
		t.Errorf("socket: %v, %v", resp, err)
	}
	if (chat.User{ID: "u1"}).Anonymous() {
		t.Error("u1 is anonymous")
	}
}

func TestNamelessIsAnonymous(t *testing.T) {
	_, base := serve(t)
	alice := dial(t, base, "r", false, "username", "Alice")
	dial(t, base, "r", false)
	if o := alice.next(); o.Message != "Anonymous joined the room" {
		t.Errorf("got %+v", o)
	}
	dial(t, base, "r", false, "username", "  ")
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
	srv, base := serve(t, chat.WithPing(patience, patience), chat.WithPresenceSize(1), chat.WithHistory(0))
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

func TestRatesThatAreNone(t *testing.T) {
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, base := serve(t, chat.WithRateLimit(rate, 1))
		p := dial(t, base, "r", true)
		if limits := string(p.next().Limits); !strings.Contains(limits, `"rate_per_second":0,"burst":0`) {
			t.Errorf("%v: limits %s", rate, limits)
		}
		for range 3 {
			p.send(`{"type":"message","message":"x"}`)
			p.until("message")
		}
	}
}
