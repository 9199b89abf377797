package chat

import (
	"sync"
	"sync/atomic"
	"time"
)

// A room delivers in rounds: a round offers every member what it has not had
// yet, without blocking for any of them.

// The states of a room's delivery.
const (
	idle    int32 = iota // nobody runs rounds
	running              // somebody does
	again                // somebody does, and the stream has grown since
)

const (
	smallRoom  = 8   // up to so many members the publisher runs the round itself
	shareRound = 512 // from so many members on a round is shared by the processors
	roundBatch = 128 // so many members at a time
	roundShare = 3   // rounds take one part in so many of a room's time, if pauses can do it
)

// wake says that the stream has grown. It carries nothing: rounds read the
// stream. In a small room the caller runs the rounds, which spares a hand-over;
// in a large one that would keep it from reading what its client sends next.
//
// No wake-up is lost: the stream grew before wake, and whoever runs rounds
// leaves only by the step from running to idle. So either wake comes before that
// step, makes it fail and has another round run, or it finds the room idle.
func (r *room) wake() {
	for {
		switch r.state.Load() {
		case idle:
			if !r.state.CompareAndSwap(idle, running) {
				continue
			}
			r.mu.Lock()
			small := len(r.members) <= smallRoom
			r.mu.Unlock()
			if small {
				r.rounds(nil)
			} else {
				go r.rounds(&r.srv.cfg) // ends when the stream grows no more
			}
			return
		case running:
			if r.state.CompareAndSwap(running, again) {
				return
			}
		case again:
			return
		}
	}
}

// rounds runs rounds until the stream has not grown during one, with a pause
// between them unless cfg is nil. Rounds that take long have a longer pause, so
// that the next one has more to write at once: nearly all their time goes into
// writing, and a write costs about the same for one frame as for ten.
func (r *room) rounds(cfg *config) {
	for {
		if cfg != nil {
			pause := min(max(cfg.flush, roundShare*r.roundTook), cfg.flushMost)
			if early := pause - time.Since(r.lastRound); early > 0 {
				time.Sleep(early)
			}
			r.lastRound = time.Now()
		}
		r.state.Store(running)
		r.round()
		if cfg != nil {
			r.roundTook = time.Since(r.lastRound)
		}
		if r.state.CompareAndSwap(running, idle) {
			return
		}
	}
}

// round visits every member once.
func (r *room) round() {
	r.mu.Lock()
	v, members, joins := r.stream.view, r.members, r.joins
	r.shared = true
	r.mu.Unlock()
	if v.next() == r.delivered {
		return
	}
	r.delivered = v.next()
	r.srv.stats.rounds.Add(1)
	behind := false
	if len(members) < shareRound || workers == 1 {
		behind = visit(members, &v)
	} else {
		behind = r.visitShared(members, &v)
	}
	if !behind {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.joins != joins {
			return // who has come meanwhile may need what is held
		}
		grown := int(r.stream.next() - v.next()) // what nobody has had yet
		r.stream.trim(max(r.srv.cfg.resume, grown), r.srv.cfg.maxLag)
	}
}

// visit offers the view to members, and reports whether one is left behind.
func visit(members []*member, v *view) (behind bool) {
	p := probers.Get().(*prober)
	var o memo
	for _, m := range members {
		if m.flush(v, &o, p) {
			behind = true
		}
	}
	if o.delivered > 0 {
		members[0].room.srv.stats.deliveries.Add(o.delivered)
	}
	probers.Put(p)
	return behind
}

// sharing is a round that all processors take part in. A room has one and uses it
// again, so that a round allocates nothing.
type sharing struct {
	members []*member
	view    view
	taken   atomic.Int64
	behind  atomic.Bool
	wg      sync.WaitGroup
	help    func()
}

// visitShared does the same on all processors.
func (r *room) visitShared(members []*member, v *view) bool {
	s := r.sharing
	if s == nil {
		s = new(sharing)
		s.help = func() {
			defer s.wg.Done()
			s.work()
		}
		r.sharing = s
	}
	s.members, s.view = members, *v
	s.taken.Store(0)
	s.behind.Store(false)
	s.wg.Add(workers - 1)
	for range workers - 1 {
		go s.help() // ends with the round, which waits for it
	}
	s.work()
	s.wg.Wait()
	s.members, s.view = nil, view{}
	return s.behind.Load()
}

func (s *sharing) work() {
	for {
		from := int(s.taken.Add(roundBatch)) - roundBatch
		if from >= len(s.members) {
			return
		}
		if visit(s.members[from:min(from+roundBatch, len(s.members))], &s.view) {
			s.behind.Store(true)
		}
	}
}

// addLocked makes m a member for later rounds. Appending is safe while a round
// reads members: it does not look past the length it took.
func (r *room) addLocked(m *member) {
	r.members = append(r.members, m)
	r.joins++
}

// removeLocked takes m out of later rounds; a round under way may still visit it.
func (r *room) removeLocked(m *member) {
	for i, o := range r.members {
		if o != m {
			continue
		}
		if r.shared {
			r.members = append(make([]*member, 0, len(r.members)+len(r.members)/4), r.members...)
			r.shared = false
		}
		last := len(r.members) - 1
		r.members[i] = r.members[last]
		r.members[last] = nil
		r.members = r.members[:last]
		return
	}
}
