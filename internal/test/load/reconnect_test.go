//go:build load

package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/test/ports"
)

// servingChild is a server in a separate process.
type servingChild struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	addr string
}

// startServing runs a test of this program again in a separate process. CHAT_LOAD_ADDR is set to
// addr there, so that the test runs a server.
func startServing(t *testing.T, test, addr string) *servingChild {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), "CHAT_LOAD_ADDR="+addr)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "addr="); ok {
			go io.Copy(io.Discard, out)
			return &servingChild{cmd, in, addr}
		}
	}
	t.Fatal("the server does not start")
	return nil
}

// serveUntilEOF is the child process: it shuts down when its standard input ends.
func serveUntilEOF(t *testing.T, addr string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := chat.New(harness.Quiet)
	h := &http.Server{Handler: srv, ReadHeaderTimeout: 5 * time.Second}
	go h.Serve(l)
	fmt.Printf("\naddr=%s\n", l.Addr())
	os.Stdin.Read(make([]byte, 1))
	l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	srv.Shutdown(ctx)
}

func (c *servingChild) rss() int { return residentMiB(c.cmd.Process.Pid) }

// comebacks records the times at which connections opened, and the failed attempts.
type comebacks struct {
	mu       sync.Mutex
	at       []time.Time
	attempts []int // of each client, since the last reset
}

func (c *comebacks) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = nil
	clear(c.attempts)
}

// peak returns the largest number of connections within a second, and the largest number of
// attempts of a client.
func (c *comebacks) peak() (rate, attempts int, last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seconds := map[int64]int{}
	for _, at := range c.at {
		seconds[at.Unix()]++
		rate = max(rate, seconds[at.Unix()])
		if at.After(last) {
			last = at
		}
	}
	for _, n := range c.attempts {
		attempts = max(attempts, n)
	}
	return rate, attempts, last
}

// TestLoadReconnects has eight thousand clients that lose their server twice: first it is
// killed, then it shuts down and says when to reconnect.
func TestLoadReconnects(t *testing.T) {
	if addr := os.Getenv("CHAT_LOAD_ADDR"); addr != "" {
		serveUntilEOF(t, addr)
		return
	}
	for _, how := range []string{"killed and down for 1 s", "shut down and started again"} {
		comeBack(t, how)
	}
}

// comeBack lets clients lose their server and reconnect to the next one.
func comeBack(t *testing.T, how string) {
	const clients, rooms = 8000, 80
	port, err := ports.Free() // the port stays free while the server is down
	if err != nil {
		t.Fatal(err)
	}
	server := startServing(t, "TestLoadReconnects", "127.0.0.1:"+port)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	came := &comebacks{attempts: make([]int, clients)}
	var back atomic.Int64
	conns := make([]*client.Room, clients)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := range clients {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c, err := client.Dial(ctx, "http://"+server.addr, fmt.Sprint("r", i%rooms), client.WithoutEvents(), client.WithLogger(slog.New(slog.DiscardHandler)),
				client.OnConnect(func(client.Welcome) {
					back.Add(1)
					came.mu.Lock()
					came.at = append(came.at, time.Now())
					came.mu.Unlock()
				}),
				client.OnDisconnect(func(error, time.Duration) {
					came.mu.Lock()
					came.attempts[i]++ // an attempt follows the loss and each failure
					came.mu.Unlock()
				}))
			if err != nil {
				t.Error(err)
				return
			}
			conns[i] = c
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	steady := server.rss()
	came.reset()
	back.Store(0)
	if strings.HasPrefix(how, "killed") {
		server.cmd.Process.Kill()
		server.cmd.Wait()
		time.Sleep(time.Second)
	} else {
		server.in.Close()
		server.cmd.Wait()
	}
	start := time.Now()
	server = startServing(t, "TestLoadReconnects", server.addr)
	highest := 0
	harness.Eventually(t, "all clients to be connected", func() bool {
		highest = max(highest, server.rss())
		return back.Load() >= clients
	})
	rate, attempts, last := came.peak()
	t.Logf("%d clients of a server that is %s: all back %v after its return, at most %d in a second, at most %d attempts, RSS %d MB before and %d MB after",
		clients, how, last.Sub(start).Round(10*time.Millisecond), rate, attempts, steady, highest)
	if last.Sub(start) > 30*time.Second || attempts > 6 || highest > steady*2 {
		t.Error("too late, too many attempts, or too much memory")
	}
	for _, c := range conns {
		wg.Go(func() { c.Close() })
	}
	wg.Wait()
}
