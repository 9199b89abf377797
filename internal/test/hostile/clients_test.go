package hostile

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// badClient is a way to misbehave that is not in what is sent but in how. run
// gets a connection after its handshake and returns when the server has ended it,
// or for who is to stay, when stop is closed. It reports whether it should stay.
type badClient struct {
	name  string
	stays bool
	run   func(c *wsconf.Conn, stop chan struct{})
}

// ended waits for the end of a connection, reading nothing of what came before
// it: the socket's error tells.
func ended(c *wsconf.Conn) {
	for {
		if _, err := c.Write(wsconf.Frame(wsconf.Fin|wsconf.Pong, "")); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// teed counts what is read from a connection.
type teed struct {
	net.Conn
	read *harness.Tally
}

func (c teed) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Write(p[:n])
	return n, err
}

var badClients = []badClient{
	{"never reads", false, func(c *wsconf.Conn, _ chan struct{}) { ended(c) }},
	{"reads a byte a second", false, func(c *wsconf.Conn, stop chan struct{}) {
		go func() {
			b := make([]byte, 1)
			for {
				if _, err := c.Read(b); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		ended(c)
	}},
	{"says nothing", false, func(c *wsconf.Conn, _ chan struct{}) { io.Copy(io.Discard, c) }},
	{"half a header, then nothing", false, func(c *wsconf.Conn, _ chan struct{}) {
		c.Write([]byte{finText, 0xfe, 0x10})
		io.Copy(io.Discard, c)
	}},
	{"half a frame, then nothing", false, func(c *wsconf.Conn, _ chan struct{}) {
		c.Write(fr(finText, "hello")[:8])
		io.Copy(io.Discard, c)
	}},
	{"half a large frame, then nothing", false, func(c *wsconf.Conn, _ chan struct{}) {
		c.Write(fr(finText, harness.LongText[:12<<10])[:10<<10])
		io.Copy(io.Discard, c)
	}},
	{"half a control frame, then nothing", false, func(c *wsconf.Conn, _ chan struct{}) {
		c.Write(fr(finPing, "hello")[:8])
		io.Copy(io.Discard, c)
	}},
	{"a large frame, a byte at a time", false, func(c *wsconf.Conn, _ chan struct{}) {
		go io.Copy(io.Discard, c)
		c.Write(wsconf.Header(finText, 12<<10))
		harness.Drip(c, []byte{'x'}, 20*time.Millisecond)
	}},
	{"a fragment now and then", false, func(c *wsconf.Conn, _ chan struct{}) {
		go io.Copy(io.Discard, c)
		c.Write(fr(wsconf.Text, "x"))
		harness.Drip(c, harness.Join(fr(wsconf.Continuation, "x"), fr(finPong, "")), 20*time.Millisecond)
	}},
	{"empty fragments for ever", false, func(c *wsconf.Conn, _ chan struct{}) {
		go io.Copy(io.Discard, c)
		c.Write(fr(wsconf.Text, "x"))
		harness.Drip(c, harness.Repeat(100, func(int) []byte { return fr(wsconf.Continuation, "") }), time.Millisecond)
	}},
	{"pings for ever, and reads no answer", false, func(c *wsconf.Conn, _ chan struct{}) {
		harness.Drip(c, harness.Repeat(100, func(int) []byte { return fr(finPing, harness.LongText[:125]) }), time.Millisecond)
	}},
	{"answers no close", false, func(c *wsconf.Conn, _ chan struct{}) {
		c.Write(fr(finBinary, "x"))
		io.Copy(io.Discard, c)
	}},
	{"1-byte segments", true, func(c *wsconf.Conn, stop chan struct{}) {
		go io.Copy(io.Discard, c)
		b := harness.Join(fr(finPong, ""), fr(finPing, "hi"))
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				c.Write(b[i%len(b) : i%len(b)+1])
				time.Sleep(time.Millisecond)
			}
		}
	}},
}

// TestBadClients has three of each bad client in one room with healthy members,
// among whom messages go on. The healthy get each, in order, and the bad ones who
// are no members by any measure are dropped.
func TestBadClients(t *testing.T) {
	t.Parallel()
	const each, healthy, messages = 3, 3, 700 // of 16 KiB: more than sockets hold
	srv, base := harness.Serve(t, harness.Quiet, chat.WithHistory(0), chat.WithPing(2*time.Second, 10*time.Second),
		chat.WithWriteTimeout(4*time.Second), chat.WithMaxLag(1), chat.WithResume(10), chat.WithLeaveGrace(0))
	var good sync.WaitGroup
	var got [healthy]chan bool
	for i := range got {
		got[i] = make(chan bool, messages)
		p := harness.Dial(t, base, "r", true)
		p.Until("welcome")
		good.Go(func() {
			defer close(got[i])
			for n := range messages {
				o, err := p.Read()
				for err == nil && o.Type != "message" {
					o, err = p.Read()
				}
				if err != nil || o.Offset != uint64(n+1) {
					t.Errorf("message %d: %d, %v", n+1, o.Offset, err)
					return
				}
				got[i] <- true
			}
			p.Closed()
		})
	}
	stop := make(chan struct{})
	var bad, staying sync.WaitGroup
	var mu sync.Mutex
	left := map[string]int{}   // of each kind; guarded by mu
	var stays []*harness.Tally // what those have read
	for _, kind := range badClients {
		for range each {
			c := harness.RawDial(t, base, "/ws/r", harness.OfferV1)
			if kind.stays {
				stays = append(stays, new(harness.Tally))
				c.Conn = teed{c.Conn, stays[len(stays)-1]}
				staying.Go(func() { kind.run(c, stop) })
				continue
			}
			count := func(n int) {
				mu.Lock()
				left[kind.name] += n
				mu.Unlock()
			}
			count(1)
			bad.Go(func() {
				kind.run(c, stop)
				count(-1)
			})
		}
	}
	text := strings.Repeat("x", 16<<10)
	for i := range messages {
		harness.Publish(t, srv, "r", text)
		if i < 10 {
			continue // so far the healthy may be behind
		}
		for _, read := range stays {
			harness.Eventually(t, "those who stay to read", func() bool { return read.Load() >= int64((i-10)*(len(text)+100)) }) // with the keys
		}
		for _, c := range got {
			if !<-c {
				t.FailNow()
			}
		}
	}
	harness.Eventually(t, "the bad to be gone", func() bool { return srv.Stats().Connections <= healthy+len(stays) })
	if n := srv.Stats().Connections; n != healthy+len(stays) {
		mu.Lock()
		t.Errorf("%d connections, want %d; of the bad there are %v", n, healthy+len(stays), left)
		mu.Unlock()
	}
	bad.Wait()
	close(stop)
	staying.Wait()
	srv.Close()
	good.Wait()
}

// TestBurst publishes more during a round than the room holds for resuming: who is
// up to date is not taken for slow.
func TestBurst(t *testing.T) {
	t.Parallel()
	const members, senders, messages = 50, 4, 250
	srv, base := harness.Serve(t, chat.WithHistory(0), chat.WithResume(0))
	var wg sync.WaitGroup
	for range members {
		p := harness.Dial(t, base, "r", false).Here()
		wg.Go(func() {
			for n := 0; n < senders*messages; {
				o, err := p.Read()
				if err != nil {
					t.Errorf("after %d messages: %v", n, err)
					return
				}
				if o.Username == "Bot" {
					n++
				}
			}
		})
	}
	for range senders {
		wg.Go(func() {
			for range messages {
				harness.Publish(t, srv, "r", "x")
			}
		})
	}
	wg.Wait()
}

// TestBadDials has clients that are gone, or mute, before there is a member.
func TestBadDials(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, harness.Quiet)
	w := harness.Watch(t, base, "r")
	addr := strings.TrimPrefix(base, "http://")
	handshake := wsconf.Handshake("/ws/r")
	var mute []net.Conn
	for i := range 300 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 6 {
		case 0: // opens and closes immediately
		case 1:
			conn.(*net.TCPConn).SetLinger(0) // with a reset
		case 2:
			io.WriteString(conn, handshake[:40])
		case 3:
			io.WriteString(conn, handshake)
			conn.(*net.TCPConn).SetLinger(0)
		case 4:
			for j := range handshake {
				conn.Write([]byte{handshake[j]})
			}
		case 5:
			mute = append(mute, conn)
			continue
		}
		conn.Close()
	}
	harness.Eventually(t, "only the witness to be left", func() bool { return srv.Stats().Connections == 1 })
	w.Check(nil)
	for _, conn := range mute {
		conn.Close()
	}
}

// TestBadSegments sends everything a byte at a time, from the handshake on.
func TestBadSegments(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var all []byte
	for i := range 20 {
		all = append(all, fr(finText, fmt.Sprintf(`{"type":"ping","id":"%d"}`, i))...)
	}
	request := wsconf.Handshake("/ws/r", harness.OfferV1) + string(all)
	go func() {
		for i := range len(request) - 1 {
			conn.Write([]byte{request[i]})
		}
		harness.RawWrite(&wsconf.Conn{Conn: conn}, harness.Join([]byte{request[len(request)-1]}, frClose(1000, "")), 1)
	}()
	c, err := wsconf.Open(conn, "", time.Now().Add(harness.Patience))
	if err != nil {
		t.Fatal(err)
	}
	want := append(linesOf(20, func(i int) string { return fmt.Sprint("pong ", i) }), "close 1000")
	harness.Expect(t, "lines", harness.Heard(c), want)
}
