package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/test/ports"
)

// installed returns the path of a program. If it is not installed, the test is skipped, except
// in CI, where it fails.
func installed(t *testing.T, name string, patterns ...string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, p := range patterns {
		if found, _ := filepath.Glob(p); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// program is a process with its child processes.
type program struct{ pid int }

// runProgram starts a program that ends with the test.
func runProgram(t *testing.T, cmd *exec.Cmd) program {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := program{cmd.Process.Pid}
	t.Cleanup(func() {
		p.signal(t, contSignal)
		cmd.Process.Signal(syscall.SIGINT)
		kill := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		cmd.Wait()
		kill.Stop()
		log.Close()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("%s said:\n%s", cmd.Path, b)
		}
	})
	return p
}

func reachable(t *testing.T, addr string) {
	t.Helper()
	eventually(t, "reachable: "+addr, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func startRedis(t *testing.T) (url string, p program) {
	t.Helper()
	port := freePort(t)
	p = runProgram(t, exec.Command(installed(t, "redis-server"),
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", t.TempDir()))
	reachable(t, "127.0.0.1:"+port)
	return "redis://127.0.0.1:" + port + "/0", p
}

// startPostgres makes a new database cluster. PostgreSQL does not run as root, so if this user
// is root, it runs as another user.
func startPostgres(t *testing.T) (dsn string, p program) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cluster") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	name := "postgres"
	if os.Getuid() == 0 {
		u, err := user.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		runAs(attr, u)
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	const bin = "/usr/lib/postgresql/*/bin/"
	initdb := exec.Command(installed(t, "initdb", bin+"initdb"), "-D", data, "-U", name, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port := freePort(t)
	postgres := exec.Command(installed(t, "postgres", bin+"postgres"), "-D", data, "-p", port, "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off")
	postgres.SysProcAttr, postgres.Dir = attr, dir
	p = runProgram(t, postgres)
	reachable(t, "127.0.0.1:"+port)
	u := url.URL{Scheme: "postgres", User: url.User(name), Host: "127.0.0.1:" + port, Path: "postgres", RawQuery: "sslmode=disable&connect_timeout=2"}
	return u.String(), p
}

func TestRedis(t *testing.T) {
	url, p := startRedis(t)
	testEngine(t, p, map[string]string{"CHAT_REDIS": url})
}

func TestPostgres(t *testing.T) {
	url, p := startPostgres(t)
	testEngine(t, p, map[string]string{"CHAT_POSTGRES": url})
}

// testEngine runs two servers with one engine, whose process is p.
func testEngine(t *testing.T, p program, env map[string]string) {
	one, two := start(t, env), start(t, env)
	for _, s := range []*process{one, two} {
		eventually(t, "ready", func() bool { status, _ := get(t, s.url+"/readyz", ""); return status == http.StatusOK })
	}
	alice, bob := mustJoin(t, one.url, "general", "Alice"), mustJoin(t, two.url, "general", "Bob")
	for i := range 10 {
		text := fmt.Sprint("from one ", i)
		alice.say(t, text)
		bob.hears(t, text)
		text = fmt.Sprint("from two ", i)
		bob.say(t, text)
		alice.hears(t, text)
	}
	for _, s := range []*process{one, two} {
		if _, body := get(t, s.url+"/rooms", ""); body != `{"general":2}`+"\n" {
			t.Errorf("/rooms: %s", body)
		}
		if n := s.value(t, `chat_log_call_seconds_count{call="append"}`); n < 1 {
			t.Errorf("%v appends were measured", n)
		}
	}

	// While the engine hangs, no server is ready, but all are alive.
	p.signal(t, stopSignal)
	for _, s := range []*process{one, two} {
		eventually(t, "away", func() bool {
			status, body := get(t, s.url+"/readyz", "")
			return status == http.StatusServiceUnavailable && body == "the engine is down\n"
		})
		if status, _ := get(t, s.url+"/healthz", ""); status != http.StatusOK {
			t.Errorf("/healthz: %d", status)
		}
		if s.value(t, "chat_ready") != 0 {
			t.Error("chat_ready")
		}
	}
	p.signal(t, contSignal)
	for _, s := range []*process{one, two} {
		eventually(t, "ready again", func() bool { status, _ := get(t, s.url+"/readyz", ""); return status == http.StatusOK })
	}
	alice.say(t, "after it")
	bob.hears(t, "after it")

	// A rolling restart: the members of the server that stops join the other one, which has the
	// room's history.
	if code := one.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	bob.say(t, "meanwhile")
	bob.hears(t, "meanwhile")
	again := mustJoin(t, two.url, "general", "Alice")
	again.hears(t, "from one 9")
	again.hears(t, "meanwhile")
	three := start(t, env)
	eventually(t, "ready", func() bool { status, _ := get(t, three.url+"/readyz", ""); return status == http.StatusOK })
	carol := mustJoin(t, three.url, "general", "Carol")
	carol.hears(t, "meanwhile")
	carol.say(t, "from three")
	bob.hears(t, "from three")
}

// TestEngineComesLater checks that a server that starts before its engine waits for it.
func TestEngineComesLater(t *testing.T) {
	port := freePort(t)
	s := start(t, nil, "-redis", "redis://127.0.0.1:"+port)
	if status, _ := get(t, s.url+"/readyz", ""); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz without Redis: %d", status)
	}
	if _, err := join(t, s.url, "general", "Alice", nil); fmt.Sprint(err) != "status 503" {
		t.Errorf("joining without Redis: %v", err)
	}
	runProgram(t, exec.Command(installed(t, "redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()))
	began := time.Now()
	eventually(t, "ready", func() bool { status, _ := get(t, s.url+"/readyz", ""); return status == http.StatusOK })
	m := mustJoin(t, s.url, "general", "Alice")
	m.say(t, "hello")
	m.hears(t, "hello")
	t.Logf("ready %v after Redis", time.Since(began))
}
