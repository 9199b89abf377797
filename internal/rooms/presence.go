package rooms

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/limit"
)

// occupant is one user of a room as this server sees the user: what is so here,
// what the log holds of it for this server, and whether members were told. The
// three differ while calls of the log are under way, fail, or lose their answers.
// Everything is guarded by room.mu.
type occupant struct {
	user string
	occupantHere
	occupantHeld
	occupantShown
}

// occupantHere is what is so here: what the log is to hold.
type occupantHere struct {
	name   string
	conns  int
	grace  *time.Timer // runs while the user may still come back unnoticed
	typing time.Time   // when the user last was shown to be typing
}

// occupantHeld is what the log was last known to hold, for this server under the name
// heldBy.
type occupantHeld struct {
	held    holding
	heldAs  chatlog.Member
	heldBy  string
	working bool          // somebody makes the log agree, and keeps the room
	tried   chan struct{} // closed when something is known anew; nil if nobody waits
	news    bool          // others do not know yet that the user has come
	say     bool          // it is time to tell them
	doubts  int           // how often the log is still to be told again
	again   *time.Timer   // until the next time
}

// occupantShown is what members were told (roster.go).
type occupantShown struct {
	told      bool
	shown     string // the name in lists
	elsewhere int    // connections to other servers, when the log was last read
	changed   uint64 // roster.changes at the last change of told or held
	seen      uint64 // the number of the last reading that had the user
}

// holding is what a log holds of an occupant, as far as this server knows.
type holding int8

const (
	holdsNot holding = iota
	holds
	mayHold // a call has failed, its answer was lost, or it is under way
)

// wanted returns what the log is to hold of o.
func (o *occupant) wanted() (m chatlog.Member, present bool) {
	switch {
	case o.conns > 0:
		return chatlog.Member{UserID: o.user, Username: o.name, Connections: o.conns}, true
	case o.grace != nil: // as it was
		return chatlog.Member{UserID: o.user, Username: o.name, Connections: max(1, o.heldAs.Connections)}, true
	}
	return chatlog.Member{}, false
}

// settled reports whether the log holds what it is to hold, under the server's name id.
func (o *occupant) settled(id string) bool {
	m, present := o.wanted()
	if !present {
		// What was held under an earlier name, the log lets go of by itself.
		return o.held == holdsNot || o.heldBy != id
	}
	return o.held == holds && o.heldAs == m && o.heldBy == id
}

// joined has everybody told that o, which the log holds, has come: now that the
// connection is in hand. A room hears nothing of one that never is.
func (r *room) joined(o *occupant) {
	r.mu.Lock()
	grew := r.joinedLocked(o, o.name)
	o.say = o.news
	r.mu.Unlock()
	if grew {
		r.wake()
	}
	r.settle(o, false)
}

// occupy counts one more connection of a user, before anybody is told.
func (r *room) occupy(user, name string) (*occupant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if most := r.set.cfg.Limits.Members; most > 0 && r.conns >= most {
		return nil, fmt.Errorf("%w: members of the room", limit.ErrReached)
	}
	r.conns++
	o := r.users[user]
	if o == nil {
		o = &occupant{user: user}
		r.users[user] = o
	}
	o.name = name
	o.conns++
	if o.grace != nil && o.grace.Stop() {
		// The room was kept for the absent user.
		r.set.release(r)
	}
	o.grace = nil
	return o, nil
}

// enter waits until the log has taken o in, or ctx or the log's time ends.
func (r *room) enter(ctx context.Context, o *occupant) error {
	ctx, cancel := r.set.log.Bound(ctx)
	defer cancel()
	for tries := 0; ; tries++ {
		r.settle(o, false)
		r.mu.Lock()
		id := r.set.id()
		// The second try has begun after this, and users may come faster than a log
		// takes in how many times.
		if o.settled(id) || tries > 1 && o.held == holds && o.heldBy == id {
			r.mu.Unlock()
			return nil
		}
		if o.tried == nil {
			o.tried = make(chan struct{})
		}
		tried := o.tried
		r.mu.Unlock()
		select {
		case <-tried:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.set.life.done:
			return ErrClosed
		}
	}
}

// vacate counts one connection less, which went by name. If it was the user's last
// and the loss may be a short one, the log and the others are told only after the
// grace.
func (r *room) vacate(o *occupant, name string, grace time.Duration) {
	r.mu.Lock()
	o.conns--
	r.conns--
	if o.conns > 0 && o.name == name {
		// The name is that of a connection there is.
		if i := slices.IndexFunc(r.members, func(m *Member) bool { return m.occupant == o }); i >= 0 {
			o.name = r.members[i].name
		}
	}
	if r.set.life.closing.Load() && !r.set.cfg.Local {
		// Whoever comes back to another server in time has not left: the log
		// lets go of this server's users after the grace.
		r.mu.Unlock()
		return
	}
	if o.conns == 0 && grace > 0 && r.set.retain(r) {
		var timer *time.Timer
		timer = time.AfterFunc(grace, func() {
			r.mu.Lock()
			over := o.grace == timer
			if over {
				o.grace = nil
			}
			r.mu.Unlock()
			if over && !r.set.life.closing.Load() {
				r.settle(o, false)
			}
			r.set.release(r)
		})
		o.grace = timer
	}
	r.mu.Unlock()
	r.settle(o, false)
}
