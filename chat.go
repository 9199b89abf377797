package chat

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/server"
)

// A Server is a chat server: an [http.Handler] for the paths of the [protocol], below the
// path where it is mounted, and the rooms of a Go program. Make one with [New]; the zero
// Server does not work. All methods may be called concurrently. A method whose context is
// canceled returns the context's error; a method whose context has passed its deadline
// returns ErrUnavailable.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
type Server struct{ core *server.Server }

// New returns a Server with the given options. It starts no goroutine and does not use the
// log. It panics if an option has a value that makes no sense; see [Option]. A log that
// cannot be reached causes errors only when it is used.
func New(opts ...Option) *Server {
	c := server.Defaults()
	for _, o := range opts {
		o(&c)
	}
	return &Server{server.New(c)}
}

// ServeHTTP implements [http.Handler]. It returns when the connection is upgraded (RFC
// 6455, section 4). The connection then lives on: Shutdown and Close of the Server end it,
// those of net/http do not. An upgrade needs HTTP/1.1. It also needs a w that is an
// [http.Hijacker], or that has an Unwrap method which leads to one, as
// [http.ResponseController] asks of middleware. Otherwise the answer is 501. An event
// stream over HTTP/1.1 is taken over in the same way. Over HTTP/2, and where that is not
// possible, ServeHTTP returns when the stream has ended, and w must have Flush and
// SetWriteDeadline, or an Unwrap method that leads to them.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.core.ServeHTTP(w, r) }

// Stats are the counters of one server. The int fields are current values; the uint64
// fields count from New on.
type Stats struct {
	Connections int // open now, to this server
	Rooms       int // in use now, by this server
	Members     int // users in those rooms now; a user of two rooms counts twice

	Messages   uint64 // sent or published through this server and kept by the log
	Deliveries uint64 // events written to members
	Rounds     uint64 // rounds of delivery; Deliveries/Rounds is their mean size
	SlowCloses uint64 // members that were told 1013 because they were too far behind
	Refused    uint64 // requests refused: malformed, or by a limit, the origin check or a hook
	LogErrors  uint64 // uses of the log that failed or timed out
	Resets     uint64 // times that a room's log lost events that were delivered
	Panics     uint64 // calls of hooks, the logger or the log that panicked, and faults of the server itself
}

// Stats returns the server's counters. Its cost grows with the number of rooms in use.
func (s *Server) Stats() Stats {
	r := s.core.Rooms.Stats()
	return Stats{
		Connections: s.core.Connections(),
		Rooms:       r.Rooms,
		Members:     r.Users,
		Messages:    r.Messages,
		Deliveries:  r.Deliveries,
		Rounds:      r.Rounds,
		SlowCloses:  r.Slow,
		Refused:     s.core.Refused(),
		LogErrors:   r.LogErrors,
		Resets:      r.Resets,
		Panics:      s.core.Rules.Panics.Load(),
	}
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
	entries := server.Checked("NewMemoryLog: Entries", o.Entries, 0)
	bytes := server.Checked("NewMemoryLog: Bytes", o.Bytes, 0)
	return memlog.New(cmp.Or(entries, 256), cmp.Or(bytes, 1<<20), cmp.Or(o.Expiry, time.Hour))
}

// The errors that a caller can act on. Test for them with [errors.Is].
var (
	// ErrServerClosed is returned by Publish, Follow, Disconnect and Reauthorize after a
	// call of Shutdown or Close.
	ErrServerClosed = rules.ErrClosed
	// ErrUnavailable is returned when the log failed or did not answer in time, and when a
	// hook could not decide. After it, a published message may still have been kept:
	// publish it again with the same ID.
	ErrUnavailable = rules.ErrUnavailable
	// ErrBadName is returned for a room's name or a username that the rules refuse.
	ErrBadName = rules.ErrBadName
	// ErrBadMessage is returned for a message that is empty, too long or not
	// UTF-8, or has an ID over 64 bytes or bad Data; for a reply to what is not there yet; and
	// for what can be no reaction or no signal.
	ErrBadMessage = rules.ErrBadMessage
	// ErrNoSuchMessage is returned when there is no message to edit, to delete or to react
	// to: it was never there or is no longer, or the user may not see it or may not do this.
	ErrNoSuchMessage = rules.ErrNoSuchMessage
	// ErrUnsupported is returned for what the log cannot do: see package chatlog for what
	// a log may leave out. The logs of this repository leave out nothing, except that
	// redislog does not store places for FollowAll.
	ErrUnsupported = rules.ErrUnsupported
	// ErrNoSuchUser is returned for a private message to an anonymous user who
	// is not in the room.
	ErrNoSuchUser = rules.ErrNoSuchUser
	// ErrRejected is returned when the filter refused a message. The error's text contains
	// the filter's.
	ErrRejected = rules.ErrRejected
	// ErrGap is yielded by Follow when events between the last event yielded and the next
	// one are no longer available.
	ErrGap = rooms.ErrGap
	// ErrBadCode is returned by Disconnect for a close code that an application may not send.
	ErrBadCode = errors.New("chat: bad close code")
	// ErrTooMany is returned when the limit on rooms is reached, and for a reaction to a
	// message that has 20 different ones. HTTP clients get status 429 for every limit.
	ErrTooMany = rules.ErrTooMany
)
