package hostile

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// TestBadHandshakesEchoNothing looks for what the client sent in the refusals.
func TestBadHandshakesEchoNothing(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet)
	const canary = "c4n4ry"
	for _, request := range []string{
		wsconf.Handshake("/" + canary),
		wsconf.Handshake("/ws/" + canary + "%00"),
		wsconf.Handshake("/ws/r?username=" + canary + "%00"),
		wsconf.Handshake("/ws/r?since=" + canary),
		wsconf.Handshake("/ws/r?session=" + canary),
		wsconf.Handshake("/ws/r?token="+canary, "Origin: http://"+canary),
		harness.HandshakeWithout("Sec-WebSocket-Key", "Sec-WebSocket-Key: "+canary),
		harness.HandshakeWithout("Sec-WebSocket-Version", "Sec-WebSocket-Version: "+canary),
		harness.HandshakeWithout("Upgrade:", "Upgrade: "+canary),
		harness.Request("GET", "/rooms/r/messages?limit="+canary),
		harness.Request(strings.ToUpper(canary), "/rooms"),
	} {
		c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), request, time.Now().Add(harness.Patience))
		if err != nil {
			t.Fatal(err)
		}
		var all bytes.Buffer
		c.Response.Header.Write(&all)
		all.WriteString(c.Body)
		if c.Response.StatusCode < 400 || strings.Contains(strings.ToLower(all.String()), canary) {
			t.Errorf("%.40q: %d\n%s", request, c.Response.StatusCode, all.String())
		}
		c.Close()
	}
}

// TestBadLimits is about who is one too many.
func TestBadLimits(t *testing.T) {
	t.Parallel()
	retry := []string{"Retry-After"}
	one := wsconf.Handshake("/ws/r")
	for _, tc := range []struct {
		id     string
		opt    chat.Option
		second httpRow
	}{
		{"H22 connections", chat.WithMaxConnections(1), httpRow{"", one, 429, "too_many", retry}},
		{"H22 connections of one address", chat.WithMaxConnectionsPerAddress(1), httpRow{"", one, 429, "too_many", retry}},
		{"H22 the address that it claims", chat.WithMaxConnectionsPerAddress(1), httpRow{"", wsconf.Handshake("/ws/r", "X-Forwarded-For: 203.0.113.9"), 429, "too_many", retry}},
		{"H22 connections of one user", chat.WithMaxConnectionsPerUser(1), httpRow{"", one, 101, "", nil}},
		{"H22 members", chat.WithMaxMembers(1), httpRow{"", one, 429, "too_many", retry}},
		{"H22 members of another room", chat.WithMaxMembers(1), httpRow{"", wsconf.Handshake("/ws/other"), 101, "", nil}},
		{"H22 rooms", chat.WithMaxRooms(1), httpRow{"", wsconf.Handshake("/ws/other"), 429, "too_many", retry}},
		{"H22 the same room", chat.WithMaxRooms(1), httpRow{"", one, 101, "", nil}},
	} {
		_, base := harness.Serve(t, tc.opt)
		first := harness.Dial(t, base, "r", true)
		first.Until("welcome")
		tc.second.id = tc.id
		c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), tc.second.request, time.Now().Add(harness.Patience))
		if err != nil {
			t.Fatalf("%s: %v", tc.id, err)
		}
		checkAnswer(t, tc.second, c.Response, c.Body)
		c.Close()
		// Who was refused has cost nothing, and a place is free again.
		first.Conn.Close(1000, "")
		harness.Eventually(t, tc.id+": the places to be free", func() bool {
			c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake("/ws/third"), time.Now().Add(harness.Patience))
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			return c.Response.StatusCode == 101
		})
	}
}

// TestBadTiming has handshakes that come too late, or whose client is gone.
func TestBadTiming(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, harness.Quiet)
	w := harness.Watch(t, base, "r")
	addr := strings.TrimPrefix(base, "http://")
	for range 100 { // H24
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, wsconf.Handshake("/ws/r"))
		conn.Close()
	}
	harness.Eventually(t, "the vanished to be gone", func() bool { return srv.Stats().Connections == 1 })
	w.Check(nil)
	srv.Close()
	runHTTPAfter(t, addr, httpRow{"H21 during shutdown", wsconf.Handshake("/ws/r"), 503, "unavailable", []string{"Retry-After"}})
	runHTTPAfter(t, addr, httpRow{"H21 not even read", harness.Request("GET", "/rooms/r/messages"), 503, "unavailable", []string{"Retry-After"}})
}

func runHTTPAfter(t *testing.T, addr string, row httpRow) {
	t.Helper()
	c, err := wsconf.Dial(addr, row.request, time.Now().Add(harness.Patience))
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, row, c.Response, c.Body)
	c.Close()
}

// TestBadResponseWriter has connections that cannot be taken over (H23): nobody
// in the room hears of them.
func TestBadResponseWriter(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, harness.Quiet)
	alice := harness.Dial(t, base, "r", true)
	alice.Until("welcome")
	for _, w := range []http.ResponseWriter{
		httptest.NewRecorder(),
		harness.FailingHijacker{ResponseWriter: httptest.NewRecorder()},
	} {
		r := httptest.NewRequest("GET", "/ws/r", nil)
		for _, line := range harness.UpgradeHeaders {
			key, value, _ := strings.Cut(line, ": ")
			r.Header.Set(key, value)
		}
		srv.ServeHTTP(w, r)
		if rec, ok := w.(*httptest.ResponseRecorder); ok && rec.Code != 501 {
			t.Errorf("status %d %s", rec.Code, rec.Body)
		}
	}
	harness.Publish(t, srv, "r", "next")
	if o := alice.Next(); o.Message != "next" {
		t.Errorf("the room heard %+v", o)
	}
	if members, n, err := srv.Members(context.Background(), "r", 10); n != 1 || err != nil {
		t.Errorf("members %v, %d, %v", members, n, err)
	}
	if s := srv.Stats(); s.Connections != 1 || s.Members != 1 {
		t.Errorf("stats %+v", s)
	}
}
