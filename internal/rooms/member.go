package rooms

import (
	"log/slog"
	"math"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A Member is one connection's place in one room: a cursor in the room's stream. It is the
// Source of its connection. A zero Member can join once.
type Member struct {
	// Immutable once it has joined.
	conn    *wsconn.Conn
	room    *room
	user    *localUser
	greeter Greeter
	name    string // what people see
	epoch   string // the epoch of every offset that the client is told

	// Guarded by the connection's lock.
	stream.Reader
	owedEnd        uint64           // the place that Owes has noted
	replayFrom     uint64           // the next offset to take from the log before the cursor counts; 0: none
	replayEnd      uint64           // what is replayed are messages as they are now, up to this offset; 0: entries
	replayLimit    int              // how many entries to read for the replay next
	unsentPosition chatlog.Position // the welcome's, if the replay's end must be told; zero once done
	pending        *pendingJoin     // what joining still has to do; nil once done
}

// Epoch returns the epoch of every offset that m is told.
func (m *Member) Epoch() string { return m.epoch }

// flush is a round's visit: it writes the items that m has not got yet, as far as the
// socket accepts them without blocking. It returns the first place of the stream that m
// still needs, or the view's end if that is lower.
func (m *Member) flush(v *stream.View, memo *lastRun, p *wsconn.Prober) (low uint64) {
	c := m.conn
	c.Lock()
	defer c.Unlock()
	_, closing := c.ClosingLocked()
	switch {
	case c.DeadLocked() || closing && m.Cursor >= m.owedEnd:
		return v.Next()
	case m.pending != nil || m.replayFrom != 0:
		return 0 // it may need every item
	case c.DrainingLocked():
		if m.Cursor < v.Base {
			m.closeBehindLocked(v)
			return v.Next()
		}
		return min(m.Cursor, v.Next())
	}
	for m.Cursor < v.Next() {
		if m.Cursor < v.Base {
			m.closeBehindLocked(v)
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
			rest := m.advancePartly(v, n)
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

// neededFrom returns the first place of the stream that m needs. A member that does not
// read the stream now needs nothing.
func (m *Member) neededFrom() uint64 {
	m.conn.Lock()
	defer m.conn.Unlock()
	if _, closing := m.conn.ClosingLocked(); closing || m.conn.DeadLocked() || m.pending != nil || m.replayFrom != 0 {
		return math.MaxUint64
	}
	return m.Cursor
}

// advancePartly notes that n bytes of the run from the cursor were written, and returns what
// is left of the frame in which they end.
func (m *Member) advancePartly(v *stream.View, n int) (rest []byte) {
	m.skipUnseen(v)
	rest, m.Cursor = v.Split(m.Cursor, m.Enc, n)
	return rest
}

// lastRun caches a run, because most members of a round get the same one.
type lastRun struct {
	cursor, next uint64
	enc          stream.Enc
	b            []byte
	delivered    uint64 // events, to all members so far
}

func (o *lastRun) run(v *stream.View, r *stream.Reader) ([]byte, uint64) {
	if !r.Public(v) {
		return v.Run(r)
	}
	if o.b == nil || o.cursor != r.Cursor || o.enc != r.Enc {
		o.b, o.next = v.Run(r)
		o.cursor, o.enc = r.Cursor, r.Enc
	}
	return o.b, o.next
}

// closeBehindLocked closes a member whose cursor is before the stream's first item.
func (m *Member) closeBehindLocked(v *stream.View) {
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
	if m.replayFrom != 0 {
		return nil, wsconn.Fetch
	}
	v := m.room.view()
	switch {
	case m.Cursor < v.Base:
		m.closeBehindLocked(&v)
	case m.unsentPosition != (chatlog.Position{}) && m.Cursor >= m.Live:
		b = m.appendReplayEnd(nil)
	case m.Cursor < v.Next():
		b = m.nextPiece(&v)
	case m.Cursor == m.room.streamEnd.Load():
		then = wsconn.Park
	}
	return b, then
}

// Fetch implements [wsconn.Source].
func (m *Member) Fetch() { m.replayPage() }

// Owes implements [wsconn.Source]. A replay is not completed before a close: the client
// knows where it has stopped.
func (m *Member) Owes() bool {
	if m.room == nil || m.pending != nil || m.replayFrom != 0 {
		return false
	}
	end := m.room.streamEnd.Load()
	if m.Cursor >= end {
		return false
	}
	m.owedEnd = end
	return true
}

// Rest implements [wsconn.Source].
func (m *Member) Rest() []byte {
	v := m.room.view()
	if m.Cursor >= m.owedEnd || m.Cursor < v.Base {
		return nil
	}
	v.Items = v.Items[:min(int(m.owedEnd-v.Base), len(v.Items))] // later items are not for m
	if b := m.nextPiece(&v); len(b) > 0 {
		return b
	}
	return nil
}

// nextPiece returns the next frames to write and counts them as delivered. It returns not
// much more than a wsconn.Piece, so that a close frame need not wait for everything.
func (m *Member) nextPiece(v *stream.View) []byte {
	from := m.Cursor
	b, next := v.Run(&m.Reader)
	if len(b) > 2*wsconn.Piece {
		m.skipUnseen(v)
		var rest []byte
		rest, next = v.Split(m.Cursor, m.Enc, wsconn.Piece)
		b = b[:wsconn.Piece+len(rest)]
	}
	m.Cursor = next
	m.room.set.counters.Deliveries.Add(next - from)
	return b
}

// skipUnseen moves the cursor to the next item that m sees.
func (m *Member) skipUnseen(v *stream.View) {
	for m.Cursor < v.Next() && !m.Sees(&v.Items[m.Cursor-v.Base], m.Cursor) {
		m.Cursor++
	}
}

// AwaitRoom waits until an answer may be queued, and returns its largest size in bytes.
// Without a replay it waits until nothing is queued. During a replay something is always
// queued, so it does not wait, and the answer must be smaller.
func (m *Member) AwaitRoom() int {
	c := m.conn
	c.Lock()
	defer c.Unlock()
	for c.WaitingLocked() > 0 && m.replayFrom == 0 && !c.OverLocked() {
		c.WaitLocked()
	}
	if m.replayFrom != 0 {
		return wsconn.OutLimit / 4
	}
	return wsconn.OutLimit
}
