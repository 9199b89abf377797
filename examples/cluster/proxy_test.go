package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// TestProxyRestart runs two servers behind each proxy, and restarts one.
func TestProxyRestart(t *testing.T) {
	eachProxy(t, func(t *testing.T, p *proxy) { testRestart(t, p) })
}

func testRestart(t *testing.T, p *proxy) {
	var s setup
	servers := serverPair(t, &s, "-drain-delay", "10s", "-drain", "10s")
	p.run(t, &s)
	served(t, &s)
	proxy := s.url
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status, _ := get(t, proxy+path, ""); status != http.StatusNotFound {
			t.Errorf("%s through the proxy: %d", path, status)
		}
	}

	// Pages of the proxy's own origin may connect, others may not. A token of nearly 8 KiB
	// passes.
	own, foreign := http.Header{"Origin": {proxy}}, http.Header{"Origin": {"http://127.0.0.1"}}
	if _, err := join(t, proxy, "general", "Alice", foreign); fmt.Sprint(err) != "status 403" {
		t.Errorf("a foreign page: %v", err)
	}
	if _, err := join(t, proxy, "general", "Alice", own, "bearer."+strings.Repeat("x", 8000)); err != nil {
		t.Errorf("a long token: %v", err)
	}

	// Enough members for both servers.
	members := make([]member, 10)
	for i := range members {
		var err error
		if members[i], err = join(t, proxy, "general", "Bob", own); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint("hello ", i)
		members[i].say(t, text)
		members[i].hears(t, text)
	}
	for _, s := range servers {
		if s.value(t, "chat_connections") == 0 {
			t.Error("a server has no members")
		}
	}

	if err := servers[0].cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	gone := 0
	for _, m := range members {
		wg.Go(func() {
			if _, err := m.next(t, "goodbye"); err != nil {
				return // a member of the other server, which is closed at the end of the test
			}
			_, err := m.next(t, "nothing more")
			mu.Lock()
			defer mu.Unlock()
			if gone++; ws.CloseStatus(err) != 1001 {
				t.Errorf("after goodbye: %v", err)
			}
		})
	}
	for { // no client may be refused meanwhile, but a new one may be told immediately to reconnect
		m, err := join(t, proxy, "general", "Carol", own)
		if err == nil {
			m.CloseNow()
		} else if strings.HasPrefix(err.Error(), "status") && !p.passes503 {
			t.Errorf("joining during a restart: %v", err)
			break
		}
		select {
		case <-servers[0].ended:
		case <-time.After(20 * time.Millisecond):
			continue
		}
		break
	}
	<-servers[0].ended
	for range 20 {
		m, err := join(t, proxy, "general", "Carol", own)
		if err != nil {
			t.Errorf("joining after a server has stopped: %v", err)
			break
		}
		m.CloseNow()
	}
	for _, m := range members {
		m.CloseNow()
	}
	wg.Wait()
	if code := servers[0].cmd.ProcessState.ExitCode(); code != 0 || gone == 0 {
		t.Errorf("exit code %d, %d members closed", code, gone)
	}
}
