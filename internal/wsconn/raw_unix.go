//go:build unix && !noraw

package wsconn

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// bare returns the raw connection, for reads and writes that do not block, or nil if conn
// is not a plain socket: a wrapper such as TLS must see every byte itself.
func bare(conn net.Conn) syscall.RawConn {
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, err := c.SyscallConn()
		if err == nil {
			return raw
		}
	case *net.UnixConn:
		raw, err := c.SyscallConn()
		if err == nil {
			return raw
		}
	}
	return nil
}

// A Prober writes to sockets without blocking and without allocating.
type Prober struct {
	b   []byte
	n   int
	err error
	fn  func(fd uintptr) bool
	ask func(fd uintptr)
}

// Probers is a pool of Probers.
var Probers = sync.Pool{New: func() any {
	p := new(Prober)
	p.fn, p.ask = p.write, p.askRoom
	return p
}}

// try writes the part of b that the socket accepts without blocking, and returns its length.
func (p *Prober) try(raw syscall.RawConn, b []byte) (int, error) {
	p.b, p.n, p.err = b, 0, nil
	err := raw.Write(p.fn)
	p.b = nil
	if err == nil {
		err = p.err
	}
	return p.n, err
}

func (p *Prober) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), p.b)
		switch err {
		case nil:
			p.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			p.err = err
		}
		return true
	}
}

// tryRead is called when the socket may be readable. It keeps a buffer only if there was
// something to read, so a silent connection has none.
func (in *input) tryRead(fd uintptr) bool {
	if in.buf == nil {
		in.buf = readBuffers.Get().(*[readBuffer]byte)[:]
	}
	for {
		n, err := syscall.Read(int(fd), in.buf[in.end:])
		switch {
		case err == nil && n > 0:
			in.end += n
			in.err = nil
		case err == nil:
			in.err = io.EOF
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			in.release()
			return false
		default:
			in.err = err
		}
		return true
	}
}

// peek reports whether there is something to read, or the end.
func (in *input) peek(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}
