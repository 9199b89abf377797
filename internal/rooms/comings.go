package rooms

import (
	"context"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/lock"
)

// maxComings is how many comings and goings wait for Config.Present at most. More are
// dropped, and their number logged.
const maxComings = 1 << 16

// comings are the comings and goings that Config.Present is still to be told of, in order.
// It is users' code, which may hang: presence itself does not wait for it.
type comings struct {
	mu      lock.Leaf
	waiting []coming
	telling bool // a goroutine does
	dropped int
}

type coming struct {
	room    string
	member  chatlog.Member
	present bool
}

// came has Config.Present told that m, who was on no server before, has come to a room,
// or with present false that m is on no server now.
func (s *Set) came(room string, m chatlog.Member, present bool) {
	if s.cfg.Present == nil {
		return
	}
	if !present {
		m.Connections = 0
	}
	if s.comings.add(coming{room, m, present}) {
		s.spawn(func(context.Context) { s.tellComings() }) // ends when nothing waits
	}
}

// add has c wait, and reports whether somebody must begin to tell.
func (q *comings) add(c coming) (begin bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxComings {
		q.dropped++
		return false
	}
	q.waiting = append(q.waiting, c)
	begin = !q.telling
	q.telling = true
	return begin
}

func (s *Set) tellComings() {
	q := &s.comings
	through := false
	defer func() {
		if !through { // the hook has ended the goroutine: the others are still owed
			s.spawn(func(context.Context) { s.tellComings() }) // ends when nothing waits
		}
	}()
	for {
		q.mu.Lock()
		dropped := q.dropped
		q.dropped = 0
		if len(q.waiting) == 0 {
			q.waiting, q.telling = nil, false
			q.mu.Unlock()
			through = true
			return
		}
		next := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
		if dropped > 0 {
			s.cfg.Logger.Warn("chat: the presence hook is slow: calls were dropped", "calls", dropped)
		}
		s.cfg.Present(next.room, next.member, next.present)
	}
}
