package rooms

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/wsconn"
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

// workers is how many processors share a round.
var workers = runtime.GOMAXPROCS(0)

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
				go r.rounds(&r.set.cfg.Times) // ends when the stream grows no more
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
func (r *room) rounds(cfg *Times) {
	for {
		if cfg != nil {
			pause := min(max(cfg.Flush, roundShare*r.roundTook), cfg.FlushMost)
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

// round visits every member once. What every member has had by then is let go of
// beyond what is held for resuming. A member that takes its time, or whose
// connection cannot tell what it takes, needs only what comes after its cursor.
func (r *room) round() {
	r.mu.Lock()
	v, members, joins := r.stream.View, r.members, r.joins
	r.shared = true
	r.mu.Unlock()
	if v.Next() == r.delivered {
		return
	}
	r.delivered = v.Next()
	r.set.counters.Rounds.Add(1)
	var low uint64
	if len(members) < shareRound || workers == 1 {
		low = visit(members, &v)
	} else {
		low = r.visitShared(members, &v)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.low = low
	if r.joins == joins { // who has come meanwhile may need what is held
		r.stream.Trim(r.set.cfg.Limits.Resume, low)
	}
}

// busy reports whether a member lacks more than half of what the stream may hold.
func (r *room) busy() bool {
	r.mu.Lock()
	if !r.stream.Lags(r.low) {
		r.mu.Unlock()
		return false
	}
	// The last round found it so. Members may have caught up since.
	members := r.members
	r.shared = true
	r.mu.Unlock()
	low := uint64(math.MaxUint64)
	for _, m := range members {
		low = min(low, m.place())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.low = low
	return r.stream.Lags(low)
}

// visit offers the view to members, and returns the lowest place that one of them
// is left at, or the view's end.
func visit(members []*Member, v *stream.View) (low uint64) {
	p := wsconn.Probers.Get().(*wsconn.Prober)
	low = v.Next()
	var o memo
	for _, m := range members {
		low = min(low, m.flush(v, &o, p))
	}
	if o.delivered > 0 {
		members[0].room.set.counters.Deliveries.Add(o.delivered)
	}
	wsconn.Probers.Put(p)
	return low
}

// sharing is a round that all processors take part in. A room has one and uses it
// again, so that a round allocates nothing.
type sharing struct {
	members []*Member
	view    stream.View
	taken   atomic.Int64
	low     atomic.Uint64
	wg      sync.WaitGroup
	help    func()
}

// visitShared does the same on all processors.
func (r *room) visitShared(members []*Member, v *stream.View) (low uint64) {
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
	s.low.Store(v.Next())
	s.wg.Add(workers - 1)
	for range workers - 1 {
		go s.help() // ends with the round, which waits for it
	}
	s.work()
	s.wg.Wait()
	s.members, s.view = nil, stream.View{}
	return s.low.Load()
}

func (s *sharing) work() {
	for {
		from := int(s.taken.Add(roundBatch)) - roundBatch
		if from >= len(s.members) {
			return
		}
		low := visit(s.members[from:min(from+roundBatch, len(s.members))], &s.view)
		for old := s.low.Load(); low < old && !s.low.CompareAndSwap(old, low); old = s.low.Load() {
		}
	}
}

// addLocked makes m a member for later rounds. Appending is safe while a round
// reads members: it does not look past the length it took.
func (r *room) addLocked(m *Member) {
	r.members = append(r.members, m)
	r.joins++
}

// removeLocked takes m out of later rounds; a round under way may still visit it.
func (r *room) removeLocked(m *Member) {
	for i, o := range r.members {
		if o != m {
			continue
		}
		if r.shared {
			r.members = append(make([]*Member, 0, len(r.members)+len(r.members)/4), r.members...)
			r.shared = false
		}
		last := len(r.members) - 1
		r.members[i] = r.members[last]
		r.members[last] = nil
		r.members = r.members[:last]
		return
	}
}
