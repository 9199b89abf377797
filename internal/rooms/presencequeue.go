package rooms

import (
	"context"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/lock"
)

// maxPresenceChanges is the largest number of joins and leaves that wait for
// Config.Present. More are dropped, and their number is logged.
const maxPresenceChanges = 1 << 16

// presenceQueue has the joins and leaves for which Config.Present was not called yet, in order.
// That function is a hook and may hang; presence itself does not wait for it.
type presenceQueue struct {
	mu        lock.Leaf
	waiting   []presenceChange
	reporting bool // a goroutine calls Config.Present
	dropped   int
}

type presenceChange struct {
	room    string
	member  chatlog.Member
	present bool
}

// reportPresence queues a call of Config.Present: m, who was on no server before, has
// joined a room; or, with present false, m is on no server now.
func (s *Set) reportPresence(room string, m chatlog.Member, present bool) {
	if s.cfg.Present == nil {
		return
	}
	if !present {
		m.Connections = 0
	}
	if s.presenceQueue.add(presenceChange{room, m, present}) {
		s.spawn(func(context.Context) { s.reportQueued() }) // ends when nothing waits
	}
}

// add adds c to the queue, and reports whether the caller must start reportQueued.
func (q *presenceQueue) add(c presenceChange) (begin bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxPresenceChanges {
		q.dropped++
		return false
	}
	q.waiting = append(q.waiting, c)
	begin = !q.reporting
	q.reporting = true
	return begin
}

func (s *Set) reportQueued() {
	q := &s.presenceQueue
	finished := false
	defer func() {
		if !finished { // the hook has ended the goroutine: another one makes the other calls
			s.spawn(func(context.Context) { s.reportQueued() }) // ends when nothing waits
		}
	}()
	for {
		q.mu.Lock()
		dropped := q.dropped
		q.dropped = 0
		if len(q.waiting) == 0 {
			q.waiting, q.reporting = nil, false
			q.mu.Unlock()
			finished = true
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
