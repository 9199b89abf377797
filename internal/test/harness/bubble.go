package harness

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

// Pipes is a listener whose connections are pipes.
type Pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

// NewPipes returns a listener that nobody has connected to.
func NewPipes() *Pipes { return &Pipes{make(chan net.Conn), make(chan struct{})} }

// Accept implements [net.Listener].
func (l *Pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *Pipes) Close() error {
	close(l.done)
	return nil
}

// Addr implements [net.Listener].
func (l *Pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// Dial connects; it has the form of an [http.Transport]'s DialContext.
func (l *Pipes) Dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Bubble is a server in fake time. It is reached over pipes, so that every promise of a
// time can be checked exactly.
type Bubble struct {
	*chat.Server
	T      *testing.T
	Pipes  *Pipes
	Client http.Client
}

// InBubble runs f with a server of the given options.
func InBubble(t *testing.T, f func(*Bubble), opts ...chat.Option) {
	synctest.Test(t, func(t *testing.T) {
		b := &Bubble{Server: chat.New(opts...), T: t, Pipes: NewPipes()}
		transport := &http.Transport{DialContext: b.Pipes.Dial}
		b.Client.Transport = transport
		hs := &http.Server{Handler: b}
		go hs.Serve(b.Pipes)
		defer func() { // if f ends the test, too
			b.Close()
			hs.Close()
			transport.CloseIdleConnections()
		}()
		f(b)
	})
}

// Dial connects to a room, or with [Many] to many rooms, in the plain dialect, or in chat.v1
// if v1 says so.
func (b *Bubble) Dial(room string, v1 bool, query string) *Peer {
	b.T.Helper()
	opts := ws.DialOptions{HTTPClient: &b.Client}
	if v1 {
		opts.Subprotocols = []string{"chat.v1"}
	}
	path := "/ws/" + room
	if room == Many {
		path = "/ws"
	}
	conn, _, err := ws.Dial(context.Background(), "http://pipe"+path+"?"+query, &opts)
	if err != nil {
		b.T.Fatalf("dial: %v", err)
	}
	b.T.Cleanup(func() { conn.CloseNow() })
	return &Peer{T: b.T, Conn: conn}
}

// Raw connects a client that does nothing by itself.
func (b *Bubble) Raw(room string) net.Conn {
	b.T.Helper()
	c, err := b.Pipes.Dial(context.Background(), "", "")
	if err != nil {
		b.T.Fatal(err)
	}
	b.T.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET /ws/%s HTTP/1.1\r\nHost: pipe\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", room)
	buf := make([]byte, 4096)
	for s := ""; !strings.HasSuffix(s, "\r\n\r\n"); {
		n, err := c.Read(buf)
		if err != nil {
			b.T.Fatal(err)
		}
		s += string(buf[:n])
	}
	synctest.Wait()
	return c
}

// EndsAfter returns after what time the connection ends, reading all it gets.
func EndsAfter(c net.Conn) time.Duration {
	start := time.Now()
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			return time.Since(start)
		}
	}
}
