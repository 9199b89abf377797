package client

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// readPause is the least time between two markers on one connection.
const readPause = 500 * time.Millisecond

// The server does not answer markers and signals, unless it refuses them: by these ids.
const (
	readID   = "client.read"
	signalID = "client.signal"
)

// notices are what the server does not acknowledge. Guarded by Conn.mu.
type notices struct {
	typing  typing
	read    marker
	signals signals
	// refused are the server's refusals by the id of the object: one that is for good
	// holds for the connection, any other is the result of the next call.
	refused map[string]*Error
}

// typing is the notice that the user is typing.
type typing struct {
	due  bool      // the writer is to send one
	last time.Time // when Typing last asked for one
}

// marker is how far the user has read.
type marker struct {
	epoch string    // that the offsets are of
	want  uint64    // what the program has said
	sent  uint64    // what the server knows, or has been told on this connection
	next  time.Time // no earlier is the next one sent
}

// object returns what is to be sent, and marks it as sent, or nil.
func (m *marker) object() []byte {
	if m.want <= m.sent {
		return nil
	}
	m.sent = m.want
	return (&sentObject{Type: chat.TypeRead, ID: readID, Offset: m.want}).encode()
}

// signals are bounded by the rate at which a server passes them on.
type signals struct {
	due    [][]byte
	spent  float64 // of proto.SignalsPerSecond
	filled time.Time
}

// take takes the turn of a signal, or returns the time until there is one.
func (s *signals) take(now time.Time) (wait time.Duration) {
	s.spent = max(0, s.spent-proto.SignalsPerSecond*now.Sub(s.filled).Seconds())
	s.filled = now
	if over := s.spent + 1 - proto.SignalsPerSecond; over > 0 {
		return time.Duration(over / proto.SignalsPerSecond * float64(time.Second))
	}
	s.spent++
	return 0
}

// opened begins a connection with the welcome w. What was due on the last one is not sent,
// but for a marker that the server does not know.
func (n *notices) opened(w *Welcome, plain bool) {
	n.typing.due, n.signals.due, n.refused = false, nil, nil
	if n.read.epoch != w.Position.Epoch {
		n.read.want = 0 // offsets of another epoch do not compare
	}
	if n.read.sent = w.Read; plain {
		n.read.sent = n.read.want // it would not know what to do with it
	}
}

// next returns an object that is due, or nil and when to ask again if that is not zero.
func (n *notices) next(now time.Time) (b []byte, at time.Time) {
	if n.typing.due {
		n.typing.due = false
		return typingObject, at
	}
	if len(n.signals.due) > 0 {
		b, n.signals.due = n.signals.due[0], n.signals.due[1:]
		return b, at
	}
	if n.read.want <= n.read.sent {
		return nil, at
	}
	if now.Before(n.read.next) {
		return nil, n.read.next
	}
	n.read.next = now.Add(readPause)
	return n.read.object(), at
}

// refuse notes the server's refusal of a marker or a signal.
func (n *notices) refuse(id string, e *Error) {
	if n.refused == nil {
		n.refused = map[string]*Error{}
	}
	n.refused[id] = e
}

// refusal returns the refusal that a call is to return, or nil.
func (n *notices) refusal(id string) error {
	e := n.refused[id]
	if e == nil {
		return nil
	}
	if e.Code != CodeUnsupported && e.Code != CodeUnknownType {
		delete(n.refused, id)
	}
	return e
}

// Typing shows the others in the room that the user is typing. It does not wait. Calls
// within two seconds of the last notice, or while there is no connection, do nothing. The
// error is that of ctx or the reason why the Conn has ended.
func (c *Conn) Typing(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.err == nil && c.link != nil && now.Sub(c.notices.typing.last) >= proto.TypingPause {
		c.notices.typing = typing{due: true, last: now}
		c.nudge()
	}
	return c.err
}

// MarkRead says that the user has read the room up to offset, that of an event which
// [Conn.Events] has yielded. The server keeps the greatest, and tells the user's other
// connections, which get a TypeRead. MarkRead does not wait: markers are sent at most twice
// a second, the latest at last, and again on the next connection if the server does not
// have it by then. After a new epoch of the log, earlier offsets are forgotten.
//
// The error is that of ctx, the reason why the Conn has ended, or an [Error] with which the
// server has refused an earlier marker: with [CodeUnsupported] or [CodeUnknownType] it
// cannot keep markers, and is sent no more of them on this connection.
func (c *Conn) MarkRead(ctx context.Context, offset uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.noticeLocked(chat.TypeRead, readID); err != nil {
		return err
	}
	epoch := c.place.shown
	if epoch == "" || c.cfg.buffer.noEvents {
		epoch = c.self.welcome.Position.Epoch
	}
	m := &c.notices.read
	switch {
	case epoch != c.self.welcome.Position.Epoch:
		return nil // the server has begun anew, and the program is about to learn of it
	case m.epoch != epoch:
		m.epoch, m.want = epoch, offset
	default:
		m.want = max(m.want, offset)
	}
	c.nudge()
	return nil
}

// Signal sends the others in the room a signal that the application gives a meaning, at
// most once: it is not stored, and lost if there is no connection. They get a TypeSignal.
// name has 1 to 32 of a-z, 0-9, '.', '_' and '-'; data is one JSON object of at most
// Limits.DataBytes, or nil. Signal does not wait.
//
// The error is that of ctx, the reason why the Conn has ended, or an [Error]: with
// [CodeRateLimited] for more than 20 a second, or with which the server has refused an
// earlier signal. A server with [CodeUnsupported] or [CodeUnknownType] passes none on, and
// is sent no more of them on this connection.
func (c *Conn) Signal(ctx context.Context, name string, data json.RawMessage) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !proto.IsSignalName(name) {
		return &Error{Code: CodeBadRequest, Message: fmt.Sprintf("a signal has a name of 1 to %d of a-z, 0-9, '.', '_' and '-'", proto.MaxName)}
	}
	if len(data) == 0 {
		data = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.noticeLocked(chat.TypeSignal, signalID); err != nil {
		return err
	}
	if err := checkData(data, c.self.welcome.Limits); err != nil {
		return err
	}
	if wait := c.notices.signals.take(time.Now()); wait > 0 {
		return &Error{Code: CodeRateLimited, Message: "too many signals: wait a little", RetryAfter: wait}
	}
	if c.link != nil {
		o := sentObject{Type: chat.TypeSignal, ID: signalID, Name: name, Data: data}
		c.notices.signals.due = append(c.notices.signals.due, o.encode())
		c.nudge()
	}
	return nil
}

// noticeLocked returns why no notice of this type is sent, or nil.
func (c *Conn) noticeLocked(typ chatlog.Type, id string) error {
	switch {
	case c.err != nil:
		return c.err
	case c.out.plain:
		return unknownType(typ)
	}
	return c.notices.refusal(id)
}
