//go:build !noraw && !386 && !s390x

package wsconn

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// holder is a socket that may keep what is written.
type holder struct {
	net.Conn
	holds bool
	held  []byte
}

func (h *holder) Write(b []byte) (int, error) {
	if !h.holds {
		return h.Conn.Write(b)
	}
	h.held = append(h.held, b...)
	return len(b), nil
}

// secured returns both ends of a TLS connection over a real socket, and what is below the client's.
func secured(t *testing.T) (server, client *tls.Conn, under *holder) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.StartTLS()
	certificates := s.TLS.Certificates
	s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	under = &holder{Conn: socket}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server = tls.Server(accepted, &tls.Config{Certificates: certificates})
	client = tls.Client(under, &tls.Config{InsecureSkipVerify: true})
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.NetConn().Close(); under.Close() })
	return server, client, under
}

// heard is a Handler that passes messages on.
type heard struct {
	busy
	texts chan string
}

func (h heard) Handle(text []byte) { h.texts <- string(text) }

// overTLS is a connection over TLS, which has written nothing yet.
func overTLS(conn *tls.Conn, h Handler) (c *Conn, clock *time.Duration) {
	c, clock = new(Conn), new(time.Duration)
	c.Init(&Config{Clock: func() time.Duration { return *clock }, ReadLimit: 1 << 10, WriteTimeout: time.Minute}, busy{}, h, false)
	c.Attach(conn, nil)
	c.out.draining = false
	return c, clock
}

// TestTLSWritesDoNotWait writes to a peer that reads nothing. Each write is told to have room, or
// is not made: one that waits stops the test.
func TestTLSWritesDoNotWait(t *testing.T) {
	for _, size := range []int{1, 100, 1300, 5000, 16 << 10, 100 << 10} {
		server, client, _ := secured(t)
		server.NetConn().(*net.TCPConn).SetWriteBuffer(64 << 10)
		c, clock := overTLS(server, busy{})
		p := Probers.Get().(*Prober)
		sent := []byte{}
		for i := 0; ; i++ {
			b := bytes.Repeat([]byte{byte(i)}, size)
			c.mu.Lock()
			began := time.Now()
			n, err := c.TryLocked(p, b)
			c.mu.Unlock()
			if err != nil || time.Since(began) >= secureWait {
				t.Fatalf("%d bytes: write %d: %v, after %v", size, i, err, time.Since(began))
			}
			if sent = append(sent, b[:n]...); n < size {
				break
			}
		}
		if len(sent) == 0 {
			t.Fatalf("%d bytes: nothing was written to an empty socket", size)
		}
		if c.secure.until.Load() == 0 {
			t.Error("no deadline")
		}
		*clock += secureWait
		c.Check(*clock, 0, 0)
		if c.secure.until.Load() != 0 {
			t.Error("the deadline stays when nothing is written")
		}
		server.NetConn().(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(client)
		if !bytes.Equal(got, sent) {
			t.Errorf("%d bytes: %d arrived of %d, or others", size, len(got), len(sent))
		}
	}
}

// TestAskingAllocates nothing: it comes before each write.
func TestAskingAllocates(t *testing.T) {
	server, _, _ := secured(t)
	c, _ := overTLS(server, busy{})
	p := Probers.Get().(*Prober)
	room := 0
	if n := testing.AllocsPerRun(100, func() { room = p.room(c.secure.under) }); n > 0 || room < Piece {
		t.Errorf("%v allocations; %d bytes of room in an empty socket", n, room)
	}
}

// TestTLSHoldsMessages sends records together. After the first of them the socket has nothing
// more, and TLS has.
func TestTLSHoldsMessages(t *testing.T) {
	server, client, under := secured(t)
	texts := make(chan string, 10)
	c, _ := overTLS(server, heard{texts: texts})
	ended := make(chan bool)
	go func() {
		c.Read()
		c.Finish()
		close(ended)
	}()
	for round := range 3 {
		under.holds = true
		for _, text := range []string{"one", "two", "three"} {
			client.Write(append([]byte{FinBit | OpText, maskBit | byte(len(text)), 0, 0, 0, 0}, text...))
		}
		cut := len(under.held) - 5
		under.Conn.Write(under.held[:cut])
		for _, want := range []string{"one", "two"} {
			if got := <-texts; got != want {
				t.Fatalf("round %d: got %q, want %q", round, got, want)
			}
		}
		under.Conn.Write(under.held[cut:]) // the rest of a record that has begun
		if got := <-texts; got != "three" {
			t.Fatalf("round %d: got %q", round, got)
		}
		under.holds, under.held = false, nil
	}
	under.Close()
	<-ended
}
