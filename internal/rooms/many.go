package rooms

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
)

// A Many is the members of one connection that is in any number of rooms. What ends one of
// them ends it alone: its client gets a left object, and nothing of that room after it. All
// methods may be called concurrently, and wait for the peer only where they say so.
type Many struct {
	link
	set *Set

	// Guarded by the connection's lock.
	members  map[string]*Member // by their rooms, also those that are joining
	ready    memberList         // members that perhaps have more to get from the stream, or frames
	fetching memberList         // members whose replay must be read from the log
	fetches  bool               // a goroutine reads for them
	fetched  bool               // a member has frames that it has read, which wait for their turn
	left     bool               // LeaveAll was called
}

// NewMany returns what a connection that is in no room yet is in the rooms. Of j, Greet,
// Since and Check do not count, and V1 is taken to be true. Its Source is that of the
// connection.
func (s *Set) NewMany(j Joining) *Many {
	j.V1 = true
	c := &Many{link: s.newLink(&j), set: s, members: map[string]*Member{}}
	c.many, c.Enc = c, stream.Tagged
	if j.Deflate {
		c.Enc = stream.TaggedDeflated
	}
	return c
}

// ErrJoined is returned for a room that the connection is in, or joins, already.
var ErrJoined = errors.New("chat: the connection is in this room already")

// Join makes c a member of the room called name, in which it must not be yet, and tells the
// others. It queues the greeting and the beginning of what the client gets, and waits with
// that like [wsconn.Conn.Send]. Of j, only Greet, Since and Check count. If it fails, it
// undoes everything. If End has ended the member meanwhile, of which the client is told
// nothing, the error is an [*proto.Closed]; after LeaveAll it is [ErrClosed]. Over the limit on
// rooms of one connection it is [limit.ErrReached].
func (c *Many) Join(ctx context.Context, name string, j Joining) (err error) {
	m := &Member{link: &c.link, begin: &beginning{since: j.Since, greet: j.Greet}}
	if err := c.reserve(name, m); err != nil {
		return err
	}
	entered, joined := false, false
	defer func() { // even if what is called ends the goroutine
		if joined {
			return
		}
		c.conn.Lock()
		m.over = true
		if c.members[name] == m {
			delete(c.members, name)
		}
		c.conn.Unlock()
		if entered {
			m.Leave(true)
		}
	}()
	if err := c.set.join(ctx, name, m); err != nil {
		return err
	}
	entered = true
	if j.Check != nil {
		if err := j.Check(); err != nil {
			return err
		}
	}
	c.conn.Lock()
	over := m.over
	c.conn.Unlock()
	if !over {
		m.Announce()
		joined = m.start()
	}
	if joined {
		return nil
	}
	c.conn.Lock()
	defer c.conn.Unlock()
	if e := m.begin.ended; e != nil {
		return e
	}
	return ErrClosed
}

// reserve makes m the member of the room called name.
func (c *Many) reserve(name string, m *Member) error {
	c.conn.Lock()
	defer c.conn.Unlock()
	switch {
	case c.left || c.conn.OverLocked():
		return ErrClosed
	case c.members[name] != nil:
		return ErrJoined
	case len(c.members) >= c.set.cfg.Limits.Joined:
		return fmt.Errorf("%w: rooms of one connection", limit.ErrReached)
	}
	c.members[name] = m
	return nil
}

// Member returns c's member of the room called name; nil if c is not in it, or is only
// joining.
func (c *Many) Member(name string) *Member {
	c.conn.Lock()
	defer c.conn.Unlock()
	if m := c.members[name]; m != nil && !m.joining() {
		return m
	}
	return nil
}

// Rooms returns the names of the rooms that c is in or joins, in order.
func (c *Many) Rooms() []string {
	c.conn.Lock()
	defer c.conn.Unlock()
	return slices.Sorted(maps.Keys(c.members))
}

// End ends c's member of the room called name: the client gets a left object with this code
// and reason, after what was queued for it, and nothing of the room after that. With
// proto.CloseTryAgain, the user counts as present for the leave grace. It reports whether
// there was such a member. One that is still joining gets no left object: its Join fails.
func (c *Many) End(name string, code int, reason string) bool {
	c.conn.Lock()
	m := c.members[name]
	if m == nil {
		c.conn.Unlock()
		return false
	}
	joining := m.joining()
	c.endLocked(m, name, code, reason)
	c.conn.Unlock()
	if !joining { // otherwise Join does it
		m.Leave(code != proto.CloseTryAgain)
	}
	return true
}

// LeaveAll takes c out of all its rooms when its connection has ended; see [Member.Leave].
func (c *Many) LeaveAll(clean bool) {
	c.conn.Lock()
	c.left = true
	var members []*Member
	for _, m := range c.members {
		m.over = true
		if !m.joining() {
			members = append(members, m)
		}
	}
	clear(c.members)
	c.conn.Unlock()
	for _, m := range members {
		m.Leave(clean)
	}
}

// joining reports whether m's greeting was not queued yet.
func (m *Member) joining() bool { return m.begin != nil && m.begin.greet != nil }

// endLocked ends m, the member of the room called name.
func (c *Many) endLocked(m *Member, name string, code int, reason string) {
	m.over = true
	delete(c.members, name)
	switch {
	case m.joining():
		m.begin.ended = &proto.Closed{Code: code, Reason: reason}
	case !c.conn.OverLocked():
		c.conn.DrainLocked(c.Enc.Append(nil, name, "", 0, object.Left(code, reason)))
	}
}

// loseLocked ends m, which is to come back, and takes it out of its room.
func (c *Many) loseLocked(m *Member, reason string) {
	if m.over || c.conn.OverLocked() {
		return
	}
	c.endLocked(m, m.room.name, proto.CloseTryAgain, reason)
	c.set.spawn(func(context.Context) { m.Leave(false) }) // a round calls this, which must not wait
}
