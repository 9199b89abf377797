//go:build load

package load

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// TestLoadFrameFloods has fifty clients that send frames without messages, as fast as the server
// reads them.
func TestLoadFrameFloods(t *testing.T) {
	const flooders, members = 50, 100
	measure := func(name string, frames []byte) (cores float64, p99 time.Duration) {
		srv, base := harness.Serve(t, harness.Quiet, chat.WithPresenceSize(1), chat.WithHistory(0))
		defer srv.Close()
		good := healthy(t, base, "r", members)
		var sent atomic.Int64
		var wg sync.WaitGroup
		if frames != nil {
			for range flooders {
				c := harness.RawDial(t, base, "/ws/flooded")
				c.SetDeadline(time.Time{})
				wg.Go(func() { io.Copy(io.Discard, c) })
				wg.Go(func() {
					c.Write(fr(wsconf.Text, "")) // for continuations
					c.Write(fr(finCont, "x"))
					for {
						n, err := c.Write(frames)
						sent.Add(int64(n))
						if err != nil {
							return
						}
					}
				})
			}
			time.Sleep(6 * time.Second) // the burst that every client may use
		}
		before, begin := used(), sent.Load()
		n := good.publish(srv, "r", 20, 200, 15*time.Second)
		cores = before.cores()
		bytes := sent.Load() - begin
		_, p99 = good.wait(n)
		srv.Close()
		wg.Wait()
		t.Logf("%d sending %s: %d KB/s of it read, %.3f cores, healthy p99 %v", flooders, name, bytes>>10/15, cores, p99)
		return cores, p99
	}
	base, _ := measure("nothing", nil)
	for name, frame := range map[string][]byte{
		"pings":           fr(finPing, ""),
		"pongs":           fr(finPong, ""),
		"empty fragments": harness.Join(fr(wsconf.Text, ""), harness.Repeat(50, func(int) []byte { return fr(wsconf.Continuation, "") }), fr(finCont, "x")),
		"empty texts":     fr(finText, ""),
	} {
		cores, _ := measure(name, harness.Repeat(200, func(int) []byte { return frame }))
		if cores-base > 0.15 {
			t.Errorf("%s: %.3f cores more", name, cores-base)
		}
	}
}

// TestLoadSilence has clients that stall in six different places, with the default timeouts.
func TestLoadSilence(t *testing.T) {
	const each = 50
	srv, base := harness.Serve(t, harness.Quiet, chat.WithPresenceSize(0))
	w := harness.Dial(t, base, "r", true)
	w.Until("welcome")
	go w.Closed()
	before := held()
	var wg sync.WaitGroup
	for _, kind := range []struct {
		name string
		min  time.Duration
		max  time.Duration
		send func(c *wsconf.Conn)
	}{
		{"nothing", 34 * time.Second, 37 * time.Second, func(*wsconf.Conn) {}},
		{"half a header", 34 * time.Second, 37 * time.Second, func(c *wsconf.Conn) { c.Write([]byte{finText, 0xfe}) }},
		{"a message a byte a second", 34 * time.Second, 37 * time.Second, func(c *wsconf.Conn) {
			c.Write(wsconf.Header(finText, 10000))
			go harness.Drip(c, []byte{'x'}, time.Second)
		}},
		{"a fragment every 5 s, and pongs", 9 * time.Second, 12 * time.Second, func(c *wsconf.Conn) {
			c.Write(fr(wsconf.Text, "x"))
			go harness.Drip(c, harness.Join(fr(wsconf.Continuation, "x"), fr(finPong, "")), 5*time.Second)
		}},
	} {
		var mu sync.Mutex
		var took []time.Duration
		for range each {
			c := harness.RawDial(t, base, "/ws/r")
			c.SetDeadline(time.Time{})
			start := time.Now()
			kind.send(c)
			wg.Go(func() {
				io.Copy(io.Discard, c)
				mu.Lock()
				defer mu.Unlock()
				if took = append(took, time.Since(start)); len(took) < each {
					return
				}
				slices.Sort(took)
				t.Logf("%d who send %s: dropped after %v to %v", each, kind.name, took[0].Round(time.Millisecond), took[each-1].Round(time.Millisecond))
				if took[0] < kind.min || took[each-1] > kind.max {
					t.Errorf("%s: not dropped within %v to %v", kind.name, kind.min, kind.max)
				}
			})
		}
	}
	t.Logf("%d KB of heap and stacks a connection, with the client's", (held()-before)>>10/(4*each))
	wg.Wait()
	harness.Eventually(t, "the dropped members to leave", func() bool { return srv.Stats().Members == 1 })
}

// held returns the bytes of the heap and the stacks.
func held() int {
	runtime.GC()
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	return int(ms.HeapAlloc + ms.StackInuse)
}

// TestLoadUnreadPongs has clients that ping as fast as they can, and do not read. They must
// wait, like all floods. They cost almost nothing for as long as the pongs take to fill the
// sockets.
func TestLoadUnreadPongs(t *testing.T) {
	srv, base := harness.Serve(t, harness.Quiet)
	w := harness.Watch(t, base, "r")
	conns := stuckClients(t, base, "r", 50)
	for _, c := range conns {
		go harness.Drip(c, harness.Repeat(200, func(int) []byte { return fr(finPing, harness.LongText[:125]) }), 0)
	}
	time.Sleep(6 * time.Second) // the burst that every client may use
	before := used()
	time.Sleep(15 * time.Second)
	cores, rss := before.cores(), used().rss-before.rss
	for _, c := range conns {
		c.Conn.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	start := time.Now()
	harness.Eventually(t, "all connections to end", func() bool { return srv.Stats().Connections == 1 })
	t.Logf("50 who ping and read no pong: %.3f cores, RSS %+d MiB, gone %v after they hang up", cores, rss, time.Since(start).Round(time.Millisecond))
	w.Check(nil)
}

// TestLoadHeaders has two thousand connections that send their headers at one byte per second,
// to a server with the timeouts that docs/operations.md recommends.
func TestLoadHeaders(t *testing.T) {
	srv := chat.New(harness.Quiet)
	defer srv.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hs := &http.Server{Handler: srv, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10, IdleTimeout: time.Minute}
	go hs.Serve(l)
	defer hs.Close()
	var wg sync.WaitGroup
	var longest atomic.Int64
	handshake := wsconf.Handshake("/ws/r")
	for range 2000 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer c.Close()
			start := time.Now()
			go func() {
				for i := range handshake {
					if _, err := c.Write([]byte{handshake[i]}); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			}()
			io.Copy(io.Discard, c)
			longest.Store(max(longest.Load(), int64(time.Since(start))))
		})
	}
	var took []time.Duration
	for range 200 {
		start := time.Now()
		harness.RawDial(t, "http://"+l.Addr().String(), "/ws/r").Close()
		took = append(took, time.Since(start))
		time.Sleep(10 * time.Millisecond)
	}
	wg.Wait()
	slices.Sort(took)
	t.Logf("2,000 sending a header byte a second: the last is closed after %v; handshakes meanwhile p50 %v, p99 %v", time.Duration(longest.Load()), took[100], took[197])
	if time.Duration(longest.Load()) > 8*time.Second {
		t.Error("not closed in time")
	}
}

// TestLoadBombs sends two hundred compressed bombs concurrently, and then more without pause.
func TestLoadBombs(t *testing.T) {
	_, base := harness.Serve(t, harness.Quiet, chat.WithCompression(true))
	frame := fr(finText|wsconf.RSV1, harness.DeflateBomb())
	before := used()
	start := time.Now()
	var wg sync.WaitGroup
	for range 200 {
		c := harness.RawDial(t, base, "/ws/r", harness.OfferDeflate)
		wg.Go(func() {
			harness.RawWrite(c, frame, 0)
			if got := harness.Heard(c); !slices.Equal(got, []string{"close 1009"}) {
				t.Errorf("got %q", got)
			}
		})
	}
	wg.Wait()
	rss := used().rss - before.rss
	t.Logf("200 bombs of 60 KB for 60 MB: all closed with 1009 in %v, RSS %+d MiB", time.Since(start), rss)
	if rss > 64 {
		t.Error("too much memory")
	}
}

// TestLoadRoomNames joins a hundred thousand rooms for a moment each, and publishes into a
// million rooms.
func TestLoadRoomNames(t *testing.T) {
	srv, base := harness.Serve(t, harness.Quiet, chat.WithLeaveGrace(0))
	harness.RawDial(t, base, "/ws/first").Close()
	before := measure()
	var wg sync.WaitGroup
	var next atomic.Int64
	addr := strings.TrimPrefix(base, "http://")
	start := time.Now()
	const joins = 100_000
	for range 16 {
		wg.Go(func() {
			for i := next.Add(1); i <= joins; i = next.Add(1) {
				c, err := wsconf.Dial(addr, wsconf.Handshake(fmt.Sprint("/ws/room", i)), time.Now().Add(harness.Patience))
				if err != nil {
					t.Error(err)
					return
				}
				c.Conn.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	harness.Eventually(t, "the rooms to be removed", func() bool { s := srv.Stats(); return s.Rooms == 0 && s.Connections == 0 })
	after := measure()
	t.Logf("%d rooms joined and left in %v (%.0f/s): heap %d to %d KB, goroutines %d to %d", joins, took.Round(time.Millisecond), joins/took.Seconds(), before.heap>>10, after.heap>>10, before.goroutines, after.goroutines)
	if after.heap > before.heap+before.heap/10+1<<20 {
		t.Error("some rooms were not removed")
	}
	start = time.Now()
	for i := range 1_000_000 {
		harness.Publish(t, srv, fmt.Sprint("written", i), "x")
	}
	after = measure()
	t.Logf("a message into each of 1,000,000 rooms in %v: heap %d MB, which holds the latest of them", time.Since(start).Round(time.Millisecond), after.heap>>20)
	if after.heap > 200<<20 {
		t.Error("the memory log holds too much")
	}
}
