package wsconn

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// A goroutine that waits in a read of package tls holds a buffer, and a stack that has grown. So
// with TLS over a socket it waits for the socket, and then reads. Before that it reads what TLS
// holds already, of which the socket knows nothing: with a deadline that is over, a read returns
// that or fails, and it may go on afterwards.

// over is a deadline that has passed.
var over = time.Unix(1, 0)

// attach gives in its connection: raw of a plain socket, or under of the socket below TLS.
func (in *input) attach(conn net.Conn, raw, under syscall.RawConn) {
	in.conn, in.from = conn, socket{raw, in.tryRead, false}
	if under != nil {
		in.from = socket{under, in.peek, true}
	}
}

// fillTLS is fill over TLS.
func (in *input) fillTLS() error {
	if in.buf == nil {
		in.buf = readBuffers.Get().(*[readBuffer]byte)[:]
	}
	if n, err := in.readHeld(in.buf[in.end:]); n > 0 || err != nil {
		in.end += n
		return err
	}
	in.release()
	if err := in.awaitSocket(); err != nil {
		return err
	}
	if in.buf == nil {
		in.buf = readBuffers.Get().(*[readBuffer]byte)[:]
	}
	n, err := in.conn.Read(in.buf[in.end:])
	if in.end += n; n > 0 {
		return nil
	}
	return err
}

// readLarge reads a part of a large frame. Over TLS that needs no care: the frame has begun.
func (in *input) readLarge(p []byte) (int, error) {
	if in.from.tls {
		if err := in.deadline(time.Time{}); err != nil {
			return 0, err
		}
	}
	return in.conn.Read(p)
}

// readHeld reads what TLS holds already; nothing, without an error, if that is nothing.
func (in *input) readHeld(p []byte) (int, error) {
	if err := in.deadline(over); err != nil {
		return 0, err
	}
	n, err := in.conn.Read(p)
	if n > 0 || errors.Is(err, os.ErrDeadlineExceeded) && !in.c.dead() {
		return n, nil
	}
	return 0, err
}

// awaitSocket waits until the socket has something to read.
func (in *input) awaitSocket() error {
	if err := in.deadline(time.Time{}); err != nil {
		return err
	}
	return in.from.raw.Read(in.from.fn)
}

// deadline sets the deadline of reads, unless nothing can be written any more: then LostLocked has
// set one.
func (in *input) deadline(t time.Time) error {
	c := in.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.dead {
		return nil
	}
	return in.conn.SetReadDeadline(t)
}

// dead reports whether nothing can be written from now on.
func (c *Conn) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.dead
}
