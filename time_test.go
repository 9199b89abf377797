package chat_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// Tests in this file run in bubbles of fake time, over pipes, so that every
// promise of a time is checked exactly and at once.

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	close(l.done)
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (l *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// bubble is a server in fake time.
type bubble struct {
	*chat.Server
	t    *testing.T
	l    *pipes
	http http.Client
}

// inBubble runs f with a server of the given options.
func inBubble(t *testing.T, f func(*bubble), opts ...chat.Option) {
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{Server: chat.New(opts...), t: t, l: newPipes()}
		transport := &http.Transport{DialContext: b.l.dial}
		b.http.Transport = transport
		hs := &http.Server{Handler: b}
		go hs.Serve(b.l)
		defer func() { // if f ends the test, too
			b.Close()
			hs.Close()
			transport.CloseIdleConnections()
		}()
		f(b)
	})
}

func (b *bubble) dial(room string, v1 bool, query string) *peer {
	b.t.Helper()
	opts := ws.DialOptions{HTTPClient: &b.http}
	if v1 {
		opts.Subprotocols = []string{"chat.v1"}
	}
	conn, _, err := ws.Dial(context.Background(), "http://pipe/ws/"+room+"?"+query, &opts)
	if err != nil {
		b.t.Fatalf("dial: %v", err)
	}
	b.t.Cleanup(func() { conn.CloseNow() })
	return &peer{t: b.t, conn: conn}
}

// raw connects a client that does nothing by itself.
func (b *bubble) raw(room string) net.Conn {
	b.t.Helper()
	c, err := b.l.dial(context.Background(), "", "")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET /ws/%s HTTP/1.1\r\nHost: pipe\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", room)
	buf := make([]byte, 4096)
	for s := ""; !strings.HasSuffix(s, "\r\n\r\n"); {
		n, err := c.Read(buf)
		if err != nil {
			b.t.Fatal(err)
		}
		s += string(buf[:n])
	}
	synctest.Wait()
	return c
}

// gone returns after what time the connection ends, reading all it gets.
func gone(c net.Conn) time.Duration {
	start := time.Now()
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			return time.Since(start)
		}
	}
}

func TestSilentPeerIsDropped(t *testing.T) {
	inBubble(t, func(b *bubble) {
		if d := gone(b.raw("r")); d != 35*time.Second {
			t.Errorf("dropped after %v", d)
		}
	})
	inBubble(t, func(b *bubble) {
		if d := gone(b.raw("r")); d != 3*time.Second {
			t.Errorf("dropped after %v", d)
		}
	}, chat.WithPing(2*time.Second, time.Second))
}

func TestHalfFrameThenSilence(t *testing.T) {
	inBubble(t, func(b *bubble) {
		c := b.raw("r")
		c.Write([]byte{0x81, 0xfe, 0x10})
		if d := gone(c); d != 35*time.Second {
			t.Errorf("dropped after %v", d)
		}
	})
}

// TestEndlessMessage answers pings but never ends its message.
func TestEndlessMessage(t *testing.T) {
	inBubble(t, func(b *bubble) {
		c := b.raw("r")
		go func() {
			c.Write([]byte{0x01, 0x81, 0, 0, 0, 0, 'x'})
			for {
				if _, err := c.Write([]byte{0x00, 0x81, 0, 0, 0, 0, 'x'}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		if d := gone(c); d < 10*time.Second || d > 11*time.Second {
			t.Errorf("dropped after %v", d)
		}
		time.Sleep(2 * time.Second) // for the writer to notice
	})
}

func TestAnsweringPeerStays(t *testing.T) {
	inBubble(t, func(b *bubble) {
		p := b.dial("r", false, "")
		go p.conn.Read(context.Background()) // answers pings
		time.Sleep(24 * time.Hour)
		if n := b.Stats().Connections; n != 1 {
			t.Errorf("%d connections after a day", n)
		}
	})
}

// TestStuckWriter has a peer that takes nothing: pipes have no buffer.
func TestStuckWriter(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.raw("r")
		start := time.Now()
		publish(t, b.Server, "r", "x")
		for b.Stats().Connections > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if d := time.Since(start); d < 10*time.Second || d > 10*time.Second+50*time.Millisecond {
			t.Errorf("dropped after %v", d)
		}
	})
}

func TestShutdownBound(t *testing.T) {
	inBubble(t, func(b *bubble) {
		for range 20 {
			b.raw("r") // takes no close frame, and answers none
		}
		good := b.dial("r", true, "")
		good.until("welcome")
		code := make(chan int)
		go func() { code <- good.closed() }()
		start := time.Now()
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("Shutdown took %v", d)
		}
		if c := <-code; c != 1001 {
			t.Errorf("closed with %d", c)
		}
	})
	inBubble(t, func(b *bubble) {
		b.raw("r")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		if err := b.Shutdown(ctx); err != context.DeadlineExceeded || time.Since(start) != time.Second {
			t.Errorf("Shutdown: %v after %v", err, time.Since(start))
		}
	})
}

func TestLeaveGrace(t *testing.T) {
	inBubble(t, func(b *bubble) {
		alice := b.dial("r", true, "username=Alice")
		alice.until("welcome")
		bob := b.dial("r", true, "username=Bob")
		session := bob.until("welcome").Session
		alice.until("system")

		bob.conn.CloseNow() // unclean
		time.Sleep(4 * time.Second)
		bob = b.dial("r", true, "username=Bob&session="+session)
		bob.until("welcome")
		time.Sleep(time.Minute / 4)

		start := time.Now()
		bob.conn.CloseNow()
		if o := alice.until("system"); o.Event != "leave" || time.Since(start) != 5*time.Second {
			t.Errorf("%s of %s after %v", o.Event, o.Username, time.Since(start))
		}

		carol := b.dial("r", true, "username=Carol")
		carol.until("welcome")
		alice.until("system")
		start = time.Now()
		go carol.conn.Close(1000, "")
		if o := alice.until("system"); o.Event != "leave" || o.Username != "Carol" || time.Since(start) != 0 {
			t.Errorf("%s of %s after %v", o.Event, o.Username, time.Since(start))
		}
	})
}
