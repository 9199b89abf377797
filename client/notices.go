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

// readPause is the least time between two markers of one room on one connection.
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
	signals [][]byte // due
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

// marker returns the marker that is to be sent, and marks it as sent, or nil.
func (r *Room) marker() []byte {
	m := &r.notices.read
	if m.want <= m.sent {
		return nil
	}
	m.sent = m.want
	return r.encodeLocked(&sentObject{Type: chat.TypeRead, ID: readID, Offset: m.want})
}

// turns bound the signals of all rooms by the rate at which a server passes them on. Guarded
// by Conn.mu.
type turns struct {
	spent  float64 // of proto.SignalsPerSecond
	filled time.Time
}

// take takes the turn of a signal, or returns the time until there is one.
func (s *turns) take(now time.Time) (wait time.Duration) {
	s.spent = max(0, s.spent-proto.SignalsPerSecond*now.Sub(s.filled).Seconds())
	s.filled = now
	if over := s.spent + 1 - proto.SignalsPerSecond; over > 0 {
		return time.Duration(over / proto.SignalsPerSecond * float64(time.Second))
	}
	s.spent++
	return 0
}

// lost ends a visit. What was due is not sent in the next, but for a marker that the server
// does not know.
func (n *notices) lost() { n.typing.due, n.signals = false, nil }

// opened begins a visit with the welcome w.
func (n *notices) opened(w *Welcome, plain bool) {
	n.lost()
	n.refused = nil
	if n.read.epoch != w.Position.Epoch {
		n.read.want = 0 // offsets of another epoch do not compare
	}
	if n.read.sent = w.Read; plain {
		n.read.sent = n.read.want // it would not know what to do with it
	}
}

// notice returns a notice of the room that is due, or nil and when to ask again if that is not
// zero.
func (r *Room) notice(now time.Time) (b []byte, at time.Time) {
	n := &r.notices
	if r.visit.state != inside {
		return nil, at
	}
	if n.typing.due {
		n.typing.due = false
		return r.encodeLocked(&sentObject{Type: chat.TypeTyping}), at
	}
	if len(n.signals) > 0 {
		b, n.signals = n.signals[0], n.signals[1:]
		return b, at
	}
	if n.read.want <= n.read.sent {
		return nil, at
	}
	if now.Before(n.read.next) {
		return nil, n.read.next
	}
	n.read.next = now.Add(readPause)
	return r.marker(), at
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
// within two seconds of the last notice, or while the user is not in the room, do nothing. The
// error is that of ctx or the reason why the Room has ended.
func (r *Room) Typing(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); r.err == nil && r.visit.state == inside && now.Sub(r.notices.typing.last) >= proto.TypingPause {
		r.notices.typing = typing{due: true, last: now}
		c.nudge()
	}
	return r.err
}

// MarkRead says that the user has read the room up to offset, that of an event which
// [Room.Events] has yielded. The server keeps the greatest, and tells the user's other
// connections, which get a TypeRead. MarkRead does not wait: markers are sent at most twice
// a second, the latest at last, and again on the next connection if the server does not
// have it by then. After a new epoch of the log, earlier offsets are forgotten.
//
// The error is that of ctx, the reason why the Room has ended, or an [Error] with which the
// server has refused an earlier marker: with [CodeUnsupported] or [CodeUnknownType] it
// cannot keep markers, and is sent no more of them on this connection.
func (r *Room) MarkRead(ctx context.Context, offset uint64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := r.noticeLocked(chat.TypeRead, readID); err != nil {
		return err
	}
	epoch := r.place.shown
	if epoch == "" || r.cfg.buffer.noEvents {
		epoch = r.welcome.Position.Epoch
	}
	m := &r.notices.read
	switch {
	case epoch != r.welcome.Position.Epoch:
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
// most once: it is not stored, and lost while the user is not in the room. They get a TypeSignal.
// name has 1 to 32 of a-z, 0-9, '.', '_' and '-'; data is one JSON object of at most
// Limits.DataBytes, or nil. Signal does not wait.
//
// The error is that of ctx, the reason why the Room has ended, or an [Error]: with
// [CodeRateLimited] for more than 20 a second, over all rooms of the connection, or with which the server has refused an
// earlier signal. A server with [CodeUnsupported] or [CodeUnknownType] passes none on, and
// is sent no more of them on this connection.
func (r *Room) Signal(ctx context.Context, name string, data json.RawMessage) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !proto.IsSignalName(name) {
		return &Error{Code: CodeBadRequest, Message: fmt.Sprintf("a signal has a name of 1 to %d of a-z, 0-9, '.', '_' and '-'", proto.MaxName)}
	}
	if len(data) == 0 {
		data = nil
	}
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := r.noticeLocked(chat.TypeSignal, signalID); err != nil {
		return err
	}
	if err := checkData(data, r.welcome.Limits); err != nil {
		return err
	}
	if wait := c.signals.take(time.Now()); wait > 0 {
		return &Error{Code: CodeRateLimited, Message: "too many signals: wait a little", RetryAfter: wait}
	}
	if r.visit.state == inside {
		o := sentObject{Type: chat.TypeSignal, ID: signalID, Name: name, Data: data}
		r.notices.signals = append(r.notices.signals, r.encodeLocked(&o))
		c.nudge()
	}
	return nil
}

// noticeLocked returns why no notice of this type is sent, or nil.
func (r *Room) noticeLocked(typ chatlog.Type, id string) error {
	switch {
	case r.err != nil:
		return r.err
	case r.c.out.plain:
		return unknownType(typ)
	}
	return r.notices.refusal(id)
}
