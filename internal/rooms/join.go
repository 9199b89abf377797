package rooms

import (
	"context"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A Joining says which user joins a room, over which connection, and from which place on.
type Joining struct {
	Conn     *wsconn.Conn
	UserID   string
	Username string           // what people see
	V1       bool             // the client speaks chat.v1
	Deflate  bool             // it takes compressed messages
	Events   bool             // it takes Server-Sent Events, and no frames
	Since    chatlog.Position // what the client has seen; zero if it has seen nothing
	// Greet returns the first frames that the member gets, before its history. It may block.
	Greet func(*Greeting) (frames []byte)
	// Check, if not nil, is asked when the user is in the room and nobody was told yet; an
	// error of it ends the joining. Only [Many.Join] asks it.
	Check func() error
}

// newLink returns the connection as the rooms know it.
func (s *Set) newLink(j *Joining) link {
	l := link{conn: j.Conn, name: j.Username, Identity: stream.Identity{User: j.UserID, V1: j.V1, Conn: s.identity.conns.Add(1)}}
	switch {
	case j.Events:
		l.Enc = stream.Events
	case j.Deflate:
		l.Enc = stream.Deflated
	}
	return l
}

// A Greeting is what a member is told of the room first.
type Greeting struct {
	At      chatlog.Position // the room's last place when the member became one of it
	Resumed bool             // everything after what the client has seen follows
	Gap     bool             // it does not, though the client has seen something
	Members []chatlog.Member // whom members had been told of there; chat.v1 only
	Count   int              // how many users those are
	Unread  *chatlog.Unread  // of the user, up to At; nil if it is not known; chat.v1 only
}

// beginning is what a member still has to get before the stream takes over.
type beginning struct {
	since    chatlog.Position
	greet    func(*Greeting) []byte // nil once the greeting is queued
	greeting Greeting

	// What is replayed from the log, from when the greeting is queued on.
	replayFrom  uint64 // the next offset to take from the log before the cursor counts; 0: none
	replayEnd   uint64 // what is replayed are messages as they are now, up to this offset; 0: entries
	replayLimit int    // how many entries to read for the replay next
	frames      []byte // of a Many: what was read, and waits for its turn

	ended *proto.Closed // of a Many: by what, if End came before the greeting was queued
}

// Join makes m a member of the room called name. Until Announce, m's user is in no list but
// its own. If Join fails, it undoes everything; otherwise Leave must follow.
func (s *Set) Join(ctx context.Context, name string, m *Member, j Joining) error {
	l := s.newLink(&j)
	m.link = &l
	m.begin = &beginning{since: j.Since, greet: j.Greet}
	return s.join(ctx, name, m)
}

// join is Join for a member that knows its connection and how it begins.
func (s *Set) join(ctx context.Context, name string, m *Member) (err error) {
	m.Identity = &m.link.Identity
	r, err := s.acquire(ctx, name)
	if err != nil {
		return err
	}
	joined := false
	defer func() { // even if what is called ends the goroutine
		if joined {
			return
		}
		if m.user != nil {
			r.removeConnection(m.user, m.link.name, 0)
		}
		s.release(r)
		m.room = nil
	}()
	m.room = r
	if m.user, err = r.addConnection(m.User, m.link.name); err != nil {
		return err
	}
	if err := r.awaitEntered(ctx, m.user); err != nil {
		return s.log.Unavailable(err)
	}
	r.catchUpTo(ctx, m.begin.since)
	r.addMember(m)
	joined = true
	return nil
}

// addMember makes m a member of the room. Everything that is added to the stream from now
// on is live for m. Begin, which its connection calls first, decides what m gets of the
// earlier events.
func (r *room) addMember(m *Member) {
	r.mu.Lock()
	r.stream.Use(m.Enc)
	m.Cursor = r.stream.Next()
	m.Live = m.Cursor
	g := &m.begin.greeting
	g.At = r.placeLocked()
	m.epoch = r.epoch
	if m.V1 {
		g.Members, g.Count = r.roster.members(m.user, proto.MaxListed)
	}
	m.user.name = m.link.name // another connection may have set its own since addConnection
	r.addMemberLocked(m)
	r.mu.Unlock()
}

// Announce tells members and other servers that m's user has joined. Call it after the
// connection is taken over.
func (m *Member) Announce() { m.room.announceUser(m.user) }

// Leave removes m from its room. clean says that the client closed the connection.
// Otherwise a chat.v1 client may come back within the grace, and the others see no leave.
// Only the first call counts.
func (m *Member) Leave(clean bool) {
	r := m.room
	r.mu.Lock()
	left := r.removeMemberLocked(m)
	r.mu.Unlock()
	if !left {
		return
	}
	grace := r.set.cfg.Times.Grace
	if clean || !m.V1 || r.set.life.closing.Load() {
		grace = 0
	}
	r.removeConnection(m.user, m.link.name, grace)
	r.set.release(r)
}

// catchUpTo reads the log if since is beyond this server's place in the room, or in another
// epoch: a client that comes from another server may be ahead of this one.
func (r *room) catchUpTo(ctx context.Context, since chatlog.Position) {
	for first := true; ; first = false {
		at := r.position()
		if since == (chatlog.Position{}) || since.Epoch == at.Epoch && since.Offset <= at.Offset {
			return
		}
		if since.Epoch != at.Epoch && (r.set.cfg.Local || !first) {
			return
		}
		if done, err := r.catchUpOnce(ctx); done || err != nil {
			return
		}
	}
}

// start sets the cursor of a new member, and queues what it gets first. Joining, replaying
// and resuming differ only in the place it starts from. It reports false if m was removed
// before.
func (m *Member) start() (begun bool) {
	st := m.begin
	v := m.room.view()
	g := &st.greeting
	var from start
	if st.since != (chatlog.Position{}) {
		from, g.Resumed = m.resume(&v)
		g.Gap = !g.Resumed
	}
	var err error
	if !g.Resumed {
		from, err = m.newest(&v)
	}
	if m.V1 {
		g.Unread = m.unread(g.At)
	}
	first := st.greet(g)
	c := m.link.conn
	c.Lock()
	defer c.Unlock()
	if many := m.link.many; many != nil {
		many.awaitLocked(m, len(first))
	}
	v = m.room.view() // what was deleted in the meantime is not sent
	code, closing := c.ClosingLocked()
	if m.over || m.link.many != nil && c.OverLocked() || closing && code != proto.CloseGoingAway {
		return false // it gets nothing
	}
	m.Cursor, m.Had = from.cursor, from.had
	st.replayFrom, st.replayEnd, st.replayLimit = from.replay, from.end, proto.MaxPage
	if m.V1 && !m.knowsReplayEnd(&v, st) {
		m.unsentPosition = g.At.Offset
	}
	switch {
	case err != nil:
	case st.replayFrom != 0:
	case m.unsentPosition != 0 && m.Cursor >= m.Live:
		first = m.appendReplayEnd(first)
	case v.Base <= m.Cursor && m.Cursor < v.Next():
		// In one write with the greeting, and before any reply. Next ends a member that has
		// fallen behind while it joined.
		m.untilLive(&v)
		first = append(first, m.nextPiece(&v)...)
	}
	st.greet, st.greeting = nil, Greeting{}
	if m.link.many == nil {
		// No reply can be lost before this: a reply waits for the lock, and what already
		// waits are replies to objects that the client sent before the greeting.
		c.AheadLocked(first)
	} else {
		c.DrainLocked(first)
	}
	switch {
	case err != nil:
		m.loseLocked(historyUnavailable)
		return true
	case len(from.page.Events) > 0 && m.room.dropErased(&from.page, from.erasures):
		b, last := m.appendPage(nil, &from.page, st.replayEnd)
		c.DrainLocked(b)
		if last {
			m.endHistoryLocked()
		}
	}
	m.replayedLocked(nil)
	return true
}

// resume finds the place after what the client has seen. ok is false if the log
// does not hold everything from there on, or holds another entry at that place. Only the
// client is told then: a claim of one client changes nothing for others.
func (m *Member) resume(v *stream.View) (from start, ok bool) {
	st := m.begin
	if st.since.Epoch != st.greeting.At.Epoch || st.since.Offset > st.greeting.At.Offset {
		return start{}, false
	}
	same := st.since.Time == 0 || st.since.Offset == 0 // as far as can be known
	if t := v.TimeOf(st.since.Offset); !same && t != 0 {
		if t != st.since.Time {
			return start{}, false
		}
		same = true
	}
	cursor, ok := v.After(st.since.Offset, st.greeting.At.Offset)
	if !ok || !same {
		set := m.room.set
		page, err := set.log.Read(set.life.ctx, m.room.name, chatlog.Range{From: max(st.since.Offset, 1), Limit: 1})
		if err != nil || !set.continues(&page, st.since) {
			return start{}, false
		}
	}
	if ok {
		return start{cursor: min(cursor, m.Live)}, true
	}
	return start{cursor: m.Live, replay: st.since.Offset + 1}, true
}
