package wsconn

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// lines is a Framing of one line each.
type lines struct{}

func (lines) AppendText(b, text []byte, epoch string, offset uint64) []byte {
	return fmt.Appendf(b, "%s %s%d\n", text, epoch, offset)
}
func (lines) AppendPing(b []byte) []byte { return append(b, "ping\n"...) }
func (lines) AppendClose(b []byte, code int, reason string) []byte {
	return fmt.Appendf(b, "close %d %s\n", code, reason)
}

// pipeRead is a pipe whose reading waits for the end, as that of a response does.
type pipeRead struct {
	net.Conn
	end chan struct{}
}

func (p pipeRead) Read([]byte) (int, error)        { <-p.end; return 0, io.EOF }
func (p pipeRead) SetReadDeadline(time.Time) error { return io.ErrNoProgress }
func (p pipeRead) Close() error {
	select {
	case <-p.end:
	default:
		close(p.end)
	}
	return p.Conn.Close()
}

// stream opens a connection that is only written to, whose source is s.
func stream(s Source, writeTimeout time.Duration) (c *Conn, peer net.Conn, ended chan time.Duration) {
	conn, peer := net.Pipe()
	start := time.Now()
	c = new(Conn)
	c.InitStream(&Config{Clock: func() time.Duration { return time.Since(start) }, WriteTimeout: writeTimeout}, s, lines{})
	c.Attach(pipeRead{conn, make(chan struct{})}, nil)
	ended = make(chan time.Duration, 1)
	go func() {
		if c.Open([]byte("first\n")) == nil {
			c.Read()
		}
		c.Finish()
		ended <- time.Since(start)
	}()
	return c, peer, ended
}

// TestStream writes everything in the connection's form, and ends it with the close.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer, ended := stream(busy{}, time.Second)
		got := make(chan string)
		go func() {
			b, _ := io.ReadAll(peer)
			got <- string(b)
		}()
		synctest.Wait()
		c.Send([]byte("reply"))
		synctest.Wait()
		c.Lock()
		if c.DrainingLocked() {
			t.Error("it still drains")
		}
		c.DrainLocked(c.AppendEntry(nil, []byte("entry"), "e", 7))
		c.QueueTextLocked([]byte("text"))
		c.QueueEntryLocked([]byte("entry"), "e", 8)
		c.Unlock()
		c.Close(1001, "bye")
		c.Send([]byte("too late"))
		want := "first\nreply 0\nentry e7\ntext 0\nentry e8\nclose 1001 bye\n"
		if s := <-got; s != want {
			t.Errorf("got %q, want %q", s, want)
		}
		if took := <-ended; took != 0 {
			t.Errorf("the end took %v: nobody answers a close here", took)
		}
	})
}

// TestStreamPings pings after a silence of the server's own, and once only until the peer
// has accepted the ping. Then the write timeout counts, and the ping timeout never.
func TestStreamPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval, second = 10 * time.Second, time.Second
		c, peer, ended := stream(busy{}, 25*second)
		read := func(want string) {
			t.Helper()
			b := make([]byte, len(want))
			if _, err := io.ReadFull(peer, b); err != nil || string(b) != want {
				t.Fatalf("got %q, %v; want %q", b, err, want)
			}
			synctest.Wait()
		}
		read("first\n")
		for at := second; at < 9*second; at += second {
			time.Sleep(second)
			c.Check(at, interval, second)
		}
		c.Send([]byte("a"))
		read("a 0\n") // at 8 s
		time.Sleep(9 * second)
		c.Check(17*second, interval, second)
		synctest.Wait()
		c.Lock()
		if c.DrainingLocked() {
			t.Error("a ping although something was written 9 seconds ago")
		}
		c.Unlock()
		time.Sleep(second)
		c.Check(18*second, interval, second)
		read("ping\n")
		time.Sleep(interval)
		c.Check(28*second, interval, second)
		for at := 29 * second; at < 50*second; at += second {
			time.Sleep(second)
			c.Check(at, interval, second)
		}
		read("ping\n")
		c.Lock()
		if c.DrainingLocked() {
			t.Error("more than one ping waited")
		}
		c.Unlock()
		time.Sleep(interval)
		c.Check(59*second, interval, second) // nobody reads it
		if at := <-ended; at != (59+25)*second {
			t.Errorf("the peer that does not read was cut at %v", at)
		}
	})
}

// takenOver opens a stream over a socket, and waits until nothing is left to write.
func takenOver(t *testing.T) (c *Conn, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c = new(Conn)
	c.InitStream(&Config{Clock: func() time.Duration { return 0 }}, busy{}, lines{})
	c.Attach(conn, nil)
	c.Open(nil)
	for parked := false; !parked; time.Sleep(time.Millisecond) {
		c.Lock()
		parked = !c.DrainingLocked()
		c.Unlock()
	}
	return c, peer
}

// TestTakenOverPings pings again and again over a socket, where nothing waits.
func TestTakenOverPings(t *testing.T) {
	c, peer := takenOver(t)
	defer c.Kill()
	for at := time.Duration(1); at <= 12; at++ {
		c.Check(at*time.Second, 4*time.Second, 0)
	}
	c.Queue([]byte("end"))
	want := "ping\nping\nping\nend"
	b := make([]byte, len(want))
	peer.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := io.ReadFull(peer, b); string(b) != want {
		t.Errorf("got %q, %v; want %q", b[:n], err, want)
	}
}

// TestStreamFlood has a peer that sends as much as it can. It costs the server no more than a
// flood over a WebSocket.
func TestStreamFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := net.Pipe()
		start := time.Now()
		c := new(Conn)
		c.InitStream(&Config{Clock: func() time.Duration { return time.Since(start) }}, busy{}, lines{})
		c.Attach(conn, nil)
		go c.Read()
		var sent atomic.Int64
		go func() {
			for b := make([]byte, 64); ; {
				n, err := peer.Write(b)
				if err != nil {
					return
				}
				sent.Add(int64(n))
			}
		}()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n, most := sent.Load(), int64(floodBurst+10*floodRate+64); n > most || n < most-floodRate {
			t.Errorf("%d bytes were read, the limit is %d", n, most)
		}
		c.Kill()
		time.Sleep(time.Second) // reading waits no longer than that
	})
}

// TestStreamTakenOver ends streams over sockets, which can be written to without blocking. No
// answer to the close is waited for.
func TestStreamTakenOver(t *testing.T) {
	c, peer := takenOver(t)
	ended := make(chan struct{})
	go func() {
		c.Read()
		c.Finish()
		close(ended)
	}()
	io.WriteString(peer, "what nobody asks for, which is longer than the buffer for such things")
	c.Close(1001, "bye")
	c.Lock()
	if !c.DrainingLocked() && !c.DeadLocked() {
		t.Error("it waits for an answer")
	}
	c.Unlock()
	<-ended
	b := make([]byte, 100)
	n, _ := io.ReadFull(peer, b)
	if string(b[:n]) != "close 1001 bye\n" {
		t.Errorf("got %q", b[:n])
	}
}

// records notes the types of the TLS records that it reads (RFC 5246, section 6.2.1).
type records struct {
	net.Conn
	types []byte
	left  int // of the present record
}

func (r *records) Read(b []byte) (int, error) {
	if r.left == 0 {
		var head [5]byte
		n, err := io.ReadFull(r.Conn, head[:])
		if err != nil {
			return 0, err
		}
		r.types, r.left = append(r.types, head[0]), int(head[3])<<8|int(head[4])
		return copy(b, head[:n]), nil // b has room for it: Go's tls reads more
	}
	n, err := r.Conn.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

// TestStreamTLS ends a stream over TLS, and says so.
func TestStreamTLS(t *testing.T) {
	hs := httptest.NewTLSServer(nil)
	config := &tls.Config{Certificates: hs.TLS.Certificates, MaxVersion: tls.VersionTLS12}
	hs.Close()
	synctest.Test(t, func(t *testing.T) {
		served, client := net.Pipe()
		c := new(Conn)
		c.InitStream(&Config{Clock: func() time.Duration { return 0 }}, busy{}, lines{})
		c.Attach(tls.Server(served, config), nil)
		go func() {
			c.Open([]byte("first\n"))
			c.Close(1001, "bye")
			c.Read()
			c.Finish()
		}()
		r := &records{Conn: client}
		b, err := io.ReadAll(tls.Client(r, &tls.Config{InsecureSkipVerify: true}))
		if string(b) != "first\nclose 1001 bye\n" || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
		if last := r.types[len(r.types)-1]; last != 21 {
			t.Errorf("the last of the records %v is no alert", r.types)
		}
		time.Sleep(time.Hour)
	})
}
