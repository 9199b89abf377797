package rooms

import (
	"log/slog"
	"math"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A Member is one connection's place in one room: a cursor in the room's stream. It is
// the Source of its connection. The zero Member is ready for Set.Join, once.
type Member struct {
	// Immutable once it has joined.
	conn     *wsconn.Conn
	room     *room
	occupant *occupant
	greeter  Greeter
	name     string // what people see
	epoch    string // in which it takes every offset that it is told

	// Guarded by the connection's lock.
	stream.Reader
	end     uint64           // the place that Owes has noted
	replay  uint64           // the next offset to take from the log before the cursor counts; 0: none
	replayN int              // how many entries to read for the replay next
	untold  chatlog.Position // the welcome's, if the replay's end must be told; zero once done
	start   *start           // what joining still has to do; nil once done
}

// Room returns the name of the room that m has joined, and the epoch of every offset
// that m is told.
func (m *Member) Room() (name, epoch string) { return m.room.name, m.epoch }

// flush is a round's visit: it writes what the socket takes without blocking of what m
// has not had yet. It returns the first place of the stream that m still needs, or
// the view's end if that is lower.
func (m *Member) flush(v *stream.View, memo *memo, p *wsconn.Prober) (low uint64) {
	c := m.conn
	c.Lock()
	defer c.Unlock()
	_, closing := c.ClosingLocked()
	switch {
	case c.DeadLocked() || closing && m.Cursor >= m.end:
		return v.Next()
	case m.start != nil || m.replay != 0:
		return 0 // it may need all there is
	case c.DrainingLocked():
		if m.Cursor < v.Base {
			m.behindLocked(v)
			return v.Next()
		}
		return min(m.Cursor, v.Next())
	}
	for m.Cursor < v.Next() {
		if m.Cursor < v.Base {
			m.behindLocked(v)
			return v.Next()
		}
		b, next := memo.run(v, &m.Reader)
		n := 0
		if len(b) > 0 {
			var err error
			if n, err = c.TryLocked(p, b); err != nil {
				c.LostLocked(err)
				return v.Next()
			}
		}
		from := m.Cursor
		if n < len(b) {
			rest := m.leaveOff(v, n)
			memo.delivered += m.Cursor - from
			c.DrainLocked(rest)
			return min(m.Cursor, v.Next())
		}
		m.Cursor = next
		if len(b) > 0 {
			memo.delivered += next - from
		}
	}
	return v.Next()
}

// place returns the first place of the stream that m needs. Members that the
// stream does not serve, or not yet, need nothing.
func (m *Member) place() uint64 {
	m.conn.Lock()
	defer m.conn.Unlock()
	if _, closing := m.conn.ClosingLocked(); closing || m.conn.DeadLocked() || m.start != nil || m.replay != 0 {
		return math.MaxUint64
	}
	return m.Cursor
}

// leaveOff notes that n bytes of the run from the cursor were written, and returns what
// is left of the frame in which they end.
func (m *Member) leaveOff(v *stream.View, n int) (rest []byte) {
	m.skip(v)
	rest, m.Cursor = v.Split(m.Cursor, m.Enc, n)
	return rest
}

// memo remembers the last run, because most members of a round get the same one.
type memo struct {
	cursor, next uint64
	enc          stream.Enc
	b            []byte
	delivered    uint64 // events, to all members so far
}

func (o *memo) run(v *stream.View, r *stream.Reader) ([]byte, uint64) {
	if !r.Public(v) {
		return v.Run(r)
	}
	if o.b == nil || o.cursor != r.Cursor || o.enc != r.Enc {
		o.b, o.next = v.Run(r)
		o.cursor, o.enc = r.Cursor, r.Enc
	}
	return o.b, o.next
}

// behindLocked closes a member whose place the stream does not reach back to.
func (m *Member) behindLocked(v *stream.View) {
	if _, closing := m.conn.ClosingLocked(); closing || m.conn.DeadLocked() {
		return
	}
	reason := "events were lost: come back and resume" // which the room has logged
	if m.Cursor >= v.Reset {
		set := m.room.set
		set.counters.Slow.Add(1)
		set.cfg.Logger.Later(slog.LevelInfo, "chat: member too slow", "room", m.room.name, "user", m.User)
		reason = "too slow: come back and resume"
	}
	m.conn.CloseLocked(proto.CloseTryAgain, reason)
}

// Next implements [wsconn.Source].
func (m *Member) Next() (b []byte, then wsconn.Then) {
	if m.replay != 0 {
		return nil, wsconn.Fetch
	}
	v := m.room.view()
	switch {
	case m.Cursor < v.Base:
		m.behindLocked(&v)
	case m.untold != (chatlog.Position{}) && m.Cursor >= m.Live:
		b = m.replayed(nil)
	case m.Cursor < v.Next():
		b = m.piece(&v)
	case m.Cursor == m.room.next.Load():
		then = wsconn.Park
	}
	return b, then
}

// Fetch implements [wsconn.Source].
func (m *Member) Fetch() { m.replayPage() }

// Owes implements [wsconn.Source]. A replay is not finished for a close: the client
// knows where it stopped.
func (m *Member) Owes() bool {
	if m.room == nil || m.start != nil || m.replay != 0 {
		return false
	}
	end := m.room.next.Load()
	if m.Cursor >= end {
		return false
	}
	m.end = end
	return true
}

// Rest implements [wsconn.Source].
func (m *Member) Rest() []byte {
	v := m.room.view()
	if m.Cursor >= m.end || m.Cursor < v.Base {
		return nil
	}
	v.Items = v.Items[:min(int(m.end-v.Base), len(v.Items))] // what has come since is not for m
	if b := m.piece(&v); len(b) > 0 {
		return b
	}
	return nil
}

// piece takes the next frames to write, not many more than a wsconn.Piece, so that
// a close frame need not wait for all of them, and counts them as delivered.
func (m *Member) piece(v *stream.View) []byte {
	from := m.Cursor
	b, next := v.Run(&m.Reader)
	if len(b) > 2*wsconn.Piece {
		m.skip(v)
		var rest []byte
		rest, next = v.Split(m.Cursor, m.Enc, wsconn.Piece)
		b = b[:wsconn.Piece+len(rest)]
	}
	m.Cursor = next
	m.room.set.counters.Deliveries.Add(next - from)
	return b
}

// skip moves the cursor to the next item that m sees.
func (m *Member) skip(v *stream.View) {
	for m.Cursor < v.Next() && !m.Sees(&v.Items[m.Cursor-v.Base], m.Cursor) {
		m.Cursor++
	}
}

// AwaitRoom waits until an answer may be made, and returns how many bytes it may have:
// all that may wait, when nothing does. A replay refills what waits without end, and has
// answers come between.
func (m *Member) AwaitRoom() int {
	c := m.conn
	c.Lock()
	defer c.Unlock()
	for c.WaitingLocked() > 0 && m.replay == 0 && !c.OverLocked() {
		c.WaitLocked()
	}
	if m.replay != 0 {
		return wsconn.OutLimit / 4
	}
	return wsconn.OutLimit
}

// Typing shows the others that m's user is typing, unless they were told a moment ago or
// the room has more to do.
func (m *Member) Typing() {
	r, now := m.room, time.Now()
	r.mu.Lock()
	early := now.Sub(m.occupant.typing) < proto.TypingPause
	if !early {
		m.occupant.typing = now
	}
	r.mu.Unlock()
	if early || r.busy() {
		return
	}
	r.set.log.Signal(r.set.life.ctx, r.name, chatlog.Event{Type: chatlog.TypeTyping, Time: now, UserID: m.User, Username: m.name})
}
