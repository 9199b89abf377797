package rooms

import (
	"context"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A Joining says who joins a room, over which connection, and from where on.
type Joining struct {
	Conn     *wsconn.Conn
	Greeter  Greeter
	UserID   string
	Username string           // what people see
	V1       bool             // the client speaks chat.v1
	Deflate  bool             // it takes compressed messages
	Since    chatlog.Position // what the client has seen; zero if it has seen nothing
}

// A Greeter gives the first frames that a member gets, before its history.
type Greeter interface {
	Greet(g *Greeting) (frames []byte)
}

// A Greeting is what a member is told of the room first.
type Greeting struct {
	At      chatlog.Position // the room's last place when the member became one of it
	Resumed bool             // everything after what the client has seen follows
	Gap     bool             // it does not, though the client has seen something
	Members []chatlog.Member // whom members had been told of there; chat.v1 only
	Count   int              // how many users those are
}

// start is what joining still has to do for a member.
type start struct {
	since    chatlog.Position
	greeting Greeting
}

// Join makes m a member of the room called name. Who was not announced yet is in no list
// but its own. After an error m has left no trace; else Leave undoes all of this.
func (s *Set) Join(ctx context.Context, name string, m *Member, j Joining) (err error) {
	m.conn, m.greeter, m.name = j.Conn, j.Greeter, j.Username
	m.User, m.V1 = j.UserID, j.V1
	if j.Deflate {
		m.Enc = stream.Deflated
	}
	r, err := s.acquire(ctx, name)
	if err != nil {
		return err
	}
	joined := false
	defer func() { // even if what is called ends the goroutine
		if joined {
			return
		}
		if m.occupant != nil {
			r.vacate(m.occupant, m.name, 0)
		}
		s.release(r)
		m.room = nil
	}()
	m.room = r
	if m.occupant, err = r.occupy(j.UserID, j.Username); err != nil {
		return err
	}
	if err := r.enter(ctx, m.occupant); err != nil {
		return s.log.Unavailable(err)
	}
	r.catchUp(ctx, j.Since)
	m.start = &start{since: j.Since}
	r.enlist(m)
	joined = true
	return nil
}

// enlist makes m a member of the room. What comes into the room from now on is live
// for it; what came before is Begin's to give, which its connection calls before anything
// else.
func (r *room) enlist(m *Member) {
	r.mu.Lock()
	m.Cursor = r.stream.Next()
	m.Live = m.Cursor
	g := &m.start.greeting
	g.At = r.placeLocked()
	m.epoch = r.epoch
	if m.V1 {
		g.Members, g.Count = r.roster.members(m.occupant, proto.MaxListed)
	}
	m.occupant.name = m.name // though others may have come since occupy
	r.addLocked(m)
	r.mu.Unlock()
}

// Announce has everybody told that m's user has come: now that the connection is in
// hand. A room hears nothing of one that never is.
func (m *Member) Announce() { m.room.joined(m.occupant) }

// Leave takes m out of its room. clean says that the client meant to go; else, in
// chat.v1, it may come back unnoticed for a while.
func (m *Member) Leave(clean bool) {
	r := m.room
	r.mu.Lock()
	r.removeLocked(m)
	r.mu.Unlock()
	grace := r.set.cfg.Times.Grace
	if clean || !m.V1 || r.set.life.closing.Load() {
		grace = 0
	}
	r.vacate(m.occupant, m.name, grace)
	r.set.release(r)
}

// catchUp reads the log if since is beyond what this server has of the room, or in
// another epoch: who comes from another server may be ahead of this one.
func (r *room) catchUp(ctx context.Context, since chatlog.Position) {
	for first := true; ; first = false {
		at := r.position()
		if since == (chatlog.Position{}) || since.Epoch == at.Epoch && since.Offset <= at.Offset {
			return
		}
		if since.Epoch != at.Epoch && (r.set.cfg.Local || !first) {
			return
		}
		if done, err := r.healOnce(ctx); done || err != nil {
			return
		}
	}
}

// Begin implements [wsconn.Source]: it sets the cursor of a new member. Joining,
// replaying and resuming differ only in the place it starts from.
func (m *Member) Begin() {
	st := m.start
	v := m.room.view()
	var cursor, replay uint64
	g := &st.greeting
	if st.since != (chatlog.Position{}) {
		cursor, replay, g.Resumed = m.resume(&v)
		g.Gap = !g.Resumed
	}
	if !g.Resumed {
		cursor, replay = m.newest(&v)
	}
	first := m.greeter.Greet(g)
	c := m.conn
	c.Lock()
	defer c.Unlock()
	m.start = nil
	if code, closing := c.ClosingLocked(); closing && code != proto.CloseGoingAway {
		return // who was removed while joining reads nothing
	}
	m.Cursor, m.replay, m.replayN = cursor, replay, proto.MaxPage
	if m.V1 && !m.endsAt(&v, st) {
		m.untold = g.At
	}
	switch {
	case replay != 0:
	case m.untold != (chatlog.Position{}) && cursor >= m.Live:
		first = m.replayed(first)
	case v.Base <= cursor && cursor < v.Next():
		// In one write with the greeting, and before any reply. Who was overtaken
		// while joining is Next's to close.
		first = append(first, m.piece(&v)...)
	}
	// Replies cannot have come before: whoever replies waits for the lock, and finds
	// nothing waiting or replies to objects sent ahead of the greeting.
	c.AheadLocked(first)
}

// resume finds the place after what the client has seen. ok is false if the log
// does not hold everything from there on, or another entry at that place. Then
// nobody but the client is told: its word alone changes nothing for others.
func (m *Member) resume(v *stream.View) (cursor, replay uint64, ok bool) {
	st := m.start
	if st.since.Epoch != st.greeting.At.Epoch || st.since.Offset > st.greeting.At.Offset {
		return 0, 0, false
	}
	same := st.since.Time == 0 || st.since.Offset == 0 // as far as can be known
	if t := v.TimeOf(st.since.Offset); !same && t != 0 {
		if t != st.since.Time {
			return 0, 0, false
		}
		same = true
	}
	cursor, ok = v.After(st.since.Offset, st.greeting.At.Offset)
	if !ok || !same {
		set := m.room.set
		page, err := set.log.Read(set.life.ctx, m.room.name, chatlog.Range{From: max(st.since.Offset, 1), Limit: 1})
		if err != nil || !set.continues(&page, st.since) {
			return 0, 0, false
		}
	}
	if ok {
		return min(cursor, m.Live), 0, true
	}
	return m.Live, st.since.Offset + 1, true
}

// newest finds the place before the newest messages that m may see.
func (m *Member) newest(v *stream.View) (cursor, replay uint64) {
	want := m.room.set.cfg.Limits.History
	cursor = m.Live
	first := m.start.greeting.At.Offset + 1 // the oldest entry looked at
	for i := int(m.Live-v.Base) - 1; i >= 0 && want > 0; i-- {
		it := &v.Items[i]
		if it.Offset == 0 {
			continue
		}
		first = it.Offset
		if it.Who.Has(m.User, m.V1) {
			cursor = v.Base + uint64(i)
			want--
		}
	}
	if want <= 0 || first <= 1 {
		return cursor, 0
	}
	page, err := m.room.set.log.Read(m.room.set.life.ctx, m.room.name, chatlog.Range{Before: first, Limit: want, Visible: true, Reader: m.User})
	if err != nil || page.Position.Epoch != m.start.greeting.At.Epoch || len(page.Events) == 0 {
		return cursor, 0
	}
	return cursor, page.Events[0].Offset
}

// replayPage queues the next entries that only the log holds and m may see, until the
// stream takes over. It goes no further than the stream: what is in the log but not yet
// in the stream is about to come live.
func (m *Member) replayPage() {
	r := m.room
	r.mu.Lock()
	v, at := r.stream.View, r.placeLocked()
	r.mu.Unlock()
	// What the stream holds since a reset is nothing that m could go on with, whose
	// place of becoming live lies before it.
	lost := at.Epoch != m.epoch || m.replay > at.Offset+1 || m.Live < v.Reset
	if cursor, ok := v.After(m.replay-1, at.Offset); ok && !lost {
		m.conn.Lock()
		m.Cursor, m.replay = cursor, 0
		m.conn.Unlock()
		return
	}
	var page chatlog.Page
	var err error
	if !lost {
		page, err = r.set.log.Read(r.set.life.ctx, r.name, chatlog.Range{From: m.replay, Limit: max(m.replayN, 1), Visible: true, Reader: m.User})
	}
	m.conn.Lock()
	defer m.conn.Unlock()
	if lost || err != nil || page.Position.Epoch != at.Epoch || page.First > m.replay || page.Position.Offset < at.Offset {
		m.conn.CloseLocked(proto.CloseTryAgain, "history unavailable: come back and resume")
		return
	}
	live := at.Offset + 1 // from here on the stream has them
	if o, ok := v.Entry(); ok {
		live = o
	}
	// No more is queued than may wait; the next page is read later, and no larger
	// than it need be.
	var object []byte
	for i := range page.Events {
		e := &page.Events[i]
		if m.conn.WaitingLocked() > wsconn.OutLimit/2 {
			m.replayN = i
			return
		}
		if e.Offset >= live {
			m.replay = live
			return
		}
		if m.replay = e.Offset + 1; e.Offset >= m.untold.Offset {
			m.untold = chatlog.Position{} // this shows it
		}
		object = chatlog.AppendJSON(object[:0], e)
		m.conn.QueueTextLocked(object)
	}
	if !page.More {
		m.replay = live // what lies between is not for m
	}
	m.replayN = min(2*max(m.replayN, 1), proto.MaxPage)
}
