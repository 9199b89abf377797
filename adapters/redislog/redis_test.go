package redislog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/internal/test/ports"
)

// The tests start real Redis servers. Most tests share one server and have a prefix each. Tests
// that break their server have one of their own. All servers listen on free loopback ports and
// keep their files in a temporary folder.

const missing = `redislog's tests run Redis servers of their own and did not find redis-server 7
or newer on PATH (%v).
Install it, on Debian or Ubuntu with
	apt-get install redis-server
on a Mac with
	brew install redis
`

var (
	testDir string       // removed at the end
	program string       // redis-server
	shared  *instance    // used by most tests
	serial  atomic.Int64 // numbers of folders and prefixes
)

func setUp() (err error) {
	if program, err = exec.LookPath("redis-server"); err != nil {
		return fmt.Errorf(missing, err)
	}
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return fmt.Errorf(missing, err)
	}
	_, version, _ := strings.Cut(string(out), "v=")
	if major, _, _ := strings.Cut(version, "."); len(major) == 1 && major < "7" {
		return fmt.Errorf(missing, strings.TrimSpace(string(out)))
	}
	if testDir, err = os.MkdirTemp("", "redislog"); err != nil {
		return err
	}
	if shared, err = newInstance(); err != nil {
		return err
	}
	return os.Setenv("REDIS", shared.addr()) // for the example
}

func tearDown() {
	if shared != nil {
		shared.stop(syscall.SIGKILL)
	}
	if testDir != "" {
		os.RemoveAll(testDir)
	}
}

// An instance is a Redis server. It can be stopped, and started again on the same port and
// files.
type instance struct {
	dir    string
	port   string
	args   []string
	secret string // password, if it asks for one
	conf   string // of a sentinel
	pid    int
	exited chan struct{}
}

// newInstance starts a server with the given options, as on its command line.
func newInstance(args ...string) (*instance, error) {
	i := &instance{args: args}
	return i, i.begin()
}

// begin makes a folder for i and starts it on a free port.
func (i *instance) begin() (err error) {
	i.dir = filepath.Join(testDir, fmt.Sprint("redis", serial.Add(1)))
	if err = os.Mkdir(i.dir, 0o700); err != nil {
		return err
	}
	for range 5 {
		if i.port, err = ports.Free(); err != nil {
			return err
		}
		if err = i.start(); err == nil {
			break // and no other program took the port meanwhile
		}
	}
	return err
}

// freshInstance starts a server that ends with the test.
func freshInstance(t testing.TB, args ...string) *instance {
	t.Helper()
	return fresh(t, &instance{args: args})
}

func fresh(t testing.TB, i *instance) *instance {
	t.Helper()
	if err := i.begin(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		i.stop(syscall.SIGKILL)
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(i.dir, "log"))
			t.Logf("the log of %s:\n%s", i.addr(), log[max(0, len(log)-8<<10):])
		}
		os.RemoveAll(i.dir)
	})
	return i
}

// start returns when the server answers.
func (i *instance) start() error {
	log, err := os.OpenFile(filepath.Join(i.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	args := append([]string{
		"--bind", "127.0.0.1", "--port", i.port, "--dir", i.dir, "--save", "", "--appendonly", "no",
		"--repl-diskless-sync-delay", "0", "--latency-tracking", "no", "--enable-debug-command", "yes",
	}, i.args...)
	if i.conf != "" {
		args = []string{i.conf, "--sentinel", "--bind", "127.0.0.1", "--port", i.port, "--dir", i.dir}
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	exited := make(chan struct{})
	go func() {
		runtime.LockOSThread() // the kernel ends the server when the thread that started it ends
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return err
	}
	i.pid, i.exited = cmd.Process.Pid, exited
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-exited:
			out, _ := os.ReadFile(log.Name())
			return fmt.Errorf("redis-server ended:\n%s", out)
		default:
		}
		if i.answers() {
			return nil
		}
	}
	return errors.New("redis-server does not answer")
}

// answers reports whether the server has loaded its data, or asks for a password.
func (i *instance) answers() bool {
	c, err := net.DialTimeout("tcp", i.addr(), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(c, "PING\r\n")
	b := make([]byte, 64)
	n, _ := c.Read(b)
	return bytes.HasPrefix(b[:n], []byte("+PONG")) || bytes.HasPrefix(b[:n], []byte("-NOAUTH"))
}

func (i *instance) addr() string { return "127.0.0.1:" + i.port }

// signal sends a signal to the server.
func (i *instance) signal(s syscall.Signal) { kill(i.pid, s) }

// stop ends the server with a signal.
func (i *instance) stop(s syscall.Signal) {
	i.signal(contSignal)
	i.signal(s)
	<-i.exited
}

// client returns a client as README.md advises. It is closed with the test.
func (i *instance) client(t testing.TB) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: i.addr(), Password: i.secret, ContextTimeoutEnabled: true, ReadTimeout: patience})
	t.Cleanup(func() { c.Close() })
	return c
}

// exec executes a command that must succeed.
func (i *instance) exec(t testing.TB, args ...any) any {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: i.addr(), Password: i.secret, MaxRetries: -1, ReadTimeout: patience})
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	v, err := c.Do(ctx, args...).Result()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return v
}
