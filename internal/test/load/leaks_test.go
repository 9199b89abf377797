package load

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// churn is how many connections come and go; more under the build tag load.
var churn = 2000

// deaths are the ways in which a connection can end. Each function gets a connection after its
// handshake.
var deaths = []struct {
	name string
	die  func(c *wsconf.Conn)
}{
	{"a clean close", func(c *wsconf.Conn) {
		c.Write(wsconf.CloseFrame(1000, ""))
		io.Copy(io.Discard, c)
	}},
	{"no close frame", func(*wsconf.Conn) {}},
	{"a reset", func(c *wsconf.Conn) { c.Conn.(*net.TCPConn).SetLinger(0) }},
	{"a violation", func(c *wsconf.Conn) {
		c.Write(wsconf.Unmasked(finText, "x"))
		for f, err := c.ReadFrame(); err == nil && f.Opcode() != wsconf.Close; f, err = c.ReadFrame() {
		}
	}},
	{"half a frame", func(c *wsconf.Conn) { c.Write(fr(finText, harness.LongText[:12<<10])[:10<<10]) }},
	{"silence, until the server ends it", func(c *wsconf.Conn) {
		c.Write(fr(wsconf.Text, "x"))
		io.Copy(io.Discard, c)
	}},
}

// footprint is the resources of a process.
type footprint struct {
	goroutines, files int
	heap              uint64
}

func measure() (f footprint) {
	runtime.GC()
	runtime.GC() // frees what the first one found in pools
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	f.heap, f.goroutines = ms.HeapAlloc, runtime.NumGoroutine()
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		f.files = len(fds)
	}
	return f
}

// TestNothingStays opens and ends connections in six ways, in both dialects. It does not run in
// parallel with other tests, so that it can measure what is left.
func TestNothingStays(t *testing.T) {
	srv, base := harness.Serve(t, harness.Quiet, chat.WithPing(500*time.Millisecond, 3*time.Second), chat.WithLeaveGrace(20*time.Millisecond), chat.WithCompression(true))
	come := func(n int) {
		var wg sync.WaitGroup
		slots := make(chan struct{}, 200)
		for i := range n {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				headers := [][]string{{harness.OfferV1}, nil, {harness.OfferV1, harness.OfferDeflate}, {harness.OfferDeflate}}[i/len(deaths)%4]
				c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake(fmt.Sprint("/ws/room", i%40), headers...), time.Now().Add(3*harness.Patience))
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				if c.Response.StatusCode != 101 {
					t.Errorf("connection %d: %d", i, c.Response.StatusCode)
				}
				if i%4 == 1 {
					c.Write(fr(finText, "hello"))
				}
				deaths[i%len(deaths)].die(c)
				c.Close()
			})
		}
		wg.Wait()
		harness.Eventually(t, "all connections to end", func() bool {
			s := srv.Stats()
			return s.Connections == 0 && s.Rooms == 0 && s.Members == 0
		})
	}
	for i := range 40 * 60 { // fills the rooms' history
		harness.Publish(t, srv, fmt.Sprint("room", i%40), "hello")
	}
	come(960) // fills pools
	before := measure()
	start := time.Now()
	come(churn)
	took := time.Since(start)
	var after footprint
	defer func() { // also if it is not as before
		t.Logf("%d connections in %v: goroutines %d to %d, files %d to %d, heap %d to %d KB", churn, took.Round(time.Millisecond),
			before.goroutines, after.goroutines, before.files, after.files, before.heap>>10, after.heap>>10)
	}()
	limit := before.heap + before.heap/20 + 256<<10
	harness.Eventually(t, "goroutines and files to be as before", func() bool {
		after = measure()
		return after.goroutines <= before.goroutines && after.files <= before.files && after.heap <= limit
	})
	harness.Eventually(t, "the log to have no users", func() bool {
		rooms, err := srv.Rooms(t.Context())
		return len(rooms) == 0 && err == nil
	})
}
