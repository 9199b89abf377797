package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/ws"
)

func TestRoutes(t *testing.T) {
	one := start(t, nil)
	for path, want := range map[string]string{
		"/healthz": "ok\n", "/readyz": "ready\n", "/rooms": "{}\n", "/": "<html", "/metrics": "chat_connections 0",
	} {
		if status, body := get(t, one.url+path, ""); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	for path, want := range map[string]int{"/ws/..": http.StatusBadRequest, "/ws/../x?token=t": http.StatusNotFound, "//ws/x": http.StatusNotFound} {
		if status, body := get(t, one.url+path, ""); status != want {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}
	eventually(t, "-healthcheck", func() bool {
		code, _ := exit(t, nil, "-healthcheck", "-addr", strings.TrimPrefix(one.url, "http://"))
		return code == 0
	})

	two := start(t, map[string]string{"CHAT_METRICS_ADDR": "127.0.0.1:0"})
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status, _ := get(t, two.url+path, ""); status != http.StatusNotFound {
			t.Errorf("%s on the clients' address: %d", path, status)
		}
		if status, _ := get(t, two.metrics+path, ""); status != http.StatusOK {
			t.Errorf("%s on the other: %d", path, status)
		}
	}
	env := map[string]string{"CHAT_METRICS_ADDR": strings.TrimPrefix(two.metrics, "http://")}
	eventually(t, "-healthcheck by the environment", func() bool {
		code, _ := exit(t, env, "-healthcheck")
		return code == 0
	})
}

// value returns the value of a metric from /metrics.
func (p *process) value(t *testing.T, name string) float64 {
	t.Helper()
	_, body := get(t, p.metrics+"/metrics", "")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("no %s in\n%s", name, body)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMetrics(t *testing.T) {
	p := start(t, nil)
	for _, name := range []string{
		"chat_connections", "chat_rooms", "chat_members", "chat_messages_total", "chat_deliveries_total",
		"chat_rounds_total", "chat_slow_closes_total", "chat_refused_total", "chat_log_errors_total",
		"chat_resets_total", "chat_panics_total",
	} {
		if v := p.value(t, name); v != 0 {
			t.Errorf("%s is %v at first", name, v)
		}
	}
	if p.value(t, "chat_ready") != 1 || p.value(t, "go_goroutines") == 0 {
		t.Error("chat_ready or go_goroutines is wrong")
	}
	alice := mustJoin(t, p.url, "general", "Alice")
	bob := mustJoin(t, p.url, "general", "Bob")
	mustJoin(t, p.url, "other", "Carol")
	for i := range 5 {
		alice.say(t, fmt.Sprint(i))
	}
	bob.hears(t, "4")
	alice.hears(t, "4")
	if _, err := join(t, p.url, "general", "Eve", http.Header{"Origin": {"https://evil.example"}}); err == nil {
		t.Error("a page of another origin was accepted")
	}
	for name, want := range map[string]float64{
		"chat_connections": 3, "chat_rooms": 2, "chat_members": 3, "chat_messages_total": 5, "chat_refused_total": 1,
	} {
		eventually(t, fmt.Sprintf("%s %v", name, want), func() bool { return p.value(t, name) == want })
	}
	eventually(t, "all messages are delivered", func() bool { return p.value(t, "chat_deliveries_total") >= 10 })
	// Notices of joins are events too.
	if v := p.value(t, "chat_deliveries_total"); v > 30 {
		t.Errorf("chat_deliveries_total is %v", v)
	}
	if v := p.value(t, "chat_rounds_total"); v < 1 {
		t.Errorf("chat_rounds_total is %v", v)
	}
}

// TestDrain checks that members learn when to reconnect if their server is shut down, and that
// the server ends gracefully in time.
func TestDrain(t *testing.T) {
	p := start(t, nil, "-drain-delay", "6s", "-drain", "10s")
	members := make([]member, 50)
	for i := range members {
		members[i] = mustJoin(t, p.url, fmt.Sprint("room", i%5), "U")
	}
	resp, err := http.Get(p.url + "/ws/general") // a plain page's way of asking
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "not ready", func() bool {
		status, body := get(t, p.url+"/readyz", "")
		return status == http.StatusServiceUnavailable && body == "draining\n"
	})
	if status, _ := get(t, p.url+"/healthz", ""); status != http.StatusOK {
		t.Errorf("/healthz while draining: %d", status)
	}
	var wg sync.WaitGroup
	retries := make([]int, len(members))
	for i, m := range members {
		wg.Go(func() {
			o, err := m.next(t, "goodbye")
			if err != nil {
				t.Errorf("member %d: no goodbye: %v", i, err)
				return
			}
			retries[i] = o.Retry
			if _, err := m.next(t, "nothing more"); ws.CloseStatus(err) != 1001 {
				t.Errorf("member %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
	if took := time.Since(began); took > 16*time.Second+patience/2 {
		t.Errorf("the shutdown took %v", took)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	different := map[int]bool{}
	for _, r := range retries {
		different[r] = true
		if r <= 0 {
			t.Errorf("retry_after_ms is %d", r)
		}
	}
	if len(different) < 10 {
		t.Errorf("50 members reconnect at only %d different times", len(different))
	}
	if log := p.log(); !strings.Contains(log, `"msg":"draining","connections":50`) || !strings.Contains(log, `"msg":"stopped"`) {
		t.Error("the log does not show the shutdown")
	}
}

// TestDrainLimit checks that members that do not close do not delay the shutdown beyond its
// limit.
func TestDrainLimit(t *testing.T) {
	p := start(t, nil, "-drain", "1s")
	mustJoin(t, p.url, "general", "Deaf") // never reads again
	if code := p.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestSecondSignal(t *testing.T) {
	p := start(t, nil, "-drain-delay", "1h")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "draining", func() bool { return strings.Contains(p.log(), "draining") })
	if code := p.stop(t); code == 0 {
		t.Error("a server that was ended by a second signal has exit code 0")
	}
}
