// Package logtest has the common parts of tests of logs outside the process.
package logtest

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// RefusedWhileAway starts a server whose log is down. Many handshakes come one after another,
// and each gets 503 within the log timeout. The server's limit is two seconds; the rest is for a
// busy machine.
func RefusedWhileAway(t testing.TB, what string, l chatlog.Log) {
	t.Helper()
	srv := chat.New(chat.WithLog(l), chat.WithLogger(slog.New(slog.DiscardHandler)))
	hs := httptest.NewServer(srv)
	defer hs.Close()
	defer srv.Close()
	var asking sync.WaitGroup
	for i := range 8 {
		asking.Go(func() {
			r, err := http.NewRequest("GET", hs.URL+"/ws/r", nil)
			if err != nil {
				t.Error(err)
				return
			}
			for key, value := range map[string]string{
				"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
			} {
				r.Header.Set(key, value)
			}
			began := time.Now()
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			resp.Body.Close()
			if d := time.Since(began); resp.StatusCode != 503 || d > 6*time.Second {
				t.Errorf("%s: handshake %d: %d after %v", what, i, resp.StatusCode, d)
			}
		})
		time.Sleep(100 * time.Millisecond)
	}
	asking.Wait()
}

// Silent returns the address of a port that accepts connections and sends nothing.
func Silent(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return ln.Addr().String()
}
