package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// TestMain runs the server itself if a test asks for it. So the tests run real processes with
// the code under test.
func TestMain(m *testing.M) {
	if os.Getenv("CLUSTER_TEST_SERVER") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// patience is the longest time to wait for anything.
const patience = 30 * time.Second

// process is a server in a separate process.
type process struct {
	cmd     *exec.Cmd
	url     string // for clients
	metrics string // for metrics and probes; may be the same
	ended   chan struct{}

	mu  sync.Mutex
	out strings.Builder
}

func command(t *testing.T, env map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "CLUSTER_TEST_SERVER=1")
	for k, v := range maps.All(env) {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return cmd
}

// start runs a server on a free port, and waits until it listens.
func start(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(t, env, append([]string{"-addr", "127.0.0.1:0"}, args...)...), ended: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addrs := make(chan [2]string, 2)
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var l struct{ Msg, For, Addr string }
			if json.Unmarshal(lines.Bytes(), &l) == nil && l.Msg == "listening" {
				addrs <- [2]string{l.For, "http://" + l.Addr}
			}
			p.mu.Lock()
			p.out.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
		io.Copy(io.Discard, stderr)
		p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("a server's log:\n%s", p.log())
		}
	})
	for p.url == "" {
		select {
		case a := <-addrs:
			if p.metrics = a[1]; a[0] == "clients" {
				p.url = a[1]
			}
			if a[0] == "metrics" {
				defer func(url string) { p.metrics = url }(a[1])
			}
		case <-p.ended:
			t.Fatalf("the server ended: %s", p.log())
		case <-time.After(patience):
			t.Fatal("the server does not listen")
		}
	}
	return p
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// stop ends the server and returns its exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the server does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

func get(t *testing.T, url, token string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// eventually waits until ok returns true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// member is a chat.v1 connection.
type member struct{ *ws.Conn }

// object is an object from the server.
type object struct {
	Type, User, Message, Code string
	Retry                     int `json:"retry_after_ms"`
}

func join(t *testing.T, url, room, name string, header http.Header, protocols ...string) (member, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, resp, err := ws.Dial(ctx, url+"/ws/"+room+"?username="+name, &ws.DialOptions{
		HTTPHeader: header, Subprotocols: append([]string{"chat.v1"}, protocols...),
	})
	if err != nil {
		if resp != nil {
			return member{}, fmt.Errorf("status %d", resp.StatusCode)
		}
		return member{}, err
	}
	t.Cleanup(func() { c.CloseNow() })
	m := member{c}
	_, err = m.next(t, "welcome")
	return m, err
}

func mustJoin(t *testing.T, url, room, name string) member {
	t.Helper()
	m, err := join(t, url, room, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// next reads until it gets an object of that type.
func (m member) next(t *testing.T, typ string) (o object, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, b, err := m.Read(ctx)
		if err != nil {
			return o, err
		}
		o = object{}
		if err := json.Unmarshal(b, &o); err != nil {
			return o, err
		}
		if o.Type == typ {
			return o, nil
		}
	}
}

func (m member) say(t *testing.T, text string) {
	t.Helper()
	b, _ := json.Marshal(map[string]string{"type": "message", "message": text})
	if err := m.Write(t.Context(), ws.MessageText, b); err != nil {
		t.Fatal(err)
	}
}

func (m member) hears(t *testing.T, text string) {
	t.Helper()
	for {
		o, err := m.next(t, "message")
		if err != nil {
			t.Fatalf("waiting for %q: %v", text, err)
		}
		if o.Message == text {
			return
		}
	}
}

// exit runs the program until it ends by itself.
func exit(t *testing.T, env map[string]string, args ...string) (code int, out string) {
	t.Helper()
	b, err := command(t, env, args...).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if failed != nil {
		return failed.ExitCode(), string(b)
	}
	return 0, string(b)
}
