package load

import (
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// secure is the TLS of one client. A goroutine makes the handshake over a usual connection of
// package net. Then the thread of Load reads and writes its socket itself, without waiting.
type secure struct {
	*tls.Conn
	under *under
}

// under is the connection below TLS.
type under struct {
	net.Conn
	fd  int    // once the handshake is over, else 0
	out []byte // records that the socket did not take yet
}

// again says that the socket has nothing to read now. Package tls goes on after a temporary error.
type again struct{}

func (again) Error() string   { return "nothing to read now" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

func (u *under) Read(b []byte) (int, error) {
	if u.fd == 0 {
		return u.Conn.Read(b)
	}
	for {
		n, errno := rawRead(u.fd, b)
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return 0, again{}
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, errGone
		default:
			return n, nil
		}
	}
}

func (u *under) Write(b []byte) (int, error) {
	if u.fd == 0 {
		return u.Conn.Write(b)
	}
	u.out = append(u.out, b...)
	return len(b), nil
}

// shaken is the end of a handshake of TLS.
type shaken struct {
	c   *conn
	tls secure
	err error
}

// dialTLS makes the handshake of TLS for c in its own goroutine.
func (l *Load) dialTLS(c *conn) {
	l.pending++
	go func() {
		d := net.Dialer{Timeout: time.Minute}
		tcp, err := d.Dial("tcp4", l.host)
		if err != nil {
			l.shaken <- shaken{c: c, err: err}
			return
		}
		u := &under{Conn: tcp}
		// The certificate is the server's own, made for this run.
		s := secure{tls.Client(u, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}), u}
		err = s.Handshake()
		if err == nil {
			err = control(tcp, func(fd int) { u.fd = fd })
		}
		l.shaken <- shaken{c, s, err}
	}()
}

func control(c net.Conn, f func(fd int)) error {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

// secured takes the ended handshakes of TLS, and goes on with that of the WebSocket.
func (l *Load) secured() {
	for {
		select {
		case s := <-l.shaken:
			if s.err != nil {
				l.failed = fmt.Errorf("load: connection %d: %w", s.c.index, s.err)
				return
			}
			s.c.tls, s.c.fd = &s.tls, s.tls.under.fd
			if err := l.request(s.c); err != nil {
				l.failed = err
			}
		default:
			return
		}
	}
}

// readTLS reads and decrypts what has arrived, all of it: epoll does not report what TLS holds.
func (l *Load) readTLS(c *conn) {
	for c.fd >= 0 {
		kept := copy(l.buf, c.carry)
		n, err := c.tls.Read(l.buf[kept:])
		if err == (error)(again{}) {
			return
		}
		if err != nil {
			l.end(c, err)
			return
		}
		l.stats.Bytes += int64(n)
		l.stats.Reads++
		l.take(c, l.buf[:kept+n])
	}
}
