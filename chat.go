package chat

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rand"
	"math"
	mrand "math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/origin"
)

// A Server is a chat server: an [http.Handler] for the paths of docs/protocol.md
// below wherever it is mounted, and the rooms of a Go program. Make one with
// [New]; the zero Server does not work. Its methods may be called at once from
// many goroutines. They return the context's error if it was canceled, and
// ErrUnavailable if it ended for being late.
type Server struct {
	// Immutable. Locks are taken in the order wire.mu, room.mu, Server.mu,
	// limits.mu, and nothing is held across a blocking write, a use of the log
	// or a call of a hook.
	cfg        config
	log        *guard.Log
	local      bool // the log is this server's alone
	origins    []origin.Pattern
	proxies    []netip.Prefix
	trustsUnix bool                // proxies that come over a Unix socket
	pack       func([]byte) []byte // compresses a payload; nil without compression
	limits     *limit.Limits
	logger     *logging.Logger
	epoch      time.Time // of the server's own clock
	ctx        context.Context
	cancel     context.CancelFunc
	done       chan struct{} // closed when closing begins
	nudged     chan struct{} // asks the ticker to compare with the log now
	early      chan struct{} // asks keepBeating not to wait
	turns      chan struct{} // a value for each try again at telling the log of a user

	rooms       sync.Map // name to *room; written under mu
	closing     atomic.Bool
	interrupted atomic.Bool
	comparing   atomic.Bool
	name        atomic.Pointer[string] // of this server in Presence
	stats       counters
	calls       atomic.Int64 // of hooks, under way
	refusals    refusals
	listing     atomic.Pointer[openRooms]
	retired     retired

	mu        sync.Mutex
	roomCount int
	members   map[*member]struct{}
	joining   map[*member]struct{} // whose handshakes are under way
	empty     chan struct{}        // closed when the last member is gone; nil if nobody waits
	tasks     sync.WaitGroup       // goroutines of spawn
	ended     bool                 // no more tasks

	opening *opening      // the log is being opened; nil if nobody does
	opened  atomic.Bool   // written under mu
	over    chan struct{} // closed when end has returned; made by the first to end
}

// opening is an attempt to open the log, for all who wait for it.
type opening struct {
	done chan struct{} // closed when it has ended
	err  error         // why it has failed; read after done
}

// controlRoom carries what servers tell each other. No room can have this name.
const controlRoom = ".."

// beatTTL is how long the log takes a server to live after each sign of life.
const beatTTL = 15 * time.Second

// New returns a Server with the given options. It starts nothing and cannot
// fail: values out of range are settled as each option says, and a log that
// cannot be reached shows when it is used.
func New(opts ...Option) *Server {
	s := &Server{
		cfg:     defaults(),
		epoch:   time.Now(),
		done:    make(chan struct{}),
		nudged:  make(chan struct{}, 1),
		early:   make(chan struct{}, 1),
		turns:   make(chan struct{}, 64),
		members: map[*member]struct{}{},
		joining: map[*member]struct{}{},
	}
	for _, o := range opts {
		o(&s.cfg)
	}
	s.local = s.cfg.log == nil
	s.cfg.settle()
	for _, p := range s.cfg.origins {
		s.origins = append(s.origins, mustOriginPattern(p))
	}
	for _, p := range s.cfg.proxies {
		if s.trustsUnix = s.trustsUnix || p == unixProxy; p != unixProxy {
			s.proxies = append(s.proxies, mustPrefix(p))
		}
	}
	if s.cfg.compress {
		s.pack = deflate
	}
	s.limits = limit.New(limit.Config{
		Connections: s.cfg.maxConns, PerAddress: s.cfg.maxPerAddr, PerUser: s.cfg.maxPerUser,
		Rate: s.cfg.rate, Burst: s.cfg.burst,
	})
	s.logger = logging.New(s.cfg.logger, &s.stats.panics)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.newID()
	g := guard.Config{Server: s.ctx, Failed: &s.stats.logErrors, Panicked: s.logPanicked}
	if !s.local {
		g.Timeout = s.cfg.logTimeout
	}
	s.log = guard.New(s.cfg.log, g)
	return s
}

// ServeHTTP implements [http.Handler]. It returns as soon as a connection is
// upgraded; Shutdown and Close end those, as net/http's own do not. Upgrading
// needs HTTP/1.1, and a w that is an [http.Hijacker] or has an Unwrap method that
// leads to one, as [http.ResponseController] asks of middleware; else the answer
// is 501.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			panic(p) // net/http knows what to do
		}
		// A hook has ended the goroutine: net/http closes the connection now.
		s.refuse(w, errInternal)
		http.NewResponseController(w).Flush()
	}()
	s.route(w, r)
	returned = true
}

func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	e := endpointOf(path)
	if !s.shareAnswer(w, r, e) {
		return
	}
	switch e {
	case socketEndpoint:
		s.serveSocket(w, r, path[1])
	case roomsEndpoint:
		s.serveRooms(w, r)
	case messagesEndpoint:
		s.serveMessages(w, r, path[1])
	case membersEndpoint:
		s.serveMembers(w, r, path[1])
	default:
		s.notFound(w, path)
	}
}

// clock returns the time since the server was made.
func (s *Server) clock() time.Duration { return time.Since(s.epoch) }

func (s *Server) id() string { return *s.name.Load() }

func (s *Server) newID() {
	id := "s-" + strings.ToLower(rand.Text()[:16])
	s.name.Store(&id)
}

// jitter returns a random time from 0 to d.
func jitter(d time.Duration) time.Duration {
	return time.Duration(mrand.Int64N(max(1, int64(d))))
}

// spawn runs f in a goroutine that Shutdown and Close wait for. f ends soon after
// its context does.
func (s *Server) spawn(f func(ctx context.Context)) {
	s.mu.Lock()
	ended := s.ended
	if !ended {
		s.tasks.Add(1)
	}
	s.mu.Unlock()
	if ended {
		return
	}
	go func() {
		defer s.tasks.Done()
		f(s.ctx)
	}()
}

// deflate compresses a payload as one message of permessage-deflate without
// context takeover (RFC 7692, section 7.2.1). It returns nil if that gains
// nothing.
func deflate(payload []byte) []byte {
	if len(payload) < 64 {
		return nil
	}
	z := deflaters.Get().(*deflater)
	defer deflaters.Put(z)
	z.buf.Reset()
	z.w.Reset(&z.buf)
	z.w.Write(payload)
	z.w.Flush()
	out := z.buf.Bytes()
	if n := len(out) - 4; n > 0 && n < len(payload) {
		return append([]byte(nil), out[:n]...) // without the 00 00 ff ff of the flush
	}
	return nil
}

type deflater struct {
	buf bytes.Buffer
	w   *flate.Writer
}

var deflaters = sync.Pool{New: func() any {
	z := new(deflater)
	z.w, _ = flate.NewWriter(&z.buf, flate.DefaultCompression)
	return z
}}

// counters are what Stats reports.
type counters struct {
	messages, deliveries, rounds, slow, refused, logErrors, resets, panics atomic.Uint64
}

// Stats is a look at a server's work. The uint64 fields count from New on.
type Stats struct {
	Connections int // open now, to this server
	Rooms       int // in use now, by this server
	Members     int // users in those rooms now, each counted once a room

	Messages   uint64 // sent or published through this server and kept by the log
	Deliveries uint64 // events written to members
	Rounds     uint64 // rounds of delivery; Deliveries/Rounds is their mean size
	SlowCloses uint64 // members closed with 1013 for being behind
	Refused    uint64 // requests refused by a limit, an origin or a hook, or as malformed
	LogErrors  uint64 // uses of the log that failed or came too late
	Resets     uint64 // rooms whose log lost what had been delivered
	Panics     uint64 // calls of hooks, the logger or the log that panicked, and faults of the server itself
}

// Stats returns the server's counters. It looks at every room in use.
func (s *Server) Stats() Stats {
	st := Stats{
		Messages:   s.stats.messages.Load(),
		Deliveries: s.stats.deliveries.Load(),
		Rounds:     s.stats.rounds.Load(),
		SlowCloses: s.stats.slow.Load(),
		Refused:    s.stats.refused.Load(),
		LogErrors:  s.stats.logErrors.Load(),
		Resets:     s.stats.resets.Load(),
		Panics:     s.stats.panics.Load(),
	}
	s.mu.Lock()
	st.Connections, st.Rooms = len(s.members), s.roomCount
	s.mu.Unlock()
	s.rooms.Range(func(_, v any) bool {
		r := v.(*room)
		r.mu.Lock()
		for _, o := range r.users {
			if _, here := o.wanted(); here {
				st.Members++
			}
		}
		r.mu.Unlock()
		return true
	})
	return st
}

// seconds returns d for a Retry-After header: whole seconds, at least one.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
