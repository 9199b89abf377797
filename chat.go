package chat

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/hook"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/origin"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// A Server is a chat server: an [http.Handler] for the paths of the [protocol], below the
// path where it is mounted, and the rooms of a Go program. Make one with [New]; the zero
// Server does not work. All methods may be called concurrently. A method whose context is
// canceled returns the context's error; a method whose context has passed its deadline
// returns ErrUnavailable.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
type Server struct {
	// Immutable. The order of all locks is in package internal/lock.
	cfg    config
	local  bool // no other server uses the log
	rooms  *rooms.Set
	limits *limit.Limits
	logger *logging.Logger
	conns  wsconn.Config

	stats    counters
	hooks    hook.Caller
	refusals origin.Refusals

	mu       lock.Server
	sessions map[*session]struct{}
	joining  map[*session]struct{} // sessions in the middle of their handshakes
	empty    chan struct{}         // closed when the last session has ended; nil if no goroutine waits
}

// New returns a Server with the given options. It starts no goroutine and does not use the
// log. It panics if an option has a value that makes no sense; see [Option]. A log that
// cannot be reached causes errors only when it is used.
func New(opts ...Option) *Server {
	s := &Server{
		cfg:      defaults(),
		sessions: map[*session]struct{}{},
		joining:  map[*session]struct{}{},
	}
	for _, o := range opts {
		o(&s.cfg)
	}
	s.local = s.cfg.log == nil
	s.cfg.finish()
	l := &s.cfg.limits
	s.limits = limit.New(limit.Config{
		Connections: l.conns, PerAddress: l.perAddress, PerUser: l.perUser, Rate: l.rate, Burst: l.burst,
	})
	s.hooks.Panicked = s.panicked
	s.logger = logging.New(s.cfg.logger, &s.stats.panics)
	s.rooms = rooms.New(s.roomsConfig())
	s.conns = wsconn.Config{Clock: s.rooms.Clock, ReadLimit: s.cfg.frameLimit(), WriteTimeout: s.cfg.times.write}
	return s
}

func (s *Server) roomsConfig() rooms.Config {
	l, t := &s.cfg.limits, &s.cfg.times
	rc := rooms.Config{
		Log: s.cfg.log, Local: s.local,
		Limits: rooms.Limits{
			History: l.history, Resume: l.resume, Lag: l.lag,
			Rooms: l.rooms, Members: l.members, Presence: l.presenceNotice,
		},
		Times: rooms.Times{
			Flush: t.flush, FlushMost: t.flushMost, Grace: t.grace, Log: t.log,
			PingInterval: t.pingInterval, PingTimeout: t.pingTimeout,
		},
		Receipts: s.cfg.receipts, Logger: s.logger, Control: s.control, Sweep: s.limits.Sweep, Panicked: s.logPanicked,
	}
	if s.cfg.compress {
		rc.Pack = wsconn.Deflate
	}
	if s.cfg.hooks.present != nil {
		rc.Present = s.present
	}
	return rc
}

// ServeHTTP implements [http.Handler]. It returns when the connection is upgraded (RFC
// 6455, section 4). The connection then lives on: Shutdown and Close of the Server end it,
// those of net/http do not. An upgrade needs HTTP/1.1. It also needs a w that is an
// [http.Hijacker], or that has an Unwrap method which leads to one, as
// [http.ResponseController] asks of middleware. Otherwise the answer is 501.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			panic(p) // net/http handles it
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
	case unreadEndpoint:
		s.serveUnread(w, r)
	default:
		s.notFound(w, path)
	}
}

// counters are the counts of Stats that package rooms does not keep.
type counters struct {
	refused, panics atomic.Uint64
}

// Stats are the counters of one server. The int fields are current values; the uint64
// fields count from New on.
type Stats struct {
	Connections int // open now, to this server
	Rooms       int // in use now, by this server
	Members     int // users in those rooms now; a user of two rooms counts twice

	Messages   uint64 // sent or published through this server and kept by the log
	Deliveries uint64 // events written to members
	Rounds     uint64 // rounds of delivery; Deliveries/Rounds is their mean size
	SlowCloses uint64 // members closed with 1013 because they were too far behind
	Refused    uint64 // requests refused: malformed, or by a limit, the origin check or a hook
	LogErrors  uint64 // uses of the log that failed or timed out
	Resets     uint64 // times that a room's log lost events that were delivered
	Panics     uint64 // calls of hooks, the logger or the log that panicked, and faults of the server itself
}

// Stats returns the server's counters. Its cost grows with the number of rooms in use.
func (s *Server) Stats() Stats {
	c := s.rooms.Counters()
	st := Stats{
		Messages:   c.Messages.Load(),
		Deliveries: c.Deliveries.Load(),
		Rounds:     c.Rounds.Load(),
		SlowCloses: c.Slow.Load(),
		Refused:    s.stats.refused.Load(),
		LogErrors:  c.LogErrors.Load(),
		Resets:     c.Resets.Load(),
		Panics:     s.stats.panics.Load(),
	}
	st.Rooms, st.Members = s.rooms.Count()
	s.mu.Lock()
	st.Connections = len(s.sessions)
	s.mu.Unlock()
	return st
}

// endpoint is the handler that a path belongs to.
type endpoint int

const (
	noEndpoint endpoint = iota
	socketEndpoint
	roomsEndpoint
	messagesEndpoint
	membersEndpoint
	unreadEndpoint
)

// endpointOf returns the endpoint of a path's segments.
func endpointOf(path []string) endpoint {
	switch {
	case len(path) == 2 && path[0] == "ws":
		return socketEndpoint
	case len(path) == 1 && path[0] == "rooms":
		return roomsEndpoint
	case len(path) == 1 && path[0] == "unread":
		return unreadEndpoint
	case len(path) == 3 && path[0] == "rooms" && path[2] == "messages":
		return messagesEndpoint
	case len(path) == 3 && path[0] == "rooms" && path[2] == "members":
		return membersEndpoint
	}
	return noEndpoint
}

// MemoryOptions say what a memory log keeps. The zero MemoryOptions mean the defaults.
type MemoryOptions struct {
	// Entries is the number of latest messages kept per room; 0 means 256. A negative number
	// panics. Beside them the log keeps the latest edits, deletes and reactions: as many as
	// messages or more, and at least 256.
	Entries int
	// Bytes limits the bytes kept per room: texts, data, names, 200 bytes per entry, the
	// users of each reaction, and the index of private messages. 0 means 1 MiB. A negative
	// number panics.
	Bytes int
	// Expiry is how long a room is remembered after its last use; 0 means one hour. With a
	// negative duration a room is forgotten as soon as it is empty. Clients that resume
	// later are told of the gap.
	Expiry time.Duration
}

// NewMemoryLog returns a log in this process's memory, for [WithLog]. Use it for one server
// that keeps more messages than a client gets when it joins, or for several servers in one
// process. The log ends with the process. Rooms that no server uses take at most 64 MiB
// together: beyond that, the room unused for the longest time is forgotten first. A
// forgotten room begins a new epoch.
//
// The log remembers the ids of messages for five to ten minutes, or for less in a room that
// gets more than 262,144 of them in five minutes. It keeps the read markers of a room as long
// as the room, those of the 65,536 users who marked last at least.
func NewMemoryLog(o MemoryOptions) Log {
	entries := checked("NewMemoryLog: Entries", o.Entries, 0)
	bytes := checked("NewMemoryLog: Bytes", o.Bytes, 0)
	return memlog.New(cmp.Or(entries, 256), cmp.Or(bytes, 1<<20), cmp.Or(o.Expiry, time.Hour))
}

// The errors that a caller can act on. Test for them with [errors.Is].
var (
	// ErrServerClosed is returned by Publish, Follow, Disconnect and Reauthorize after a
	// call of Shutdown or Close.
	ErrServerClosed = rooms.ErrClosed
	// ErrUnavailable is returned when the log failed or did not answer in time, and when a
	// hook could not decide. After it, a published message may still have been kept:
	// publish it again with the same ID.
	ErrUnavailable = guard.ErrUnavailable
	// ErrBadName is returned for a room's name or a username that the rules refuse.
	ErrBadName = errors.New("chat: bad name")
	// ErrBadMessage is returned for a message that is empty, too long or not
	// UTF-8, or has an ID over 64 bytes or bad Data; for a reply to what is not there yet; and
	// for what can be no reaction or no signal.
	ErrBadMessage = errors.New("chat: bad message")
	// ErrNoSuchMessage is returned when there is no message to edit, to delete or to react
	// to: it was never there or is no longer, or the user may not see it or may not do this.
	ErrNoSuchMessage = chatlog.ErrNoSuchMessage
	// ErrUnsupported is returned for what the log cannot do: see package chatlog for what
	// a log may leave out. All logs of this repository can do everything.
	ErrUnsupported = guard.ErrUnsupported
	// ErrNoSuchUser is returned for a private message to an anonymous user who
	// is not in the room.
	ErrNoSuchUser = errors.New("chat: no such user")
	// ErrRejected is returned when the filter refused a message. The error's text contains
	// the filter's.
	ErrRejected = errors.New("chat: rejected")
	// ErrGap is yielded by Follow when events between the last event yielded and the next
	// one are no longer available.
	ErrGap = rooms.ErrGap
	// ErrBadCode is returned by Disconnect for a close code that an application may not send.
	ErrBadCode = errors.New("chat: bad close code")
	// ErrTooMany is returned when the limit on rooms is reached, and for a reaction to a
	// message that has 20 different ones. HTTP clients get status 429 for every limit.
	ErrTooMany = limit.ErrReached
)
