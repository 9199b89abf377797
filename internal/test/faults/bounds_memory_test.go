package faults

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// heap returns the bytes that are reachable.
func heap() int {
	runtime.GC()
	runtime.GC() // frees what was in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// small serves srv on sockets with small buffers, so what a client does not read waits in the
// server.
func small(t *testing.T, srv *chat.Server) string {
	hs := httptest.NewUnstartedServer(srv)
	hs.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		c.(*net.TCPConn).SetWriteBuffer(4 << 10)
		return ctx
	}
	hs.Start()
	t.Cleanup(func() {
		srv.Close()
		hs.Close()
	})
	return hs.URL
}

// TestLagIsWhatIsHeld fills rooms with texts that take six times their size on the wire. Some
// members read everything. In some rooms, one member reads nothing. The server holds what
// WithMaxLag allows, and what the log keeps.
func TestLagIsWhatIsHeld(t *testing.T) {
	const (
		lag      = 1 << 20
		text     = 16 << 10
		messages = 40
	)
	for _, rooms := range []int{1, 20} {
		for _, behind := range []bool{false, true} {
			t.Run(fmt.Sprint(rooms, " behind ", behind), func(t *testing.T) {
				srv := chat.New(harness.Quiet, chat.WithMaxLag(lag), chat.WithHistory(1), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 1, Bytes: text})), chat.WithPing(harness.Patience, harness.Patience), chat.WithWriteTimeout(harness.Patience))
				base := small(t, srv)
				had := make([]harness.Tally, rooms)
				for r := range rooms {
					go io.Copy(&had[r], harness.RawDial(t, base, fmt.Sprint("/ws/r", r)))
					if behind {
						c := harness.RawDial(t, base, fmt.Sprint("/ws/r", r))
						c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
					}
				}
				said := strings.Repeat("<", text)
				harness.Publish(t, srv, "r0", "a first message, for what is made only once")
				before := heap()
				for i := range messages {
					for r := range rooms {
						harness.Publish(t, srv, fmt.Sprint("r", r), fmt.Sprint(said[:text-100], i))
					}
					harness.Eventually(t, "the reading members to have read everything", func() bool {
						for r := range had {
							if had[r].Load() < int64((i+1)*6*(text-100)) {
								return false
							}
						}
						return true
					})
				}
				log := 4 * text
				most := rooms * (lag + lag/4 + log)
				var grown int
				harness.Eventually(t, fmt.Sprint("less than ", most, " bytes to be held"), func() bool {
					grown = heap() - before
					return grown <= most
				})
				t.Logf("%d bytes a room", grown/rooms)
			})
		}
	}
}

// TestAnswersWaitBounded has clients that ask for the history again and again, and never read.
// At most 64 KiB of answers wait for each.
func TestAnswersWaitBounded(t *testing.T) {
	const (
		clients = 40
		waiting = 64 << 10
	)
	srv := chat.New(harness.Quiet, chat.WithHistory(100), chat.WithPing(harness.Patience, harness.Patience), chat.WithWriteTimeout(harness.Patience))
	base := small(t, srv)
	for range 100 {
		harness.Publish(t, srv, "r", strings.Repeat("<", 1<<10))
	}
	var conns []*wsconf.Conn
	for range clients {
		c := harness.RawDial(t, base, "/ws/r?since=x:1", harness.OfferV1)
		c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		conns = append(conns, c)
	}
	before := settledHeap()
	ask := fr(finText, `{"type":"history","limit":100}`)
	for range 30 {
		for _, c := range conns {
			c.Write(ask)
		}
		time.Sleep(50 * time.Millisecond)
	}
	held := (settledHeap() - before) / clients
	t.Logf("%d bytes a client", held)
	if held > waiting+waiting/4+24<<10 { // with the memory of a connection that reads
		t.Errorf("%d bytes wait for a client", held)
	}
}

// settledHeap returns the reachable bytes when the server is idle. Answers in progress use
// memory too.
func settledHeap() int {
	last := heap()
	for range 60 {
		time.Sleep(500 * time.Millisecond)
		now := heap()
		if d := now - last; -now/100 < d && d < now/100 {
			return now
		}
		last = now
	}
	return last
}
