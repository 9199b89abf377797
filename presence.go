package chat

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// occupant is one user of a room on this server, over all connections.
type occupant struct {
	user, name string

	// Guarded by room.mu.
	conns  int
	nth    uint64      // the member with which the user came
	news   bool        // the user has come, and the others have not been told
	grace  *time.Timer // runs while the user may still come back unnoticed
	typing time.Time   // when the user last was shown to be typing

	// tell holds telling while it talks to the log, so that what the log is told
	// last is what is true last.
	telling sync.Mutex
	told    int // connections the log knows of
}

// occupy counts one more connection of a user, before anybody is told.
func (r *room) occupy(user, name string) (*occupant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit := r.srv.cfg.maxMembers; limit > 0 && r.conns >= limit {
		return nil, fmt.Errorf("%w: members of the room", ErrTooMany)
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
		// The room and the entry were kept for the absent user.
		o.grace = nil
		r.srv.release(r)
	}
	return o, nil
}

// vacate counts one connection less. If it was the user's last and the loss may
// be a short one, the log and the others are told only after the grace.
func (r *room) vacate(o *occupant, grace time.Duration) {
	r.mu.Lock()
	o.conns--
	r.conns--
	if r.srv.closing.Load() && !r.srv.local {
		// Whoever comes back to another server in time has not left: the log
		// lets go of this server's users after the grace.
		r.mu.Unlock()
		return
	}
	if o.conns == 0 && grace > 0 && r.srv.retain(r) {
		o.grace = time.AfterFunc(grace, func() {
			r.mu.Lock()
			o.grace = nil
			r.mu.Unlock()
			if !r.srv.closing.Load() {
				r.tell(context.Background(), o)
			}
			r.srv.release(r)
		})
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	r.tell(context.Background(), o)
}

// tell makes what the log knows of o true, and the others hear of it if the user
// came or went. It reports whether the log was reached.
func (r *room) tell(ctx context.Context, o *occupant) (first bool, err error) {
	o.telling.Lock()
	defer o.telling.Unlock()
	r.mu.Lock()
	conns, m := o.conns, Member{o.user, o.name, o.conns}
	if o.grace != nil {
		conns = o.told
	}
	if conns == 0 && r.users[o.user] == o && o.conns == 0 && o.grace == nil {
		delete(r.users, o.user)
	}
	unheard := o.news
	r.mu.Unlock()
	if conns == o.told {
		return false, nil
	}
	ctx, cancel := r.srv.logContext(ctx)
	defer cancel()
	if conns > 0 {
		first, err = r.srv.log.Enter(ctx, r.srv.id(), r.name, m)
		if err == nil {
			o.told = conns
		}
		return first, err
	}
	last, err := r.srv.log.Leave(ctx, r.srv.id(), r.name, o.user)
	if o.told = 0; last && !unheard && !r.srv.closing.Load() {
		r.announce(ctx, "leave", m)
	}
	return false, err
}

// announce tells everyone in the room, on all servers, that a user came or went.
func (r *room) announce(ctx context.Context, event string, m Member) {
	e := notice(event, m)
	if err := r.srv.log.Signal(ctx, r.name, e); err != nil {
		r.notify(e)
	}
}

func notice(event string, m Member) Event {
	verb := " joined the room"
	if event == "leave" {
		verb = " left the room"
	}
	return Event{Type: TypeSystem, Event: event, Time: time.Now(), User: m.User, Username: m.Username, Message: m.Username + verb}
}

// A crowd gathers who came and went in a room too large to tell of each.
type crowd struct {
	joined, left map[string]string // user to name
}

const (
	crowdPause = 250 * time.Millisecond

	// Each list has at most crowdNames names, and more as long as all members
	// together get no more than crowdTotal: naming 250 newcomers to 10,000 members
	// four times a second would fill a network. The count is always right.
	crowdNames = 32
	crowdTotal = 256_000
)

// crowdLocked gathers e if the room is a crowd.
func (r *room) crowdLocked(e *Event) bool {
	size := r.srv.cfg.presenceSize
	if size < 0 || len(r.members) <= size {
		return false
	}
	if r.crowd == nil {
		r.crowd = &crowd{joined: map[string]string{}, left: map[string]string{}}
		r.srv.spawn(func(ctx context.Context) {
			sleep(ctx, crowdPause)
			r.tellCrowd(ctx)
		})
	}
	to, from := r.crowd.joined, r.crowd.left
	if e.Event == "leave" {
		to, from = from, to
	}
	if _, ok := from[e.User]; ok {
		delete(from, e.User) // came and went: nothing happened
	} else {
		to[e.User] = e.Username
	}
	return true
}

// tellCrowd adds what was gathered to the stream.
func (r *room) tellCrowd(ctx context.Context) {
	ctx, cancel := r.srv.logContext(ctx)
	defer cancel()
	_, total, err := r.srv.log.Members(ctx, r.name, 0)
	r.mu.Lock()
	c := r.crowd
	r.crowd = nil
	if err != nil {
		total = len(r.users)
	}
	b := append([]byte(nil), `{"type":"presence","joined":`...)
	most := max(crowdNames, crowdTotal/max(1, len(r.members)))
	b = appendNames(b, c.joined, most)
	b = appendNames(append(b, `,"left":`...), c.left, most)
	b = strconv.AppendInt(append(b, `,"count":`...), int64(total), 10)
	r.putObjectLocked(append(b, '}'), 0, &audience{v1Only: true})
	r.mu.Unlock()
	r.wake()
}

func appendNames(b []byte, names map[string]string, most int) []byte {
	b = append(b, '[')
	n := 0
	for user, name := range names {
		if n++; n > most {
			break
		}
		if n > 1 {
			b = append(b, ',')
		}
		b = appendQuoted(append(b, `{"user":`...), user)
		b = appendQuoted(append(b, `,"username":`...), name)
		b = append(b, '}')
	}
	return append(b, ']')
}

// beat keeps this server's users known to the log, and tells of those who left
// because another server is gone.
func (s *Server) beat(ctx context.Context) error {
	c, cancel := s.logContext(ctx)
	defer cancel()
	held, gone, err := s.log.Beat(c, s.id(), beatTTL)
	if err != nil {
		return s.unavailable(err)
	}
	for _, d := range gone {
		if err := s.log.Signal(c, d.Room, notice("leave", d.Member)); err != nil {
			return s.unavailable(err)
		}
	}
	if held {
		return nil
	}
	// The others have seen this server's users leave; a new name keeps their
	// clean-up of the old one from undoing what is entered now.
	s.newID()
	s.rooms.Range(func(_, v any) bool {
		r := v.(*room)
		r.mu.Lock()
		users := make([]*occupant, 0, len(r.users))
		for _, o := range r.users {
			users = append(users, o)
		}
		r.mu.Unlock()
		for _, o := range users {
			o.telling.Lock()
			o.told = 0
			o.telling.Unlock()
			if first, err := r.tell(ctx, o); err == nil && first {
				r.mu.Lock()
				m := Member{o.user, o.name, o.conns}
				r.mu.Unlock()
				r.announce(ctx, "join", m)
			}
		}
		return true
	})
	return nil
}
