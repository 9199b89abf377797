package chat_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestTwoMembersTalk(t *testing.T) {
	_, base := harness.Serve(t)
	alice := harness.Dial(t, base, "general", false, "username", "Alice")
	bob := harness.Dial(t, base, "general", false, "username", "Bob")
	if o := alice.Next(); o.Type != "system" || o.Event != "join" || o.Message != "Bob joined the room" || o.Username != "Bob" {
		t.Fatalf("Alice sees %+v", o)
	}
	alice.Send(`{"type":"not an object"}`)
	for _, p := range []*harness.Peer{alice, bob} {
		o := p.Next()
		if o.Type != "message" || o.Username != "Alice" || o.Message != `{"type":"not an object"}` || o.Offset != 1 {
			t.Fatalf("got %+v", o)
		}
	}
	if status, body := harness.Get(t, base+"/rooms"); status != 200 || body != `{"general":2}` {
		t.Fatalf("rooms: %d %s", status, body)
	}
	bob.Conn.Close(1000, "")
	if o := alice.Next(); o.Event != "leave" || o.Message != "Bob left the room" {
		t.Fatalf("Alice sees %+v", o)
	}
	alice.Conn.Close(1000, "")
	harness.Eventually(t, "the room to be removed", func() bool {
		_, body := harness.Get(t, base+"/rooms")
		return body == `{}`
	})
}

func TestMain(m *testing.M) { harness.Main(m) }

func TestRoomsApart(t *testing.T) {
	_, base := harness.Serve(t)
	names := []string{"general", "General", "a b", "{x}", "*", "'; DROP", "__proto__", strings.Repeat("😀", 64), "50%"}
	peers := make([]*harness.Peer, len(names))
	for i, name := range names {
		peers[i] = harness.Dial(t, base, name, false)
	}
	for i, p := range peers {
		p.Send("in " + names[i])
	}
	for i, p := range peers {
		if o := p.Next(); o.Message != "in "+names[i] {
			t.Errorf("room %q got %+v", names[i], o)
		}
	}
}

func TestAnonymousAreRefused(t *testing.T) {
	_, base := harness.Serve(t, chat.WithAuthorizer(func(_ context.Context, u chat.User, _ string, _ chat.Action) error {
		if u.Anonymous() {
			return chat.Refuse("members only")
		}
		return nil
	}))
	for _, path := range []string{"/rooms/r/messages", "/rooms/r/members"} {
		if status, body := harness.Get(t, base+path); status != 403 || !strings.Contains(body, "members only") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if _, resp, err := harness.TryDial(t, base, "r", false); err == nil || resp.StatusCode != 403 {
		t.Errorf("socket: %v, %v", resp, err)
	}
	if (chat.User{ID: "u1"}).Anonymous() {
		t.Error("u1 is anonymous")
	}
}

func TestNamelessIsAnonymous(t *testing.T) {
	_, base := harness.Serve(t)
	alice := harness.Dial(t, base, "r", false, "username", "Alice")
	harness.Dial(t, base, "r", false)
	if o := alice.Next(); o.Message != "Anonymous joined the room" {
		t.Errorf("got %+v", o)
	}
	harness.Dial(t, base, "r", false, "username", "  ")
	if o := alice.Next(); o.Username != "Anonymous" {
		t.Errorf("got %+v", o)
	}
	_, base = harness.Serve(t, chat.WithDefaultUsername("Guest"))
	p := harness.Dial(t, base, "r", false)
	p.Send("hi")
	if o := p.Next(); o.Username != "Guest" {
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
	p := harness.Dial(t, hs.URL+"/deep/chat", "r", false)
	p.Send("hi")
	if o := p.Next(); o.Message != "hi" {
		t.Errorf("got %+v", o)
	}
	if _, body := harness.Get(t, hs.URL+"/deep/chat/rooms"); body != `{"r":1}` {
		t.Errorf("rooms: %s", body)
	}
	if status, _ := harness.Get(t, hs.URL+"/deep/chat/"); status != 404 {
		t.Errorf("status %d", status)
	}
}

// TestThousandMembers checks that every member gets every message, in order.
func TestThousandMembers(t *testing.T) {
	const members, messages = 1000, 30
	srv, base := harness.Serve(t, chat.WithPing(harness.Patience, harness.Patience), chat.WithPresenceSize(1), chat.WithHistory(0))
	peers := make([]*harness.Peer, members)
	for i := range peers {
		peers[i] = harness.Dial(t, base, "r", false)
	}
	var wg sync.WaitGroup
	for _, p := range peers {
		wg.Go(func() {
			for i := range messages {
				o, err := p.Read()
				if o.Type == "system" && err == nil {
					o, err = p.Read() // the acknowledgement or the message
				}
				if err != nil || o.Offset != uint64(i+1) || o.Message != fmt.Sprint(i) {
					t.Errorf("message %d: %+v, %v", i, o, err)
					return
				}
			}
		})
	}
	for i := range messages {
		harness.Publish(t, srv, "r", fmt.Sprint(i))
	}
	wg.Wait()
}

// TestEarlyFrames sends frames in the same packet as the handshake.
func TestEarlyFrames(t *testing.T) {
	_, base := harness.Serve(t)
	for range 50 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		frame := append([]byte{0x81, 0x85, 0, 0, 0, 0}, "early"...)
		io.WriteString(conn, "GET /ws/early HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+string(frame)+string(frame))
		conn.SetReadDeadline(time.Now().Add(harness.Patience))
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
