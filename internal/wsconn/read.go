package wsconn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// Read reads what the peer sends until the connection ends, and passes its messages to the
// Handler. It reports whether the connection ended with a close frame. Call Finish after
// it. Of a connection that is only written to, it reads nothing and waits for the end.
func (c *Conn) Read() (clean bool) {
	if c.form != nil {
		for b := [64]byte{}; ; { // a peer that is not to say anything may, and is not heard
			n, err := c.conn.Read(b[:])
			if err != nil {
				return c.isClosing()
			}
			c.in.charge(n)
		}
	}
	for {
		typ, text, err := c.readMessage()
		switch {
		case errors.Is(err, errViolation):
			return true
		case err != nil:
			if c.in.peerClosed || ws.CloseStatus(err) != -1 {
				return true
			}
			if !lost(err) {
				c.Close(proto.CloseProtocol, "protocol error") // unless the library has already sent a more exact code
			}
			return c.isClosing()
		case c.isClosing():
		case typ != ws.MessageText:
			c.Close(proto.CloseUnsupported, "only text frames")
		default:
			c.in.handle(text)
		}
	}
}

// lost reports whether err says that the connection has ended, and not what the peer has
// done wrong. The library's reads have ws.ErrLost, and await io.EOF.
func lost(err error) bool {
	for _, end := range []error{ws.ErrLost, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, end) {
			return true
		}
	}
	var wire net.Error
	return errors.As(err, &wire)
}

func (c *Conn) isClosing() bool {
	_, closing := c.Closing()
	return closing
}

// readMessage returns the next message that await has not handled.
func (c *Conn) readMessage() (ws.MessageType, []byte, error) {
	if err := c.in.await(); err != nil {
		return 0, nil, err
	}
	lib, err := c.library()
	if err != nil {
		return 0, nil, err
	}
	typ, r, err := lib.Reader(context.Background())
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(r)
	return typ, text, err
}

// Charge counts a cost of n bytes, as for a frame that is not an accepted message. A peer
// that has spent more than it may is not read from for a while. Only the Handler calls it.
func (c *Conn) Charge(n int) { c.in.charge(n) }

// FrameCost is the cost of a frame in addition to its bytes.
const FrameCost = frameCost

// Finish waits until the last frames are written and the peer's close frame has come,
// within limits, and closes the connection.
func (c *Conn) Finish() {
	c.mu.Lock()
	for c.closing.begun && c.out.draining && !c.out.dead { // until killer ends it
		c.WaitLocked()
	}
	orderly := c.closing.begun && !c.out.dead && !c.out.draining
	linger := c.closing.begun && !c.out.dead && !c.in.peerClosed
	c.mu.Unlock()
	if linger {
		// Closing a connection with unread bytes resets it, and the peer may then never see
		// our close frame.
		c.in.from.tls = false // the deadline stays
		c.conn.SetReadDeadline(time.Now().Add(CloseTimeout / 3))
		c.in.awaitClose()
	}
	if orderly {
		c.closeTLS()
	}
	c.Kill()
	if c.lib != nil {
		c.lib.CloseNow()
	}
	c.in.release()
}

// closeTLS says over TLS that nothing more comes. Without it, the peer cannot tell the end from
// an attack (RFC 8446, section 6.1).
func (c *Conn) closeTLS() {
	if t, ok := c.conn.(*tls.Conn); ok {
		t.CloseWrite()
	}
}
