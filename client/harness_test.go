package client_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/test/front"
)

// patience is how long tests wait for something that must happen.
const patience = 2 * time.Minute

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// serve runs a server behind a real socket until the test ends.
func serve(t testing.TB, opts ...chat.Option) (*chat.Server, string) {
	t.Helper()
	srv := chat.New(append([]chat.Option{chat.WithLogger(quiet)}, opts...)...)
	hs := front.NewServer(srv)
	t.Cleanup(func() {
		srv.Close()
		hs.Close()
	})
	return srv, hs.URL
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// user is a Conn in a test.
type user struct {
	*client.Room
	t testing.TB
}

// join makes a Conn that reconnects quickly.
func join(t testing.TB, base, room, name string, opts ...client.Option) *user {
	t.Helper()
	c, err := client.Dial(soon(t), base, room, append([]client.Option{
		client.WithUsername(name), client.WithLogger(quiet), client.WithBackoff(5*time.Millisecond, 50*time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatalf("%s cannot join: %v", name, err)
	}
	t.Cleanup(func() { c.Close() })
	return &user{c, t}
}

// any returns the next event.
func (u *user) any() client.Event {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for e, err := range u.Events(ctx) {
		if err != nil {
			u.t.Fatalf("events: %v", err)
		}
		return e
	}
	panic("unreachable")
}

// next returns the next event that is not a welcome.
func (u *user) next() client.Event {
	u.t.Helper()
	for {
		if e := u.any(); e.Type != client.TypeWelcome {
			return e
		}
	}
}

// until returns the next event of a type and ignores others.
func (u *user) until(typ chatlog.Type) client.Event {
	u.t.Helper()
	for {
		if e := u.any(); e.Type == typ {
			return e
		}
	}
}

func (u *user) send(text string) uint64 {
	u.t.Helper()
	offset, err := u.Send(soon(u.t), text)
	if err != nil {
		u.t.Errorf("send: %v", err)
	}
	return offset
}

// cuts dials connections that a test can cut.
type cuts struct {
	through func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network

	mu    sync.Mutex
	conns map[*cuttable]struct{}
	total int
}

type cuttable struct {
	net.Conn
	of *cuts
}

func (c *cuttable) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

func (k *cuts) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := k.through
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &cuttable{conn, k}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conns == nil {
		k.conns = map[*cuttable]struct{}{}
	}
	k.conns[c] = struct{}{}
	k.total++
	return c, nil
}

// cut resets all connections.
func (k *cuts) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Conn.Close()
	}
	clear(k.conns)
}
