package rooms

import (
	"context"
	"crypto/rand"
	"errors"
	mrand "math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/logging"
)

// The errors of this package, beside those of the guard and of contexts.
var (
	ErrClosed = errors.New("chat: server closed")
	ErrGap    = errors.New("chat: gap in the log")
)

// controlRoom carries what servers tell each other. No room can have this name.
const controlRoom = ".."

// A Config says how a Set works. All of it is immutable.
type Config struct {
	Log    chatlog.Log
	Local  bool // the log is in memory, and this server's alone
	Limits Limits
	Times  Times

	Pack    func([]byte) []byte // compresses a payload; nil without compression
	Logger  *logging.Logger
	Control func(e chatlog.Event) // does what a server says to all of them
	Sweep   func()                // called every few seconds
	// Present is told of users who have come to a room or left it, by one call after
	// another; nil if nobody wants to know.
	Present func(room string, m chatlog.Member, present bool)
	// Panicked is told of a panic of the log, perhaps under a lock.
	Panicked func(method, room string, p any, stack []byte)
}

// Limits are the numbers of a Config; zero is none, unless it says otherwise.
type Limits struct {
	History  int // messages that a joiner gets
	Resume   int // entries held for who comes back
	Lag      int // bytes held of a room
	Rooms    int // in use
	Members  int // connections to a room; 0: any number
	Presence int // connections to a room above which notices are gathered; below 0: never
}

// Times are the times of a Config.
type Times struct {
	Flush, FlushMost          time.Duration // least and most between two rounds of a large room
	Grace                     time.Duration // how long a loss is kept from the others
	Log                       time.Duration // for one use of the log
	PingInterval, PingTimeout time.Duration
}

// A Set is the rooms in use on one server. Make one with New.
//
// The order of its locks is in package internal/lock.
type Set struct {
	// Immutable.
	cfg   Config
	log   *guard.Log
	epoch time.Time // of the set's own clock

	life  life
	feed  feed
	self  self
	rooms sync.Map // name to *room; written under mu

	retired  retired
	listing  atomic.Pointer[Listing]
	comings  comings
	counters Counters

	mu        lock.Set
	roomCount int
}

// life is whether the set works, and what runs beside the members.
type life struct {
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{}  // closed when closing begins
	closing atomic.Bool    // written under Set.mu
	ended   bool           // no more tasks; guarded by Set.mu
	tasks   sync.WaitGroup // goroutines of spawn
	over    chan struct{}  // closed when End is through; made by the first to end, guarded by Set.mu
}

// feed is how the set hears of what other servers do.
type feed struct {
	opening     *opening    // the log is being opened; nil if nobody does. Guarded by Set.mu
	opened      atomic.Bool // written under Set.mu
	interrupted atomic.Bool
	comparing   atomic.Bool
	nudged      chan struct{} // asks the ticker to compare with the log now
}

// self is what the log knows this server by.
type self struct {
	name  atomic.Pointer[string] // in Presence
	early chan struct{}          // asks keepBeating not to wait
	turns chan struct{}          // a value for each try again at telling the log of a user
}

// Counters count what happens in the rooms.
type Counters struct {
	Messages, Deliveries, Rounds, Slow, Resets atomic.Uint64
	LogErrors                                  atomic.Uint64
}

// New returns a Set that uses nothing yet.
func New(cfg Config) *Set {
	s := &Set{cfg: cfg, epoch: time.Now()}
	s.life.ctx, s.life.cancel = context.WithCancel(context.Background())
	s.life.done = make(chan struct{})
	s.feed.nudged = make(chan struct{}, 1)
	s.self.early = make(chan struct{}, 1)
	s.self.turns = make(chan struct{}, 64)
	s.newID()
	g := guard.Config{Server: s.life.ctx, Failed: &s.counters.LogErrors, Panicked: cfg.Panicked}
	if !cfg.Local {
		g.Timeout = cfg.Times.Log
	}
	s.log = guard.New(cfg.Log, g)
	return s
}

// Log returns the log, each use of which is bounded. Uses with Context cost the least.
func (s *Set) Log() *guard.Log { return s.log }

// Context ends with the set.
func (s *Set) Context() context.Context { return s.life.ctx }

// Counters returns what was counted so far.
func (s *Set) Counters() *Counters { return &s.counters }

// Clock returns the time since the set was made.
func (s *Set) Clock() time.Duration { return time.Since(s.epoch) }

func (s *Set) id() string { return *s.self.name.Load() }

func (s *Set) newID() {
	id := "s-" + strings.ToLower(rand.Text()[:16])
	s.self.name.Store(&id)
}

// jitter returns a random time from 0 to d.
func jitter(d time.Duration) time.Duration {
	return time.Duration(mrand.Int64N(max(1, int64(d))))
}

// spawn runs f in a goroutine that End waits for. f ends soon after its context does.
func (s *Set) spawn(f func(ctx context.Context)) {
	s.mu.Lock()
	ended := s.life.ended
	if !ended {
		s.life.tasks.Add(1)
	}
	s.mu.Unlock()
	if ended {
		return
	}
	go func() {
		defer s.life.tasks.Done()
		f(s.life.ctx)
	}()
}

// Count returns the rooms in use and the users in them, each counted once a room.
func (s *Set) Count() (rooms, users int) {
	s.mu.Lock()
	rooms = s.roomCount
	s.mu.Unlock()
	s.rooms.Range(func(_, v any) bool {
		r := v.(*room)
		r.mu.Lock()
		for _, o := range r.users {
			if _, here := o.wanted(); here {
				users++
			}
		}
		r.mu.Unlock()
		return true
	})
	return rooms, users
}

// Closing reports whether BeginClosing was called.
func (s *Set) Closing() bool { return s.life.closing.Load() }

// BeginClosing has nobody join from now on.
func (s *Set) BeginClosing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.life.closing.Swap(true) {
		close(s.life.done)
	}
}

// End stops, once, what runs beside the members, and returns what is closed when it has
// stopped. Closing has begun and the members are gone.
func (s *Set) End() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.over == nil {
		s.life.over = make(chan struct{})
		s.life.ended = true
		go s.stop() // ends when the log lets it
	}
	return s.life.over
}

func (s *Set) stop() {
	defer close(s.life.over)
	if s.feed.opened.Load() && !s.cfg.Local {
		s.log.Beat(context.Background(), s.id(), max(s.cfg.Times.Grace, time.Second)) // the last sign of life
	}
	s.life.cancel()
	s.life.tasks.Wait()
	s.mu.Lock()
	o := s.feed.opening
	s.mu.Unlock()
	if o != nil {
		<-o.done
	}
	s.mu.Lock()
	opened := s.feed.opened.Swap(false)
	s.mu.Unlock()
	if opened {
		s.log.Close(sink{s})
	}
	<-s.cfg.Logger.Idle()
}

// Tell has every server that shares the log, this one too, do what e says.
func (s *Set) Tell(ctx context.Context, e chatlog.Event) error {
	s.cfg.Control(e)
	return s.log.Signal(ctx, controlRoom, e)
}
