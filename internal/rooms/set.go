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
	"github.com/seed-08328bfd/chat/internal/trace"
)

// The errors of this package. Methods also return those of package guard and of contexts.
var (
	ErrClosed = errors.New("chat: server closed")
	ErrGap    = errors.New("chat: gap in the log")
)

// controlRoom carries the commands that servers send each other. No room can have this name.
const controlRoom = ".."

// A Config says how a Set works. It never changes.
type Config struct {
	Log    chatlog.Log
	Clock  func() time.Duration // the time since some moment
	Local  bool                 // the log is in memory, and no other server uses it
	Limits Limits
	Times  Times
	// Receipts says that everyone is told how far users have read; otherwise the user's
	// own connections are.
	Receipts bool

	Pack    func([]byte) []byte // compresses a payload; nil without compression
	Logger  *logging.Logger
	Control func(e chatlog.Event) // carries out a command that a server has sent to all
	Sweep   func()                // called every few seconds
	// Ping is called every quarter of a ping interval or timeout, and at least once a second,
	// with the time of Clock: to ping each connection that is silent, however many
	// rooms it is in.
	Ping func(now time.Duration)
	// Present is called for each user that has joined a room or left it, one call after
	// another; nil without such a hook.
	Present func(room string, m chatlog.Member, present bool)
	// Tracer is told of appends, and of rounds that deliver an entry with a trace; nil without.
	// Its methods do not panic.
	Tracer trace.Tracer
	// Panicked is called after a panic of the log, perhaps under a lock.
	Panicked func(method, room string, p any, stack []byte)
}

// Limits are the numbers of a Config; zero is none, unless it says otherwise.
type Limits struct {
	History  int // messages that a joiner gets
	Resume   int // entries held for clients that come back
	Lag      int // bytes held per room
	Rooms    int // in use
	Members  int // connections to a room; 0: any number
	Joined   int // rooms of one connection
	Presence int // connections to a room above which notices are gathered; below 0: never
}

// Times are the times of a Config.
type Times struct {
	Flush, FlushMost          time.Duration // least and most between two rounds of a large room
	Grace                     time.Duration // how long a user counts as present after a loss
	Log                       time.Duration // for one use of the log
	PingInterval, PingTimeout time.Duration
}

// A Set is the rooms in use on one server. Make one with New.
//
// The order of its locks is in package internal/lock.
type Set struct {
	// Immutable.
	cfg Config
	log *guard.Log

	life     lifecycle
	feed     feed
	identity identity
	rooms    sync.Map // name to *room; written under mu

	retired       retiredEpochs
	presenceQueue presenceQueue
	typists       typists
	counters      counters

	mu        lock.Set
	roomCount int
}

// lifecycle is the state of the set, and its goroutines that serve no single member.
type lifecycle struct {
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{}  // closed when closing begins
	closing atomic.Bool    // written under Set.mu
	ended   bool           // no more tasks; guarded by Set.mu
	tasks   sync.WaitGroup // goroutines of spawn
	stopped chan struct{}  // closed when End is through; made by the first to end, guarded by Set.mu
}

// feed is the set's connection to the log's feed.
type feed struct {
	opening     *opening    // the attempt to open the log; nil if there is none. Guarded by Set.mu
	opened      atomic.Bool // written under Set.mu
	interrupted atomic.Bool
	comparing   atomic.Bool
	sweepNow    chan struct{} // asks the ticker to compare with the log now
}

// identity is what the log knows this server by.
type identity struct {
	serverID   atomic.Pointer[string] // in Presence
	sender     string                 // marks the commands and signals of this server; immutable
	conns      atomic.Uint64          // connections so far, which gives each a number
	beatNow    chan struct{}          // asks keepBeating not to wait
	retryTurns chan struct{}          // a value for each try again at telling the log of a user
}

// counters count what happens in the rooms.
type counters struct {
	messages, deliveries, rounds, slow, resets, logErrors atomic.Uint64

	reports atomic.Int64 // rounds that are being reported to the tracer
}

// New returns a Set. It does not use the log yet.
func New(cfg Config) *Set {
	s := &Set{cfg: cfg, typists: typists{at: map[typist]time.Duration{}}}
	s.life.ctx, s.life.cancel = context.WithCancel(context.Background())
	s.life.done = make(chan struct{})
	s.feed.sweepNow = make(chan struct{}, 1)
	s.identity.beatNow = make(chan struct{}, 1)
	s.identity.retryTurns = make(chan struct{}, 64)
	s.newID()
	s.identity.sender = s.id()
	g := guard.Config{Server: s.life.ctx, Failed: &s.counters.logErrors, Panicked: cfg.Panicked}
	if !cfg.Local {
		g.Timeout = cfg.Times.Log
	}
	s.log = guard.New(cfg.Log, g)
	return s
}

// Log returns the log; each use of it has a time limit. Uses with Context cost the least.
func (s *Set) Log() *guard.Log { return s.log }

// Context returns a context that ends with the set.
func (s *Set) Context() context.Context { return s.life.ctx }

func (s *Set) id() string { return *s.identity.serverID.Load() }

func (s *Set) newID() {
	id := "s-" + strings.ToLower(rand.Text()[:16])
	s.identity.serverID.Store(&id)
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

// Closing reports whether BeginClosing was called.
func (s *Set) Closing() bool { return s.life.closing.Load() }

// BeginClosing refuses all joins from now on.
func (s *Set) BeginClosing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.life.closing.Swap(true) {
		close(s.life.done)
	}
}

// End stops the set's goroutines and closes the log's feed. It returns a channel that is
// closed when that is done; a second call returns the same channel. Call it after
// BeginClosing, when the members are gone.
func (s *Set) End() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.stopped == nil {
		s.life.stopped = make(chan struct{})
		s.life.ended = true
		go s.stop() // ends when the log lets it
	}
	return s.life.stopped
}

func (s *Set) stop() {
	defer close(s.life.stopped)
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

// Tell sends the command e to every server that shares the log, and carries it out on this
// one. The feed brings the command back to this server, perhaps much later. It is marked, so
// that it is carried out once. The command must not use Username.
func (s *Set) Tell(ctx context.Context, e chatlog.Event) error {
	s.cfg.Control(e)
	e.Username = s.identity.sender
	return s.log.Signal(ctx, controlRoom, e)
}
