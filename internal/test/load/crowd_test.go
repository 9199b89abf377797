//go:build load

package load

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
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

// TestLoadTyping has two hundred users that send fifty typing notices per second each.
func TestLoadTyping(t *testing.T) {
	const typists, members = 200, 50
	srv, base := harness.Serve(t, harness.Quiet, chat.WithPresenceSize(1), chat.WithHistory(0))
	good := healthy(t, base, "r", members, harness.OfferV1)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range typists {
		c := harness.RawDial(t, base, "/ws/r", harness.OfferV1)
		c.SetDeadline(time.Time{})
		go harness.Heard(c)
		wg.Go(func() {
			b := fr(finText, `{"type":"typing"}`)
			for !stop.Load() {
				if _, err := c.Write(b); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	time.Sleep(time.Second)
	begin, u := good.other.Load(), used()
	n := good.publish(srv, "r", 20, 200, 20*time.Second)
	notices := float64(good.other.Load()-begin) / members / 20
	cores := u.cores()
	stop.Store(true)
	p50, p99 := good.wait(n)
	t.Logf("200 typists at 50/s: %.0f notices/s a member, messages p50 %v, p99 %v, none lost, %.2f cores", notices, p50, p99, cores)
	if notices > typists/2*1.1 {
		t.Error("more than one notice in 2 s per user")
	}
	srv.Close()
	wg.Wait()
}

// TestLoadMessages has one member of a room of a thousand that sends as much as it can, with a
// rate limit and without.
func TestLoadMessages(t *testing.T) {
	const members = 1000
	for _, rate := range []float64{0, 10} {
		srv, base := harness.Serve(t, harness.Quiet, chat.WithPresenceSize(1), chat.WithHistory(0), chat.WithRateLimit(rate, 20))
		good := healthy(t, base, "r", members)
		c := harness.RawDial(t, base, "/ws/r", harness.OfferV1)
		c.SetDeadline(time.Time{})
		if rate > 0 {
			go harness.Heard(c)
			go harness.Drip(c, harness.Repeat(5, func(int) []byte { return fr(finText, `{"type":"message","message":"flood"}`) }), time.Millisecond)
		}
		before := srv.Stats().Messages
		begin := time.Now()
		n := good.publish(srv, "r", 20, 200, 15*time.Second)
		took := time.Since(begin).Seconds()
		accepted := srv.Stats().Messages - before - uint64(n)
		p50, p99 := good.wait(n)
		t.Logf("a flooder with a limit of %v/s in a room of %d: %d of its messages in %.0f s, others' p50 %v, p99 %v", rate, members, accepted, took, p50, p99)
		if float64(accepted) > 20+rate*(took+1) {
			t.Error("more messages were accepted than the limit allows")
		}
		srv.Close()
	}
}

// TestLoadReplays has two hundred clients that reconnect in a loop with an old position. Each
// time they ask for the whole log, and most of them do not read it.
func TestLoadReplays(t *testing.T) {
	for _, resumers := range []int{0, 200} {
		srv, base := harness.Serve(t, harness.Quiet, chat.WithPresenceSize(1), chat.WithLeaveGrace(0), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000, Bytes: 4 << 20})))
		for range 1000 {
			harness.Publish(t, srv, "r", harness.LongText[:1000])
		}
		position := harness.Dial(t, base, "r", true).Until("welcome").Position
		epoch, _, _ := strings.Cut(position, ":")
		good := healthy(t, base, "r", 100, harness.OfferV1)
		addr := strings.TrimPrefix(base, "http://")
		var stop atomic.Bool
		var wg sync.WaitGroup
		var came atomic.Int64
		before := used()
		for i := range resumers {
			wg.Go(func() {
				for !stop.Load() {
					c, err := wsconf.Dial(addr, wsconf.Handshake("/ws/r?since="+epoch+":1", harness.OfferV1), time.Now().Add(harness.Patience))
					if err != nil {
						continue
					}
					came.Add(1)
					if i%4 == 0 {
						harness.RawWrite(c, fr(finText, `{"type":"ping","id":"end"}`), 0)
						harness.UntilPong(c, "end", 0)
					} else {
						time.Sleep(100 * time.Millisecond)
					}
					c.Conn.(*net.TCPConn).SetLinger(0)
					c.Close()
				}
			})
		}
		n := good.publish(srv, "r", 20, 200, 20*time.Second)
		cores, rss := before.cores(), used().rss-before.rss
		stop.Store(true)
		wg.Wait()
		p50, p99 := good.wait(n)
		t.Logf("%d who resume 1 MB in a loop: %d times in 20 s; healthy p50 %v, p99 %v, RSS %+d MiB, %.2f cores", resumers, came.Load(), p50, p99, rss, cores)
		srv.Close()
	}
}

// TestLoadPresence lets five hundred users per second join and leave a large room.
func TestLoadPresence(t *testing.T) {
	const members, perSecond = 3000, 500
	srv, base := harness.Serve(t, harness.Quiet, chat.WithHistory(0), chat.WithLeaveGrace(0))
	good := healthy(t, base, "r", members, harness.OfferV1)
	harness.Eventually(t, "all clients to be members", func() bool { return srv.Stats().Members == members })
	time.Sleep(time.Second)
	addr := strings.TrimPrefix(base, "http://")
	var stop atomic.Bool
	var joins atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for begin, i := time.Now(), 0; !stop.Load(); i++ {
				c, err := wsconf.Dial(addr, wsconf.Handshake("/ws/r"), time.Now().Add(harness.Patience))
				if err != nil {
					t.Error(err)
					return
				}
				joins.Add(1)
				c.Conn.(*net.TCPConn).SetLinger(0)
				c.Close()
				time.Sleep(time.Until(begin.Add(time.Duration(i) * 10 * time.Second / perSecond)))
			}
		})
	}
	begin := good.other.Load()
	start := time.Now()
	n := good.publish(srv, "r", 2, 200, 20*time.Second)
	took := time.Since(start).Seconds()
	frames := float64(good.other.Load()-begin) / members / took
	stop.Store(true)
	wg.Wait()
	begun := time.Now()
	harness.Eventually(t, "the roster to be exact", func() bool {
		_, n, err := srv.Members(context.Background(), "r", 0)
		return n == members && err == nil
	})
	settled := time.Since(begun)
	p50, p99 := good.wait(n)
	t.Logf("%.0f joins a second in a room of %d: %.1f presence objects/s a member, messages p50 %v, p99 %v, roster exact %v after", float64(joins.Load())/took, members, frames, p50, p99, settled.Round(time.Millisecond))
	if frames > 4.5 {
		t.Error("too many presence objects")
	}
	srv.Close()
}

// TestLoadFileLimit runs a server in a separate process that may open 1,024 files, and dials
// three thousand times.
func TestLoadFileLimit(t *testing.T) {
	if addr := os.Getenv("CHAT_LOAD_ADDR"); addr != "" {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1024, Max: 1024}); err != nil {
			t.Fatal(err)
		}
		serveUntilEOF(t, addr)
		return
	}
	server := startServing(t, "TestLoadFileLimit", "127.0.0.1:0")
	addr := server.addr
	base := "http://" + addr
	w := harness.Dial(t, base, "r", true)
	w.Until("welcome")
	var conns []net.Conn
	for range 3000 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			continue
		}
		conns = append(conns, c)
		fmt.Fprint(c, wsconf.Handshake("/ws/flood"))
	}
	cpu := func() time.Duration {
		var u, s int64
		b, _ := os.ReadFile(fmt.Sprint("/proc/", server.cmd.Process.Pid, "/stat"))
		fmt.Sscan(strings.Join(strings.Fields(string(b))[13:15], " "), &u, &s)
		return time.Duration(u+s) * 10 * time.Millisecond
	}
	time.Sleep(2 * time.Second)
	before, start := cpu(), time.Now()
	var slowest time.Duration
	for i := range 100 {
		begin := time.Now()
		w.Send(fmt.Sprintf(`{"type":"ping","id":"%d"}`, i))
		w.Until("pong")
		slowest = max(slowest, time.Since(begin))
		time.Sleep(50 * time.Millisecond)
	}
	busy := (cpu() - before).Seconds() / time.Since(start).Seconds()
	for _, c := range conns {
		c.Close()
	}
	harness.Eventually(t, "new connections to be accepted again", func() bool {
		resp, err := (&http.Client{Timeout: time.Second}).Get(base + "/rooms")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
	w.Conn.Close(1000, "")
	server.in.Close()
	if err := server.cmd.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("1,024 files and 3,000 dials: %.2f cores busy meanwhile, a member's slowest ping %v", busy, slowest)
	if busy > 0.2 {
		t.Error("too busy")
	}
}
