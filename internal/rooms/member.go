package rooms

import (
	"log/slog"
	"math"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A link is one connection as the rooms know it. It never changes.
type link struct {
	stream.Identity
	conn *wsconn.Conn
	many *Many  // nil for a connection of one room
	name string // what people see
}

// A Member is one connection's place in one room: a cursor in the room's stream. A zero Member can join once.
type Member struct {
	// Immutable once it has joined.
	link  *link
	room  *room
	user  *localUser
	epoch string // the epoch of every offset that the client is told

	// Guarded by the connection's lock.
	stream.Reader
	owedEnd        uint64     // the place that Owes has noted
	unsentPosition uint64     // the offset in the welcome, if the replay's end must be told; 0 once done
	begin          *beginning // what it still has to get before the stream; nil once done
	next           *Member    // in a list of a Many
	listed         bool       // it is in one
	over           bool       // its Many has ended it: nothing more is for it
}

// Epoch returns the epoch of every offset that m is told.
func (m *Member) Epoch() string { return m.epoch }

// flush is a round's visit: it writes the items that m has not got yet, as far as the
// socket accepts them without blocking. It returns the first place of the stream that m
// still needs, or the view's end if that is lower.
func (m *Member) flush(v *stream.View, memo *lastRun, p *wsconn.Prober) (low uint64) {
	c := m.link.conn
	c.Lock()
	defer c.Unlock()
	_, closing := c.ClosingLocked()
	switch {
	case m.over || c.DeadLocked() || closing && m.Cursor >= m.owedEnd:
		return v.Next()
	case m.begin != nil:
		memo.joining = true // it may need every entry
		return min(m.Live, v.Next())
	case c.DrainingLocked():
		if m.Cursor < v.Base {
			m.behindLocked(v)
			return v.Next()
		}
		m.readyLocked()
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
			rest := m.advancePartly(v, n)
			memo.delivered += m.Cursor - from
			m.readyLocked()
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
	c := m.link.conn
	c.Lock()
	defer c.Unlock()
	if m.over || c.OverLocked() || m.begin != nil {
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
	joining      bool   // one of the members has not begun to read the stream
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

// behindLocked ends a member whose cursor is before the stream's first item.
func (m *Member) behindLocked(v *stream.View) {
	if m.link.conn.OverLocked() {
		return
	}
	reason := "events were lost: come back and resume" // which the room has logged
	if m.Cursor >= v.Reset {
		set := m.room.set
		set.counters.slow.Add(1)
		set.cfg.Logger.Later(slog.LevelInfo, "chat: member too slow", "room", m.room.name, "user", m.User)
		reason = "too slow: come back and resume"
	}
	m.loseLocked(reason)
}

// loseLocked ends a member that cannot go on and is to come back: one of a Many alone,
// another one with its connection.
func (m *Member) loseLocked(reason string) {
	if many := m.link.many; many != nil {
		many.loseLocked(m, reason)
		return
	}
	m.link.conn.CloseLocked(proto.CloseTryAgain, reason)
}

// readyLocked notes that m has more to get from its connection's drain. A connection of one
// room asks its only member anyway.
func (m *Member) readyLocked() {
	if many := m.link.many; many != nil {
		many.ready.push(m)
	}
}

// Source returns what m's connection writes, unless m is one of a Many. The connection may
// be given it before m joins.
func (m *Member) Source() wsconn.Source { return source{m} }

// source is a Member as the Source of its connection.
type source struct{ *Member }

// Begin implements [wsconn.Source].
func (m source) Begin() { m.start() }

// Next implements [wsconn.Source].
func (m source) Next() (b []byte, then wsconn.Then) {
	if m.begin != nil {
		return nil, wsconn.Fetch
	}
	v := m.room.view()
	if b = m.turn(&v); len(b) == 0 && m.unsentPosition == 0 && m.Cursor == m.room.streamEnd.Load() {
		then = wsconn.Park
	}
	return b, then
}

// turn returns the next frames for m, of what the stream holds.
func (m *Member) turn(v *stream.View) []byte {
	switch {
	case m.Cursor < v.Base:
		m.behindLocked(v)
	case m.unsentPosition != 0 && m.Cursor >= m.Live:
		return m.appendReplayEnd(nil)
	case m.Cursor < v.Next():
		m.untilLive(v)
		return m.nextPiece(v)
	}
	return nil
}

// Fetch implements [wsconn.Source].
func (m source) Fetch() { m.replayPage() }

// Owes implements [wsconn.Source].
func (m source) Owes() bool { return m.owes() }

// Rest implements [wsconn.Source].
func (m source) Rest() []byte { return m.rest() }

// owes is Owes of a wsconn.Source. A replay is not completed before a close: the client
// knows where it has stopped.
func (m *Member) owes() bool {
	if m.begin != nil || m.room == nil {
		return false
	}
	end := m.room.streamEnd.Load()
	if m.Cursor >= end {
		return false
	}
	m.owedEnd = end
	return true
}

// rest is Rest of a wsconn.Source.
func (m *Member) rest() []byte {
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
// much more than a wsconn.Piece, so that a close frame need not wait for everything. The
// members of a Many take turns, and get no more than a Piece in each, or one larger frame.
func (m *Member) nextPiece(v *stream.View) []byte {
	from := m.Cursor
	b, next := v.Run(&m.Reader)
	switch {
	case m.link.many != nil && len(b) > wsconn.Piece:
		m.skipUnseen(v)
		var n int
		n, next = v.Whole(m.Cursor, m.Enc, wsconn.Piece)
		b = b[:n]
	case len(b) > 2*wsconn.Piece:
		m.skipUnseen(v)
		var rest []byte
		rest, next = v.Split(m.Cursor, m.Enc, wsconn.Piece)
		b = b[:wsconn.Piece+len(rest)]
	}
	m.Cursor = next
	m.room.set.counters.deliveries.Add(next - from)
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
	c := m.link.conn
	c.Lock()
	defer c.Unlock()
	replaying := func() bool { return m.link.many == nil && m.begin != nil && m.begin.replayFrom != 0 }
	for c.WaitingLocked() > 0 && !replaying() && !c.OverLocked() {
		c.WaitLocked()
	}
	if replaying() {
		return wsconn.OutLimit / 4
	}
	return wsconn.OutLimit
}
