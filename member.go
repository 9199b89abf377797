package chat

import (
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// maxErrors is how many errors in a row end a connection that are the client's fault.
const maxErrors = 100

// member is one connection in a room: a cursor in the room's stream on the
// writing side, a read loop on the other.
type member struct {
	wire // guards reader, replay and start too

	// Immutable.
	room     *room
	who      User // its ID is the user's, its Name the member's
	session  string
	account  *limit.Account
	address  limit.Place
	occupant *occupant
	epoch    string // in which it takes every offset that it is told
	in       input

	reader
	replay  uint64           // the next offset to take from the log before the cursor counts; 0: none
	untold  chatlog.Position // the welcome's, if the replay's end must be told; zero once done
	start   *start           // what joining still has to do; nil once done
	replayN int              // how many entries to read for the replay next

	// Owned by the read loop.
	conn   *ws.Conn // the library's; nil while it was not needed
	cred   User     // who, with the latest credentials
	errors int      // in a row that are its fault; others in between do not count

	pauseTold, pauseEnds time.Time // when the client was told to wait, and until when

	removals []chatlog.Event // that were asked for during the handshake; guarded by Server.mu until then

	pinged time.Duration // when the last ping went out; owned by the timer

	expiry *time.Timer // of the credentials; guarded by wire.mu
}

// flush is a round's visit: it writes what the socket takes at once of what m has
// not had yet. It returns the first place of the stream that m still needs, or
// the view's end if that is lower.
func (m *member) flush(v *view, memo *memo, p *prober) (low uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.dead || m.closing && m.cursor >= m.end:
		return v.next()
	case m.start != nil || m.replay != 0:
		return 0 // it may need all there is
	case m.draining:
		if m.cursor < v.base {
			m.behindLocked(v)
			return v.next()
		}
		return min(m.cursor, v.next())
	}
	for m.cursor < v.next() {
		if m.cursor < v.base {
			m.behindLocked(v)
			return v.next()
		}
		b, next := memo.run(v, &m.reader)
		n := 0
		if len(b) > 0 {
			var err error
			if m.raw != nil {
				n, err = p.try(m.raw, b)
			}
			if err != nil {
				m.lostLocked(err)
				return v.next()
			}
		}
		from := m.cursor
		if n < len(b) {
			m.leaveOffLocked(v, n)
			memo.delivered += m.cursor - from
			m.draining = true
			go m.drain() // ends when m has caught up or the wire is dead
			return min(m.cursor, v.next())
		}
		m.cursor = next
		if len(b) > 0 {
			memo.delivered += next - from
		}
	}
	return v.next()
}

// place returns the first place of the stream that m needs. Members that the
// stream does not serve, or not yet, need nothing.
func (m *member) place() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing || m.dead || m.start != nil || m.replay != 0 {
		return math.MaxUint64
	}
	return m.cursor
}

// leaveOffLocked notes that n bytes of the run from the cursor were written.
func (m *member) leaveOffLocked(v *view, n int) {
	var rest []byte
	m.skipLocked(v)
	rest, m.cursor = v.split(m.cursor, m.enc, n)
	m.out = append(m.out, rest...)
}

// memo remembers the last run, because most members of a round get the same one.
type memo struct {
	cursor, next uint64
	enc          enc
	b            []byte
	delivered    uint64 // events, to all members so far
}

func (o *memo) run(v *view, r *reader) ([]byte, uint64) {
	if !r.public(v) {
		return v.run(r)
	}
	if o.b == nil || o.cursor != r.cursor || o.enc != r.enc {
		o.b, o.next = v.run(r)
		o.cursor, o.enc = r.cursor, r.enc
	}
	return o.b, o.next
}

// behindLocked closes a member whose place the stream does not reach back to.
func (m *member) behindLocked(v *view) {
	if m.closing || m.dead {
		return
	}
	reason := "events were lost: come back and resume" // which the room has logged
	if m.cursor >= v.reset {
		m.room.srv.stats.slow.Add(1)
		m.room.srv.logger.Later(slog.LevelInfo, "chat: member too slow", "room", m.room.name, "user", m.who.ID)
		reason = "too slow: come back and resume"
	}
	m.wire.closeLocked(1013, reason, 0, m)
	m.killer.Reset(m.timeout) // frames on their way may take as long as that
}

// drain writes what waits for m, blocking as it must, until m has caught up with
// the room. It is the only one to write meanwhile.
//
// No wake-up is lost when it ends: what is published is in the stream before a
// round looks at draining, and drain compares its cursor with the stream's end
// while it holds mu. So either the round finds draining unset and writes, or
// drain finds the new end and goes on.
func (m *member) drain() {
	for {
		if m.start != nil {
			m.begin()
		}
		v := m.room.view()
		m.mu.Lock()
		if m.writing > 0 {
			m.writing = 0
			m.signalLocked()
		}
		var b []byte
		switch {
		case m.dead:
			m.draining = false
			m.signalLocked()
			m.mu.Unlock()
			return
		case len(m.out) > 0:
			b, m.out = m.out, nil
			m.writing = len(b)
		case m.closing && m.last == nil:
			m.draining = false
			m.signalLocked()
			m.mu.Unlock()
			return
		case m.last != nil && (m.cursor >= m.end || m.cursor < v.base || time.Now().After(m.lastBy)):
			b, m.last, m.end = m.last, nil, 0
		case m.last != nil:
			v.items = v.items[:min(int(m.end-v.base), len(v.items))] // what has come since is not for m
			b = m.pieceLocked(&v)
		case m.replay != 0:
			m.mu.Unlock()
			m.replayPage()
			continue
		case m.cursor < v.base:
			m.behindLocked(&v)
		case m.untold != (chatlog.Position{}) && m.cursor >= m.live:
			b = m.replayedLocked(nil)
		case m.cursor < v.next():
			b = m.pieceLocked(&v)
		case m.cursor == m.room.next.Load():
			m.draining = false
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
		v = view{} // a member that blocks here would hold what is trimmed meanwhile
		if err := m.write(b); err != nil {
			m.mu.Lock()
			m.lostLocked(err)
			m.mu.Unlock()
		}
	}
}

// pieceLocked takes the next frames to write, not many more than a piece, so that
// a close frame need not wait for all of them, and counts them as delivered.
func (m *member) pieceLocked(v *view) []byte {
	from := m.cursor
	b, next := v.run(&m.reader)
	if len(b) > 2*writePiece {
		m.skipLocked(v)
		var rest []byte
		rest, next = v.split(m.cursor, m.enc, writePiece)
		b = b[:writePiece+len(rest)]
	}
	m.cursor = next
	m.room.srv.stats.deliveries.Add(next - from)
	return b
}

// skipLocked moves the cursor to the next item that m sees.
func (m *member) skipLocked(v *view) {
	for m.cursor < v.next() && !m.sees(&v.items[m.cursor-v.base], m.cursor) {
		m.cursor++
	}
}

// close tells the client that the connection ends, and why.
func (m *member) close(code int, reason string) {
	m.mu.Lock()
	m.closeLocked(code, reason)
	m.mu.Unlock()
}

// closeLocked has the close frame come after what the room has had until now. A replay
// is not finished for that: the client knows where it stopped.
func (m *member) closeLocked(code int, reason string) {
	end := m.room.next.Load()
	if m.start != nil || m.replay != 0 || m.cursor >= end {
		end = 0
	}
	m.wire.closeLocked(code, reason, end, m)
}

// scratch has buffers for what is written to one member and not kept.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// scrap gives a buffer back, unless it has grown large.
func scrap(b *[]byte) {
	if cap(*b) <= 4<<10 {
		scratch.Put(b)
	}
}

// send gives one object to this member alone.
func (m *member) send(object []byte) {
	b := scratch.Get().(*[]byte)
	*b = appendText((*b)[:0], object)
	m.reply(*b, m)
	scrap(b)
}

// awaitRoom waits until an answer may be made, and returns how many bytes it may
// have: all that may wait, when nothing does. A replay refills what waits without
// end, and has answers come between.
func (m *member) awaitRoom() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.out)+m.writing > 0 && m.replay == 0 && !m.closing && !m.dead {
		m.waitLocked(0)
	}
	if m.replay != 0 {
		return outLimit / 4
	}
	return outLimit
}
