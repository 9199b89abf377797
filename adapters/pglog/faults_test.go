package pglog_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat/adapters/pglog"
)

// twoServers returns three members on each of two servers with one database.
func twoServers(t testing.TB) (c *cluster, members []*member) {
	t.Helper()
	c = freshCluster(t)
	migrated(t, c.pool(t))
	for range 2 {
		_, url := serve(t, c)
		for range 3 {
			members = append(members, join(t, "room", fmt.Sprint("m", len(members)), url))
		}
	}
	return c, members
}

// during runs a fault while the members talk. It returns when the fault is over.
func during(t testing.TB, members []*member, fault func()) {
	t.Helper()
	over := make(chan struct{})
	go func() { defer close(over); fault() }()
	for talking := true; talking; {
		select {
		case <-over:
			talking = false
		default:
		}
		slowest := chatter(t, members, 10, 5*time.Millisecond)
		if !talking {
			t.Logf("an answer took at most %v", slowest.Round(time.Millisecond))
		}
	}
}

func TestServersAgree(t *testing.T) {
	t.Parallel()
	c, members := twoServers(t)
	chatter(t, members, 60, 0)
	agree(t, c, "room", members, 0)
}

// The listening connections are cut repeatedly.
func TestListenersCut(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	c, members := twoServers(t)
	during(t, members, func() {
		for range 8 {
			c.exec(t, cutListeners)
			time.Sleep(time.Duration(50+rng.IntN(200)) * time.Millisecond)
		}
	})
	agree(t, c, "room", members, 0)
}

// All connections are cut repeatedly.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	c, members := twoServers(t)
	during(t, members, func() {
		for range 8 {
			c.exec(t, cutAll)
			time.Sleep(time.Duration(50+rng.IntN(200)) * time.Millisecond)
		}
	})
	agree(t, c, "room", members, 0)
}

// PostgreSQL crashes and starts again, repeatedly.
func TestRestartImmediate(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	c, members := twoServers(t)
	during(t, members, func() {
		for range 3 {
			c.stop(quitSignal)
			time.Sleep(time.Duration(rng.IntN(800)) * time.Millisecond)
			if err := c.start(); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(rng.IntN(800)) * time.Millisecond)
		}
	})
	agree(t, c, "room", members, 0)
}

// All processes of PostgreSQL are paused for ten seconds. Members stay connected. Senders get an
// error in time. Every acknowledged message is kept. Afterwards everything works again.
func TestPaused(t *testing.T) {
	t.Parallel()
	c, members := twoServers(t)
	chatter(t, members, 5, 0)
	var conns []any
	for _, m := range members {
		m.mu.Lock()
		conns = append(conns, m.conn)
		m.mu.Unlock()
	}
	during(t, members, func() {
		c.signal(stopSignal)
		time.Sleep(10 * time.Second)
		c.signal(contSignal)
	})
	agree(t, c, "room", members, 0)
	for i, m := range members {
		m.mu.Lock()
		if m.conn != conns[i] {
			t.Errorf("%s lost its connection", m.name)
		}
		// The server's limit is two seconds; the rest is for a busy machine.
		if m.slowest > 8*time.Second {
			t.Errorf("%s waited %v for an answer", m.name, m.slowest)
		}
		m.mu.Unlock()
	}
}

// An older copy of the database's files is restored, and nothing in the files shows it. Every
// member is told of exactly one gap, and then has the events of the log.
func TestOlderCopyRestored(t *testing.T) {
	t.Parallel()
	for _, overtaken := range []bool{false, true} {
		t.Run(fmt.Sprintf("overtaken=%v", overtaken), func(t *testing.T) {
			c, members := twoServers(t)
			chatter(t, members, 10, 0)
			c.stop(quitSignal)
			copied := filepath.Join(testDir, fmt.Sprint("copy", clusters.Add(1)))
			if err := copyDir(copied, c.data); err != nil {
				t.Fatal(err)
			}
			if err := c.start(); err != nil {
				t.Fatal(err)
			}
			chatter(t, members, 5, 0)
			agree(t, c, "room", members, 0)
			c.stop(quitSignal)
			if err := os.RemoveAll(c.data); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(copied, c.data); err != nil {
				t.Fatal(err)
			}
			if overtaken {
				// Another server writes more events than the members have seen.
				alone, err := newCluster(fmt.Sprint("c", clusters.Add(1)), c.data)
				if err != nil {
					t.Fatal(err)
				}
				l := pglog.New(alone.pool(t))
				for i := range 60 {
					mustAppend(t, l, "room", text("stranger", fmt.Sprint(i), "m"))
				}
				alone.stop(quitSignal)
				if err := os.RemoveAll(c.data); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(alone.data, c.data); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "every member is told of the gap", func() bool {
				for _, m := range members {
					m.mu.Lock()
					gaps := m.gaps
					m.mu.Unlock()
					if gaps == 0 {
						return false
					}
				}
				return true
			})
			for _, m := range members {
				m.mu.Lock()
				clear(m.acked) // lost with the newer data
				m.mu.Unlock()
			}
			for i := range 5 {
				for _, m := range members {
					m.send(soon(t), fmt.Sprint("after-", m.name, "-", i))
				}
			}
			agree(t, c, "room", members, 1)
		})
	}
}

// The process of a server is killed. Members that reconnect to another server miss nothing.
// Members that do not reconnect leave, once for everybody.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	migrated(t, c.pool(t))
	s1, url1 := serve(t, c)
	_, url2 := serve(t, c)
	doomed, url3 := spawn(t, c)
	var members []*member
	for i, urls := range [][]string{{url1}, {url2}, {url3, url1}, {url3, url2}, {url3, url2}} {
		members = append(members, join(t, "room", fmt.Sprint("m", i), urls...))
	}
	for i := range 3 {
		join(t, "room", fmt.Sprint("lost", i), url3)
	}
	count := func() int {
		_, n, err := s1.Members(context.Background(), "room", 0)
		if err != nil {
			return -1 // not yet, on a busy machine
		}
		return n
	}
	eventually(t, "all are present", func() bool { return count() == 8 })
	during(t, members, func() {
		time.Sleep(300 * time.Millisecond)
		doomed.Process.Kill()
		time.Sleep(300 * time.Millisecond)
	})
	agree(t, c, "room", members, 0)
	eventually(t, "the members of the killed server have left", func() bool { return count() == 5 })
	for _, m := range members[:2] {
		left := map[string]int{}
		eventually(t, "leave notices", func() bool {
			clear(left)
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, o := range m.systems {
				if o.Event == "leave" {
					left[o.User]++
				}
			}
			return len(left) >= 3
		})
		if len(left) != 3 || left["lost0"] != 1 || left["lost1"] != 1 || left["lost2"] != 1 {
			t.Errorf("%s heard the leaves of: %v", m.name, left)
		}
	}
	eventually(t, "Rooms says so too", func() bool {
		rooms, err := s1.Rooms(t.Context())
		return err == nil && rooms["room"] == 5
	})
}

const serverVariable = "PGLOG_TEST_SERVER"

// spawn runs a server in a process of its own.
func spawn(t testing.TB, c *cluster) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverVariable+"="+c.dsn())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(url)
}

// runServer is the main function of the process that spawn starts.
func runServer(dsn string) {
	pool, err := pgxpool.New(context.Background(), dsn)
	if err == nil {
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			fmt.Println("ws://" + l.Addr().String())
			err = http.Serve(l, chatServer(pglog.New(pool)))
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
