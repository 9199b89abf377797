package rooms

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/stream"
	"github.com/seed-08328bfd/chat/internal/trace"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A room delivers in rounds: a round writes to every member what it has not got yet,
// without blocking for any of them.

// The states of a room's delivery.
const (
	deliveryIdle    int32 = iota // no goroutine runs rounds
	deliveryRunning              // a goroutine runs rounds
	deliveryAgain                // a goroutine runs rounds, and the stream has grown since
)

const (
	smallRoomSize   = 8   // up to this many members, the publisher runs the round itself
	sharedRoundSize = 512 // from this many members on, all processors share a round
	roundBatch      = 128 // members that one processor takes at a time
	pauseFactor     = 3   // a pause is this many times as long as the last round, within its limits
)

// workers is the number of processors that share a round.
var workers = runtime.GOMAXPROCS(0)

// wake says that the stream has grown. It carries nothing: rounds read the stream. In a
// small room the caller runs the rounds, which saves a switch to another goroutine. In a
// large room that would stop the caller from reading its client's next message for too
// long.
//
// No wake-up is lost: the stream has grown before wake, and a goroutine that runs rounds
// ends only with the step from running to idle. Either wake comes before that step, which
// then fails, and another round runs; or wake finds the room idle.
func (r *room) wake() {
	for {
		switch r.deliveryState.Load() {
		case deliveryIdle:
			if !r.deliveryState.CompareAndSwap(deliveryIdle, deliveryRunning) {
				continue
			}
			r.mu.Lock()
			small := len(r.members) <= smallRoomSize
			r.mu.Unlock()
			if small {
				r.rounds(nil)
			} else {
				go r.rounds(&r.set.cfg.Times) // ends when the stream grows no more
			}
			return
		case deliveryRunning:
			if r.deliveryState.CompareAndSwap(deliveryRunning, deliveryAgain) {
				return
			}
		case deliveryAgain:
			return
		}
	}
}

// rounds runs rounds until the stream has not grown during one, with a pause between them
// unless cfg is nil. After a long round the pause is longer, so that the next round has
// more frames for each write: nearly all of a round's time goes into writes, and a write
// costs about the same for one frame as for ten.
func (r *room) rounds(cfg *Times) {
	for {
		if cfg != nil {
			pause := min(max(cfg.Flush, pauseFactor*r.lastRoundTook), cfg.FlushMost)
			if early := pause - time.Since(r.lastRound); early > 0 {
				time.Sleep(early)
			}
			r.lastRound = time.Now()
		}
		r.deliveryState.Store(deliveryRunning)
		r.round()
		if cfg != nil {
			r.lastRoundTook = time.Since(r.lastRound)
		}
		if r.deliveryState.CompareAndSwap(deliveryRunning, deliveryIdle) {
			return
		}
	}
}

// round visits every member once. Then it trims items that every member has got, beyond
// those held for resuming. A slow member needs only the items after its cursor. A member that
// joins may need every entry, but of the events that no log keeps, only those that are live
// for it.
func (r *room) round() {
	r.mu.Lock()
	v, members, joins := r.stream.View, r.members, r.joinCount
	r.membersShared = true
	var links []string
	if len(r.traces) > 0 {
		links = r.takeTracesLocked()
	}
	r.mu.Unlock()
	if v.Next() == r.delivered {
		return
	}
	if len(links) > 0 {
		span := trace.Span{Name: trace.Round, Room: r.name, Links: links, Began: time.Now(), Events: int(v.Next() - max(r.delivered, v.Base))}
		defer func() {
			span.Ended = time.Now()
			r.set.reportRound(span)
		}()
	}
	r.delivered = v.Next()
	r.set.counters.rounds.Add(1)
	var low uint64
	var joining bool
	if len(members) < sharedRoundSize || workers == 1 {
		low, joining = visit(members, &v)
	} else {
		low, joining = r.visitShared(members, &v)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lowestCursor = low
	r.stream.Trim(r.set.cfg.Limits.Resume, low, joining || r.joinCount != joins)
}

// busy reports whether a member is behind by more than half of what the stream may hold.
func (r *room) busy() bool {
	r.mu.Lock()
	if !r.stream.Lags(r.lowestCursor) {
		r.mu.Unlock()
		return false
	}
	// The last round found it so. Members may have caught up since.
	members := r.members
	r.membersShared = true
	r.mu.Unlock()
	low := uint64(math.MaxUint64)
	for _, m := range members {
		low = min(low, m.neededFrom())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lowestCursor = low
	return r.stream.Lags(low)
}

// visit offers the view to members, and returns the lowest place that one of them
// is left at, or the view's end. joining reports whether one of them may need entries before
// that place.
func visit(members []*Member, v *stream.View) (low uint64, joining bool) {
	p := wsconn.Probers.Get().(*wsconn.Prober)
	low = v.Next()
	var o lastRun
	for _, m := range members {
		low = min(low, m.flush(v, &o, p))
	}
	if o.delivered > 0 {
		members[0].room.set.counters.deliveries.Add(o.delivered)
	}
	wsconn.Probers.Put(p)
	return low, o.joining
}

// sharedRound is a round that all processors share. A room has one and uses it again, so
// that a round allocates nothing.
type sharedRound struct {
	members      []*Member
	view         stream.View
	nextMember   atomic.Int64
	lowestCursor atomic.Uint64
	joining      atomic.Bool
	wg           sync.WaitGroup
	help         func()
}

// visitShared is visit on all processors.
func (r *room) visitShared(members []*Member, v *stream.View) (low uint64, joining bool) {
	s := r.sharedRound
	if s == nil {
		s = new(sharedRound)
		s.help = func() {
			defer s.wg.Done()
			s.work()
		}
		r.sharedRound = s
	}
	s.members, s.view = members, *v
	s.nextMember.Store(0)
	s.lowestCursor.Store(v.Next())
	s.joining.Store(false)
	s.wg.Add(workers - 1)
	for range workers - 1 {
		go s.help() // ends with the round, which waits for it
	}
	s.work()
	s.wg.Wait()
	s.members, s.view = nil, stream.View{}
	return s.lowestCursor.Load(), s.joining.Load()
}

func (s *sharedRound) work() {
	for {
		from := int(s.nextMember.Add(roundBatch)) - roundBatch
		if from >= len(s.members) {
			return
		}
		low, joining := visit(s.members[from:min(from+roundBatch, len(s.members))], &s.view)
		if joining {
			s.joining.Store(true)
		}
		for old := s.lowestCursor.Load(); low < old && !s.lowestCursor.CompareAndSwap(old, low); old = s.lowestCursor.Load() {
		}
	}
}

// addMemberLocked makes m a member for later rounds. Appending is safe while a round
// reads members: it does not look past the length it took.
func (r *room) addMemberLocked(m *Member) {
	r.members = append(r.members, m)
	r.joinCount++
}

// removeMemberLocked removes m from later rounds; a round in progress may still visit it. It
// reports whether m was a member.
func (r *room) removeMemberLocked(m *Member) bool {
	for i, o := range r.members {
		if o != m {
			continue
		}
		if r.membersShared {
			r.members = append(make([]*Member, 0, len(r.members)+len(r.members)/4), r.members...)
			r.membersShared = false
		}
		last := len(r.members) - 1
		r.members[i] = r.members[last]
		r.members[last] = nil
		r.members = r.members[:last]
		r.stream.Drop(m.Enc)
		return true
	}
	return false
}
