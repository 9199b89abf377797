//go:build unix

package verify

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A clusterProxy is between one server and the log. A connection names its target in its first
// line. The proxy can cut connections, hold all bytes while the connections stay open, or delay
// them.
type clusterProxy struct {
	addr string

	mu    sync.Mutex
	open  chan struct{} // closed when nothing is held
	delay time.Duration
	conns map[net.Conn]struct{}
}

func newClusterProxy(t testing.TB) *clusterProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &clusterProxy{addr: l.Addr().String(), open: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	close(p.open)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.heal()
		p.cut()
		wg.Wait()
	})
	return p
}

func (p *clusterProxy) serve(in net.Conn) {
	p.keep(in)
	defer p.drop(in)
	r := bufio.NewReader(in)
	line, err := r.ReadString('\n')
	if err != nil {
		return
	}
	network, addr, _ := strings.Cut(strings.TrimSpace(line), " ")
	out, err := net.DialTimeout(network, addr, 5*time.Second)
	if err != nil {
		return
	}
	p.keep(out)
	defer p.drop(out)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.pass(in, out)
		in.Close()
		out.Close()
	}()
	p.pass(out, r)
	in.Close()
	out.Close()
	<-done
}

func (p *clusterProxy) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		open, delay := p.open, p.delay
		p.mu.Unlock()
		<-open
		time.Sleep(delay)
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *clusterProxy) keep(c net.Conn) {
	p.mu.Lock()
	p.conns[c] = struct{}{}
	p.mu.Unlock()
}

func (p *clusterProxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// cut ends every connection.
func (p *clusterProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// hold stops passing bytes until release or heal.
func (p *clusterProxy) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
		p.open = make(chan struct{})
	default:
	}
}

func (p *clusterProxy) slow(d time.Duration) {
	p.mu.Lock()
	p.delay = d
	p.mu.Unlock()
}

// heal passes everything on, also the bytes that were held.
func (p *clusterProxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = 0
	select {
	case <-p.open:
	default:
		close(p.open)
	}
}

// through connects through a proxy.
func through(proxy, network, addr string, d *net.Dialer) (net.Conn, error) {
	c, err := d.Dial("tcp", proxy)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(c, "%s %s\n", network, addr); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
