package rooms

import "github.com/seed-08328bfd/chat/internal/wsconn"

// awaitLocked waits until so many bytes may be queued for m, as [wsconn.Conn.Send] does.
func (c *Many) awaitLocked(m *Member, bytes int) {
	for n := c.conn.WaitingLocked(); n > 0 && n+bytes > wsconn.OutLimit && !m.over && !c.conn.OverLocked(); n = c.conn.WaitingLocked() {
		c.conn.WaitLocked()
	}
}

// Source returns what the connection writes.
func (c *Many) Source() wsconn.Source { return (*manySource)(c) }

// manySource is a Many as the Source of its connection. Its members take turns.
//
// No wake-up is lost. A round that finds the connection draining lists a member that has
// more to get, under the connection's lock; Next ends the drain under the same lock, when
// nothing is listed. So either Next finds the member, or the round finds that there is no
// drain and writes itself. Next looks at a room's stream only in the member's turn, and
// takes the member off the list then. What the stream gets after that look, another round
// brings, which has not visited the member before: a round looks at the stream after it has
// grown, and visits each member after that look.
type manySource Many

// Begin implements [wsconn.Source].
func (s *manySource) Begin() {}

// Fetch implements [wsconn.Source]. What must be fetched, fetch does meanwhile.
func (s *manySource) Fetch() {}

// Next implements [wsconn.Source].
func (s *manySource) Next() (b []byte, then wsconn.Then) {
	c := (*Many)(s)
	for m := c.ready.pop(); m != nil; m = c.ready.pop() {
		if b = c.turn(m); len(b) > 0 {
			return b, wsconn.Again
		}
	}
	if c.conn.WaitingLocked() > 0 { // a member was ended in its turn
		return nil, wsconn.Again
	}
	return nil, wsconn.Park
}

// turn returns the next frames for m, and lists m again if there are more.
func (c *Many) turn(m *Member) (b []byte) {
	switch st := m.begin; {
	case m.over:
		if st != nil && st.frames != nil {
			st.frames, c.fetched = nil, false
			c.fetchLocked()
		}
		return nil
	case st != nil:
		b, st.frames, c.fetched = st.frames, nil, false
		c.replayedLocked(m, nil)
		c.fetchLocked()
		return b
	}
	v := m.room.view()
	if b = m.turn(&v); !m.over && (m.Cursor < v.Next() || m.unsentPosition != 0) {
		c.ready.push(m)
	}
	return b
}

// replayedLocked gives m the frames that were read for its replay, and lists m for what it
// needs next.
func (c *Many) replayedLocked(m *Member, frames []byte) {
	st := m.begin
	switch {
	case m.over:
		return
	case len(frames) > 0:
		st.frames, c.fetched = frames, true
		c.ready.push(m)
	case st.replayFrom != 0:
		c.fetching.push(m)
		c.fetchLocked()
	default:
		m.begin = nil
		c.ready.push(m)
	}
	c.conn.DrainLocked(nil)
}

// fetchLocked starts the goroutine that reads for the members whose replay is not over,
// unless what it has read last still waits. So the frames of one turn at most wait, for all
// of them together.
func (c *Many) fetchLocked() {
	if !c.fetches && !c.fetched && !c.fetching.empty() {
		c.fetches = true
		go c.fetch() // ends when it has read something, or nothing is left to read
	}
}

// fetch reads for the members whose replay is not over, in turns.
func (c *Many) fetch() {
	through := false
	defer func() {
		if !through { // the log has ended the goroutine
			c.conn.Kill()
		}
	}()
	for {
		c.conn.Lock()
		m := c.fetching.pop()
		for m != nil && m.over {
			m = c.fetching.pop()
		}
		if through = m == nil || c.conn.OverLocked(); through {
			c.fetches = false
			c.conn.Unlock()
			return
		}
		c.conn.Unlock()
		m.replayPage()
		c.conn.Lock()
		if through = c.fetched; through {
			c.fetches = false
			c.conn.Unlock()
			return
		}
		c.conn.Unlock()
	}
}

// Owes implements [wsconn.Source].
func (s *manySource) Owes() bool {
	for s.ready.pop() != nil {
	}
	for _, m := range s.members {
		if m.owes() {
			s.ready.push(m)
		}
	}
	return !s.ready.empty()
}

// Rest implements [wsconn.Source].
func (s *manySource) Rest() []byte {
	for m := s.ready.pop(); m != nil; m = s.ready.pop() {
		if m.over || m.begin != nil {
			continue
		}
		b := m.rest()
		if m.Cursor < m.owedEnd && len(b) > 0 {
			s.ready.push(m)
		}
		if len(b) > 0 {
			return b
		}
	}
	return nil
}

// memberList is a list of members, each of which is in one list of its Many at most.
type memberList struct{ first, last *Member }

func (l *memberList) empty() bool { return l.first == nil }

// push adds m at the end, unless it is in a list.
func (l *memberList) push(m *Member) {
	if m.listed {
		return
	}
	m.listed = true
	if l.first == nil {
		l.first = m
	} else {
		l.last.next = m
	}
	l.last = m
}

// pop removes and returns the first member; nil if there is none.
func (l *memberList) pop() *Member {
	m := l.first
	if m != nil {
		l.first, m.next, m.listed = m.next, nil, false
	}
	return m
}
