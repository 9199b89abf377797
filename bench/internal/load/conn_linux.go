package load

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// conn is one client.
type conn struct {
	fd       int
	index    int
	state    state
	interest uint32 // the events that epoll reports
	carry    []byte // an incomplete frame or answer
	out      []byte // bytes that the socket did not take yet
	stalled  bool   // this client never reads
	seen     bool   // a probe has arrived
	sends    bool   // this client keeps a window full
	inflight int
	awaited  int // welcomes that have not arrived yet
	left     int // messages that it may still send, if limited
	tls      *secure
}

type state byte

const (
	shaking    state = iota // waits for the server's handshake
	connecting              // waits for the answer to greet
	open
	ended
)

const (
	clientKey = "dGhlIHNhbXBsZSBub25jZQ=="
	outLimit  = 4 << 20 // bytes that may wait for a server that does not read
)

var serverKey = func() string {
	sum := sha1.Sum([]byte(clientKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}()

func (l *Load) connect(c *conn) error {
	if l.plan.TLS {
		l.dialTLS(c)
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.fd = fd
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if c.stalled {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	}
	if err := unix.Connect(fd, &l.to); err != nil && err != unix.EINPROGRESS {
		return err
	}
	l.pending++
	return l.request(c)
}

// request asks for the WebSocket as soon as c can write.
func (l *Load) request(c *conn) error {
	path, extra := fmt.Sprintf("/ws/r%d", l.roomOf(c, 0)), ""
	if l.plan.Joined > 0 {
		path = "/ws"
	}
	if l.plan.V1 {
		extra = "Sec-WebSocket-Protocol: chat.v1\r\n"
	}
	if l.plan.Deflate {
		extra += "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
	}
	c.out = fmt.Appendf(nil, "GET %s?username=u%d HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n", path, c.index, l.host, clientKey, extra)
	c.interest = unix.EPOLLIN | unix.EPOLLOUT
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: c.interest, Fd: int32(c.index)})
}

func (l *Load) rearm(c *conn) {
	unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: c.interest, Fd: int32(c.index)})
}

// end ends the connection c.
func (l *Load) end(c *conn, why error) {
	if c.state < open && l.failed == nil {
		l.failed = fmt.Errorf("load: connection %d: %w", c.index, why)
	}
	l.drop(c)
	c.state, c.carry, c.out = ended, nil, nil
	l.stats.Lost++
	if l.syncing && !c.seen && !c.stalled {
		l.unseen-- // do not wait for its probe
	}
}

// drop closes the socket of c.
func (l *Load) drop(c *conn) {
	if c.tls != nil {
		unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, c.fd, nil)
		c.tls.under.Conn.Close()
	} else {
		unix.Close(c.fd)
	}
	c.fd, c.tls = -1, nil
}

// poll waits for at most d and processes the events.
func (l *Load) poll(d time.Duration) {
	if l.plan.TLS {
		l.secured()
	}
	for _, ev := range l.events[:l.wait(d)] {
		c := &l.conns[ev.Fd]
		if ev.Events&unix.EPOLLOUT != 0 && c.fd >= 0 {
			l.flush(c)
		}
		switch {
		case c.fd < 0:
		case c.tls != nil && ev.Events&^unix.EPOLLOUT != 0:
			l.readTLS(c)
		case c.stalled && c.state == open && ev.Events&^unix.EPOLLOUT != 0:
			l.end(c, errGone)
		case ev.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0:
			l.read(c)
		}
	}
}

// wait is epoll_pwait2(2), whose time limit is finer than a millisecond. It is a raw system
// call, which costs the scheduler nothing. It delays a garbage collection for as long as it
// waits, so d is short.
func (l *Load) wait(d time.Duration) int {
	ts := unix.NsecToTimespec(int64(d))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	if errno == unix.ENOSYS { // before Linux 5.11
		n, err := unix.EpollWait(l.epoll, l.events, int((d+time.Millisecond-1)/time.Millisecond))
		if err != nil {
			return 0
		}
		return n
	}
	if errno != 0 {
		return 0
	}
	return int(n)
}

// compose appends one message for a room to the bytes that c will write.
func (l *Load) compose(c *conn, room int, phase byte, due int64) {
	putHead(l.text, phase, c.index, due)
	l.random ^= l.random << 13
	l.random ^= l.random >> 17
	l.random ^= l.random << 5
	switch {
	case l.plan.Centrifuge:
		l.ids++
		l.frame = appendPublish(l.frame[:0], l.ids+1, room)
		c.out = appendFrame(c.out, 1, l.random, l.frame, l.text, []byte(`"}}`))
	case l.plan.V1:
		if l.plan.Joined == 0 {
			room = -1 // the connection is in one room alone
		}
		l.frame = appendMessage(l.frame[:0], room)
		c.out = appendFrame(c.out, 1, l.random, l.frame, l.text, []byte(`"}`))
	default:
		c.out = appendFrame(c.out, 1, l.random, l.text)
	}
}

// send lets c send one message to a room. due is the time at which it was due.
func (l *Load) send(c *conn, room int, phase byte, due int64) {
	if phase == 'm' {
		l.stats.Sent++
	}
	if c.state != open || len(c.out) > outLimit {
		return
	}
	l.compose(c, room, phase, due)
	l.push(c)
}

// push writes the waiting bytes, unless the socket is known to be full.
func (l *Load) push(c *conn) {
	if c.fd >= 0 && len(c.out) > 0 && c.interest&unix.EPOLLOUT == 0 {
		l.flush(c)
	}
}

func (l *Load) flush(c *conn) {
	out := &c.out
	if c.tls != nil && len(c.out) > 0 {
		if _, err := c.tls.Write(c.out); err != nil {
			l.end(c, err)
			return
		}
		c.out = c.out[:0]
	}
	if c.tls != nil {
		out = &c.tls.under.out
	}
	for len(*out) > 0 {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&(*out)[0])), uintptr(len(*out)))
		if errno == unix.EINTR {
			continue
		}
		if errno == unix.EAGAIN || errno == unix.ENOTCONN {
			break
		}
		if errno != 0 {
			l.end(c, errno)
			return
		}
		*out = append((*out)[:0], (*out)[n:]...)
	}
	interest := c.interest &^ unix.EPOLLOUT
	if len(*out) > 0 {
		interest |= unix.EPOLLOUT
	}
	if interest != c.interest {
		c.interest = interest
		l.rearm(c)
	}
}

// read reads once what has arrived. epoll reports the socket again if there is more.
func (l *Load) read(c *conn) {
	kept := copy(l.buf, c.carry)
	n, errno := rawRead(c.fd, l.buf[kept:])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno != 0:
		l.end(c, errno)
		return
	case n == 0:
		l.end(c, errGone)
		return
	}
	l.stats.Bytes += int64(n)
	l.stats.Reads++
	l.take(c, l.buf[:kept+n])
}

func rawRead(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// take processes what c has received: what was kept of it and what is new.
func (l *Load) take(c *conn, b []byte) {
	if c.state == shaking {
		if b = l.shake(c, b); c.fd < 0 {
			return
		}
	}
	if c.state != shaking {
		b = l.frames(c, b)
	}
	if c.fd >= 0 {
		c.carry = append(c.carry[:0], b...)
	}
}

// shake checks the server's handshake, and returns the bytes after it.
func (l *Load) shake(c *conn, b []byte) []byte {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return b
	}
	answer := b[:end]
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 101 ")) || !bytes.Contains(answer, []byte(serverKey)) {
		l.end(c, fmt.Errorf("answered %q", b[:min(len(b), 200)]))
		return nil
	}
	if l.plan.Deflate != bytes.Contains(answer, []byte("permessage-deflate")) {
		l.end(c, fmt.Errorf("compression refused, or accepted without an offer: %q", answer))
		return nil
	}
	if l.greet(c); c.fd < 0 {
		return nil
	}
	return b[end+4:]
}

func (l *Load) opened(c *conn) {
	c.state = open
	l.pending--
	l.ready++
}
