package redislog_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
)

// A proxy passes connections on to a server until it is frozen. Then nothing passes, and the
// connections stay open.
type proxy struct {
	addr string

	mu     sync.Mutex
	frozen chan struct{} // closed when not frozen

	cut atomic.Bool // end the connection on which the next answer comes
}

func newProxy(t testing.TB, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), frozen: make(chan struct{})}
	close(p.frozen)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			for _, to := range []net.Conn{in, out} {
				wg.Go(func() {
					defer in.Close()
					defer out.Close()
					if to == in {
						p.pass(in, out, done, &p.cut)
					} else {
						p.pass(out, in, done, new(atomic.Bool))
					}
				})
			}
			go func() { <-done; in.Close(); out.Close() }()
		}
	})
	t.Cleanup(func() { close(done); l.Close(); wg.Wait() })
	return p
}

func (p *proxy) pass(to io.Writer, from io.Reader, done chan struct{}, cut *atomic.Bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || cut.Swap(false) {
			return
		}
		p.mu.Lock()
		thawed := p.frozen
		p.mu.Unlock()
		select {
		case <-thawed:
		case <-done:
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) freeze(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.frozen = make(chan struct{})
	} else {
		close(p.frozen)
	}
}

func (p *proxy) client(t testing.TB) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: p.addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { c.Close() })
	return c
}
