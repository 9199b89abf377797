//go:build load

package load

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

func init() { churn = 20_000 }

// crowdOf is the healthy members of a room. They record how long each message took.
type crowdOf struct {
	t     *testing.T
	conns []*wsconf.Conn
	wg    sync.WaitGroup
	start time.Time

	mu     sync.Mutex
	delays []time.Duration
	lost   int // offsets that a member did not get
	other  atomic.Int64
	heardN atomic.Int64
}

// healthy lets n members join.
func healthy(t *testing.T, base, room string, n int, header ...string) *crowdOf {
	t.Helper()
	c := &crowdOf{t: t, start: time.Now()}
	for range n {
		conn := harness.RawDial(t, base, "/ws/"+room, header...)
		harness.Settle(t, conn)
		conn.SetDeadline(time.Time{})
		c.conns = append(c.conns, conn)
		c.wg.Go(func() { c.read(conn) })
	}
	return c
}

// stamped is the start of messages that contain their time.
const stamped = `"message":"sent `

func (c *crowdOf) read(conn *wsconf.Conn) {
	var delays []time.Duration
	last, lost := 0, 0
	for {
		f, err := conn.ReadFrame()
		if err != nil {
			break
		}
		switch f.Opcode() {
		case wsconf.Ping:
			conn.Write(fr(finPong, string(f.Payload)))
		case wsconf.Text:
			i := bytes.Index(f.Payload, []byte(stamped))
			if i < 0 {
				c.other.Add(1)
				continue
			}
			fields := strings.Fields(string(f.Payload[i+len(stamped):]))
			n, _ := strconv.Atoi(fields[0])
			ns, _ := strconv.ParseInt(strings.Trim(fields[1], `"}`), 10, 64)
			delays = append(delays, time.Since(c.start)-time.Duration(ns))
			c.heardN.Add(1)
			if last != 0 && n != last+1 {
				lost++
			}
			last = n
		}
	}
	c.mu.Lock()
	c.delays = append(c.delays, delays...)
	c.lost += lost
	c.mu.Unlock()
}

// publish sends messages at an even rate for d, and returns how many.
func (c *crowdOf) publish(srv *chat.Server, room string, perSecond, size int, d time.Duration) int {
	c.t.Helper()
	n := 0
	pad := strings.Repeat("x", size)
	for begin := time.Now(); time.Since(begin) < d; {
		n++
		harness.Publish(c.t, srv, room, fmt.Sprintf("sent %d %d %s", n, time.Since(c.start), pad))
		time.Sleep(time.Until(begin.Add(time.Duration(n) * time.Second / time.Duration(perSecond))))
	}
	return n
}

// wait waits until all members have received n messages, and ends the members. It returns the
// median and the 99th percentile of the delays.
func (c *crowdOf) wait(n int) (p50, p99 time.Duration) {
	c.t.Helper()
	want := int64(n * len(c.conns))
	harness.Eventually(c.t, "the healthy members to get everything", func() bool { return c.heardN.Load() >= want })
	for _, conn := range c.conns {
		conn.Close()
	}
	c.wg.Wait()
	if c.lost > 0 || c.heardN.Load() != want {
		c.t.Errorf("%d of %d deliveries, %d holes", c.heardN.Load(), want, c.lost)
	}
	if len(c.delays) == 0 {
		return 0, 0
	}
	slices.Sort(c.delays)
	return c.delays[len(c.delays)/2], c.delays[len(c.delays)*99/100]
}

// usage is the processor time of the process so far, and its current memory.
type usage struct {
	at  time.Time
	cpu time.Duration
	rss int // MiB
}

func used() usage {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return usage{
		at:  time.Now(),
		cpu: time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		rss: residentMiB(os.Getpid()),
	}
}

// residentMiB returns the memory of a process.
func residentMiB(pid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, resident int
	fmt.Sscan(string(b), &size, &resident)
	return resident * os.Getpagesize() >> 20
}

// cores returns how many processors were busy since u.
func (u usage) cores() float64 {
	now := used()
	return now.cpu.Seconds()/now.at.Sub(u.at).Seconds() - u.cpu.Seconds()/now.at.Sub(u.at).Seconds()
}

// stuckClients opens n connections with small receive buffers, and reads from none.
func stuckClients(t *testing.T, base, room string, n int) []*wsconf.Conn {
	t.Helper()
	var conns []*wsconf.Conn
	for range n {
		c := harness.RawDial(t, base, "/ws/"+room)
		c.SetDeadline(time.Time{})
		c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		conns = append(conns, c)
	}
	return conns
}

// TestLoadNonReaders has a thousand members that never read beside a thousand that do, at 20
// messages of 256 bytes per second. The room holds once, for all members, what the sockets do
// not hold.
func TestLoadNonReaders(t *testing.T) {
	const members = 1000
	run := func(bad int) (p50, p99 time.Duration, rss int, cores float64) {
		srv, base := harness.Serve(t, harness.Quiet, chat.WithPresenceSize(1), chat.WithHistory(0))
		before := used()
		stuckClients(t, base, "r", bad)
		good := healthy(t, base, "r", members)
		u := used()
		n := good.publish(srv, "r", 20, 256, 30*time.Second)
		cores, rss = u.cores(), used().rss-before.rss
		p50, p99 = good.wait(n)
		srv.Close()
		return p50, p99, rss, cores
	}
	for _, bad := range []int{0, members} {
		p50, p99, rss, cores := run(bad)
		t.Logf("%d healthy, %d who do not read: p50 %v, p99 %v, RSS %+d MiB with the clients', %.2f cores", members, bad, p50, p99, rss, cores)
		if rss > 300 {
			t.Errorf("RSS has grown by %d MiB", rss)
		}
	}
}

// TestLoadEvictions has members that do not read, and members that read a byte per second. They
// fall behind by more than the room's limit.
func TestLoadEvictions(t *testing.T) {
	const bad = 200
	for name, read := range map[string]bool{"never read": false, "read a byte a second": true} {
		srv, base := harness.Serve(t, harness.Quiet, chat.WithPresenceSize(1), chat.WithHistory(0))
		conns := stuckClients(t, base, "r", bad)
		stop := make(chan struct{})
		if read {
			go func() {
				b := make([]byte, 1)
				for tick := time.NewTicker(time.Second); ; {
					select {
					case <-tick.C:
					case <-stop:
						return
					}
					for _, c := range conns {
						c.SetReadDeadline(time.Now().Add(time.Millisecond))
						c.Read(b)
					}
				}
			}()
		}
		good := healthy(t, base, "r", 20)
		var first, gone time.Duration
		begin := time.Now()
		before := used()
		watching := make(chan struct{})
		go func() {
			defer close(watching)
			for time.Since(begin) < time.Minute {
				s := srv.Stats()
				if first == 0 && s.SlowCloses > 0 {
					first = time.Since(begin)
				}
				if s.Connections <= len(good.conns) {
					gone = time.Since(begin)
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		n := good.publish(srv, "r", 100, 4<<10, 30*time.Second)
		rss := used().rss - before.rss
		p50, p99 := good.wait(n)
		<-watching
		close(stop)
		t.Logf("%d who %s at 400 KB/s: the first is behind after %v, all are gone %v later; healthy p50 %v, p99 %v, RSS %+d MiB", bad, name, first.Round(time.Millisecond), (gone - first).Round(time.Millisecond), p50, p99, rss)
		if gone == 0 || gone-first > 15*time.Second {
			t.Errorf("gone after %v", gone)
		}
		srv.Close()
	}
}
