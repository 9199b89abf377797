package front

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
)

// traffic is a listener that writes what its connections carry into files of a folder: N.in has what
// the client has sent, and N.out what the server has. interop/replay reads them.
type traffic struct {
	net.Listener
	dir   string
	count atomic.Uint64
}

// Accept implements [net.Listener].
func (l *traffic) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	name := filepath.Join(l.dir, fmt.Sprintf("%d-%p-%d", os.Getpid(), l, l.count.Add(1)))
	return &recorded{Conn: conn, in: create(name + ".in"), out: create(name + ".out")}, nil
}

func create(name string) *os.File {
	f, err := os.Create(name)
	if err != nil {
		panic(err)
	}
	return f
}

// recorded is a connection whose bytes are kept.
type recorded struct {
	net.Conn
	in, out *os.File
}

func (c *recorded) Read(b []byte) (n int, err error) {
	n, err = c.Conn.Read(b)
	c.in.Write(b[:n])
	return n, err
}

func (c *recorded) Write(b []byte) (n int, err error) {
	n, err = c.Conn.Write(b)
	c.out.Write(b[:n])
	return n, err
}

func (c *recorded) Close() error {
	c.in.Close()
	c.out.Close()
	return c.Conn.Close()
}
