package redislog_test

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// TestAwayAtStart has Redis stand still, not answer, or not be there.
func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	i.signal(stopSignal)
	refusedWhileAway(t, "stopped", redislog.New(i.client(t)))
	i.signal(contSignal)
	for what, addr := range map[string]string{"silent": silent(t), "refused": "127.0.0.1:1"} {
		c := redis.NewClient(&redis.Options{Addr: addr})
		refusedWhileAway(t, what, redislog.New(c))
		c.Close()
	}
}

// refusedWhileAway starts a server whose log is away: however many come, one after
// the other, each handshake is answered 503 within the log timeout. The servers'
// bound is two seconds; the rest is for a busy machine.
func refusedWhileAway(t *testing.T, what string, l chatlog.Log) {
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

// silent returns the address of a port that accepts connections and says nothing.
func silent(t *testing.T) string {
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
