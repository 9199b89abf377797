package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// deployed returns a file of deploy with replacements, in a folder of the test's.
func deployed(t *testing.T, name string, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("no %q in %s", replace[i], name)
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// optional is installed for what only checks files that are no code.
func optional(t *testing.T, name, path string) string {
	t.Helper()
	for _, p := range []string{name, path} {
		if found, err := exec.LookPath(p); err == nil {
			return found
		}
	}
	t.Skipf("%s is not installed", name)
	return ""
}

func TestNginx(t *testing.T) {
	nginx := optional(t, "nginx", "/usr/sbin/nginx")
	testProxy(t, func(port string, servers [2]string, _ string) *exec.Cmd {
		conf := deployed(t, "nginx.conf", "listen 80;", "listen 127.0.0.1:"+port+";", "chat-1:8080", servers[0], "chat-2:8080", servers[1])
		dir := t.TempDir()
		if out, err := exec.Command(nginx, "-t", "-p", dir, "-c", conf, "-g", "pid "+dir+"/pid;").CombinedOutput(); err != nil {
			t.Fatalf("nginx -t: %s", out)
		}
		return exec.Command(nginx, "-p", dir, "-c", conf, "-g", "daemon off; pid "+dir+"/pid;")
	})
}

func TestCaddy(t *testing.T) {
	caddy := optional(t, "caddy", "/usr/bin/caddy")
	testProxy(t, func(port string, servers [2]string, health string) *exec.Cmd {
		dir := t.TempDir()
		cmd := exec.Command(caddy, "run", "--adapter", "caddyfile", "--config", deployed(t, "Caddyfile"))
		cmd.Env = append(os.Environ(), "CHAT_SITE=http://127.0.0.1:"+port, "CHAT_SERVERS="+servers[0]+" "+servers[1], "CHAT_HEALTH_PORT="+health,
			"XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "CADDY_ADMIN=unix/"+dir+"/admin.sock")
		return cmd
	})
}

// testProxy runs two servers behind a proxy, and restarts one.
func testProxy(t *testing.T, command func(port string, servers [2]string, health string) *exec.Cmd) {
	health := freePort(t)
	var servers [2]*process
	var addrs [2]string
	for i := range servers {
		host := fmt.Sprintf("127.0.0.%d", i+1) // two hosts, with one port for probes
		servers[i] = start(t, nil, "-addr", host+":0", "-metrics-addr", net.JoinHostPort(host, health),
			"-trusted-proxies", "127.0.0.0/8", "-drain-delay", "10s", "-drain", "10s")
		addrs[i] = strings.TrimPrefix(servers[i].url, "http://")
	}
	port := freePort(t)
	runProgram(t, command(port, addrs, health))
	proxy := "http://127.0.0.1:" + port
	reachable(t, "127.0.0.1:"+port)
	eventually(t, "served by the proxy", func() bool { status, _ := get(t, proxy+"/rooms", ""); return status == http.StatusOK })
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status, _ := get(t, proxy+path, ""); status != http.StatusNotFound {
			t.Errorf("%s through the proxy: %d", path, status)
		}
	}

	// Pages of the proxy's own origin may connect, others not; and a token of
	// nearly 8 KiB comes through.
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
			t.Error("a server without members")
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
				return // a member of the other server, cut off at the end
			}
			_, err := m.next(t, "nothing more")
			mu.Lock()
			defer mu.Unlock()
			if gone++; ws.CloseStatus(err) != 1001 {
				t.Errorf("after goodbye: %v", err)
			}
		})
	}
	for { // nobody is turned away meanwhile, but whoever joins just then may be sent off at once
		m, err := join(t, proxy, "general", "Carol", own)
		if err == nil {
			m.CloseNow()
		} else if strings.HasPrefix(err.Error(), "status") {
			t.Errorf("joining during a restart: %v", err)
			break
		}
		select {
		case <-servers[0].ended:
		default:
			continue
		}
		break
	}
	<-servers[0].ended
	for range 20 {
		m, err := join(t, proxy, "general", "Carol", own)
		if err != nil {
			t.Errorf("joining after a server has gone: %v", err)
			break
		}
		m.CloseNow()
	}
	for _, m := range members {
		m.CloseNow()
	}
	wg.Wait()
	if code := servers[0].cmd.ProcessState.ExitCode(); code != 0 || gone == 0 {
		t.Errorf("exit code %d, %d members took leave", code, gone)
	}
}
