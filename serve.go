package chat

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// serve reads what the client sends until the connection ends, and then takes
// the member out of the room.
func (m *member) serve() {
	clean := false
	defer func() { // even if a hook ends the goroutine
		m.room.leave(m, clean)
		m.finish()
		m.room.srv.gone(m)
	}()
	clean = m.readLoop() && !m.comesBack()
}

// comesBack reports whether the client was told to come back and resume.
func (m *member) comesBack() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closing && m.code == 1013
}

// readLoop reports whether the connection ended in good order.
func (m *member) readLoop() (clean bool) {
	for {
		typ, text, err := m.readMessage()
		switch {
		case errors.Is(err, errViolation):
			return true
		case err != nil:
			if m.in.peerClosed || ws.CloseStatus(err) != -1 {
				return true
			}
			var nerr net.Error
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) && !errors.As(err, &nerr) {
				m.close(1002, "protocol error") // unless the library has said more
			}
			return m.isClosing()
		case m.isClosing():
		case typ != ws.MessageText:
			m.close(1003, "only text frames")
		default:
			m.handle(text)
		}
	}
}

// readMessage reads the next message that is not handled on the way.
func (m *member) readMessage() (ws.MessageType, []byte, error) {
	if err := m.in.await(); err != nil {
		return 0, nil, err
	}
	conn, err := m.library()
	if err != nil {
		return 0, nil, err
	}
	typ, r, err := conn.Reader(context.Background())
	if err != nil {
		return 0, nil, err
	}
	text, err := io.ReadAll(r)
	return typ, text, err
}

// finish sees the last frames out, waits for the peer's close frame if it has not
// come, and closes the connection.
func (m *member) finish() {
	m.mu.Lock()
	deadline := time.Now().Add(closeTimeout)
	for m.closing && m.draining && !m.dead && m.waitLocked(time.Until(deadline)) {
	}
	orderly := m.closing && !m.dead && !m.draining
	linger := m.closing && !m.dead && !m.in.peerClosed
	if m.expiry != nil {
		m.expiry.Stop()
	}
	m.mu.Unlock()
	if linger {
		// Closing a connection with unread bytes resets it, and the peer may
		// never see why it was closed.
		m.wire.conn.SetReadDeadline(time.Now().Add(closeTimeout / 3))
		m.in.awaitClose()
	}
	if t, ok := m.wire.conn.(*tls.Conn); ok && orderly {
		t.CloseWrite() // else the end looks like an attacker's (RFC 8446, section 6.1)
	}
	m.kill()
	if m.conn != nil {
		m.conn.CloseNow()
	}
	m.in.release()
}

// handle takes one message from the client.
func (m *member) handle(text []byte) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil { // the server's own; a hook may have ended the goroutine
			m.room.srv.panicked(p, debug.Stack(), "", m.room.name)
		}
		m.close(1011, internalText)
	}()
	m.take(text)
	returned = true
}

// take does what a message asks for, and tells the client what was wrong with it.
func (m *member) take(text []byte) {
	var e *proto.Error
	if m.v1 {
		e = m.handleV1(text)
	} else {
		e = m.handlePlain(text)
	}
	if e == nil {
		m.errors = 0
		return
	}
	if e.Code == proto.CodeBadUTF8 && e.Fatal {
		m.close(1007, "text is not UTF-8")
		return
	}
	m.fail(e)
	if e.AtFault() {
		m.errors++
	}
	if m.errors >= maxErrors {
		m.close(1008, "too many errors")
		return
	}
	m.in.charge(frameCost + len(text))
}
