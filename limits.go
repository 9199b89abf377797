package chat

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/names"
)

// WithHistory sets how many messages of a room a joiner gets first, and how many the
// server's own memory log keeps. The default is 50; zero is none.
func WithHistory(messages int) Option {
	return func(c *config) { c.limits.history = checked("WithHistory", messages, 0) }
}

// WithResume sets how many of its latest messages a room in use holds ready for clients
// that come back with a position, beside what the log itself keeps. The default is 256; it
// is never less than the history. The bytes of [WithMaxLag] bound it too.
func WithResume(messages int) Option {
	return func(c *config) { c.limits.resume = checked("WithResume", messages, 0) }
}

// WithMaxLag bounds the live part of a room's log in bytes, and so how far a
// member may be behind what is published: one that falls off is closed with 1013
// and can come back and resume. All slow members of a room share these bytes.
// The default is 1 MiB, and zero panics. It is at least four times the largest
// frame. The memory that a room's live part takes is counted, not the
// bytes on the wire, and may be an eighth more for a moment.
func WithMaxLag(bytes int) Option {
	return func(c *config) { c.limits.lag = checked("WithMaxLag", bytes, 1) }
}

// maxMessageSize is small enough for any sum made of a few messages to fit in an
// int of 32 bits.
const maxMessageSize = 64 << 20

// WithRateLimit lets each user send perSecond messages per second on average, over
// all connections to this server, and burst together (a token bucket, as in
// golang.org/x/time/rate). What is over the limit is refused and the sender told
// when to try again. An anonymous user who comes back without its session is
// another one, so bound the connections of an address too. The default, and the meaning
// of zero for perSecond, is no limit. The largest burst is 2,147,483,647, which every
// client can count to; one below 1 panics, unless there is no limit.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) {
		if !(perSecond >= 0) || math.IsInf(perSecond, 1) {
			panic("chat: WithRateLimit: perSecond is no number from 0 on")
		}
		if c.limits.rate = perSecond; perSecond > 0 {
			c.limits.burst = min(checked("WithRateLimit", burst, 1), math.MaxInt32)
		}
	}
}

// WithMessageSize bounds the text of a message in bytes. The default is 16 KiB; zero, like
// more than that, is 64 MiB. A WebSocket message of more than twice as much (the room that
// JSON's escapes need), or 4 KiB if that is more, ends the connection with 1009.
func WithMessageSize(bytes int) Option {
	return func(c *config) {
		if c.limits.messageSize = min(checked("WithMessageSize", bytes, 0), maxMessageSize); bytes == 0 {
			c.limits.messageSize = maxMessageSize
		}
	}
}

// WithMaxConnections bounds the live connections of the server; one more is refused with
// status 429. The default, zero, is no limit but the process's own of open files.
func WithMaxConnections(n int) Option {
	return func(c *config) { c.limits.conns = checked("WithMaxConnections", n, 0) }
}

// WithMaxConnectionsPerAddress bounds the live connections from one client
// address (an IPv6 address counts by its /64); one more is refused with status
// 429. The default, zero, is no limit. Behind a proxy every client has the proxy's address
// unless WithTrustedProxies names it.
func WithMaxConnectionsPerAddress(n int) Option {
	return func(c *config) { c.limits.perAddress = checked("WithMaxConnectionsPerAddress", n, 0) }
}

// WithMaxConnectionsPerUser bounds the live connections of one user to this
// server; one more is refused with status 429. The default, zero, is no limit.
func WithMaxConnectionsPerUser(n int) Option {
	return func(c *config) { c.limits.perUser = checked("WithMaxConnectionsPerUser", n, 0) }
}

// WithMaxRooms bounds the rooms in use on this server; joining one more is
// refused with status 429. The default is 100,000; zero is no limit.
func WithMaxRooms(n int) Option {
	return func(c *config) {
		if c.limits.rooms = checked("WithMaxRooms", n, 0); n == 0 {
			c.limits.rooms = math.MaxInt
		}
	}
}

// WithMaxMembers bounds the connections to one room on this server; one more is
// refused with status 429. The default, zero, is no limit.
func WithMaxMembers(n int) Option {
	return func(c *config) { c.limits.members = checked("WithMaxMembers", n, 0) }
}

// WithPresenceSize sets the number of connections to a room on this server above
// which joins and leaves are not told one by one: they are gathered, and chat.v1
// members get them four times per second in one presence object. The default is 250; zero
// is no limit: every one is told at any size.
func WithPresenceSize(members int) Option {
	return func(c *config) {
		if c.limits.presenceNotice = checked("WithPresenceSize", members, 0); members == 0 {
			c.limits.presenceNotice = -1
		}
	}
}

// longest is the longest time that an option means: more counts as so much, so that
// sums of a few of them do not overflow.
const longest = 100 * 365 * 24 * time.Hour

// WithPing sets after how long a silence a client is pinged (RFC 6455, section
// 5.5.2), and how long it then has to answer before it is dropped. Times are
// kept to a second or a quarter of the smaller of the two, whichever is less.
// The defaults are 25 s and 10 s. An interval of zero sends no pings; a timeout of zero
// drops nobody for being silent.
func WithPing(interval, timeout time.Duration) Option {
	return func(c *config) {
		c.times.pingInterval = checked("WithPing", interval, 0)
		c.times.pingTimeout = checked("WithPing", timeout, 0)
	}
}

// WithWriteTimeout sets how long 16 KiB may take to be accepted by a client's
// connection before it is dropped. The default is 10 s; zero is no limit.
func WithWriteTimeout(d time.Duration) Option {
	return func(c *config) { c.times.write = checked("WithWriteTimeout", d, 0) }
}

// WithFlushInterval sets the least time between two rounds of delivery of a room
// with more than a few members: what is published meanwhile goes out in one
// write for each member. The first message after a quiet spell is not held up. The
// default is 2 ms, and up to 5 ms while the rounds themselves take more than a
// third of that time. Zero is no pause: the lowest delay while the load is small, and
// twice the work when it is not: see the [figures].
//
// [figures]: https://github.com/seed-08328bfd/chat/blob/main/docs/operations.md#delay-against-work
func WithFlushInterval(d time.Duration) Option {
	return func(c *config) {
		c.times.flush = checked("WithFlushInterval", d, 0)
		c.times.flushMost = c.times.flush
	}
}

// WithLeaveGrace sets how long the loss of a chat.v1 connection that did not
// close cleanly is kept from the others: whoever is back within it has never
// left. The default is 5 s; zero is none.
func WithLeaveGrace(d time.Duration) Option {
	return func(c *config) { c.times.grace = checked("WithLeaveGrace", d, 0) }
}

// WithLogTimeout bounds each use of the log, and so how long a sender waits to
// be told that it is unavailable. The default is 2 s, and zero panics: a log that hangs
// must not hang its callers.
func WithLogTimeout(d time.Duration) Option {
	return func(c *config) { c.times.log = checked("WithLogTimeout", d, 1) }
}

// MemoryOptions say what a memory log keeps. The zero MemoryOptions are the defaults.
type MemoryOptions struct {
	// Entries is how many of the latest entries of each room are kept; 0 is 256. A
	// negative number panics.
	Entries int
	// Bytes bounds the bytes of text and names that are kept of one room, whatever their
	// number, the index of private messages included; 0 is 1 MiB. A negative number panics.
	Bytes int
	// Expiry is how long a room is remembered after its last use; 0 is an hour, and a
	// negative time forgets a room as soon as it is empty. Clients that resume later are
	// told of the gap.
	Expiry time.Duration
}

// NewMemoryLog returns a log in this process's memory, for one server that is to keep
// more than a joiner gets, or several servers of one process to share, with [WithLog]; it
// ends with the process. Rooms that no server has in use take at most 64 MiB together:
// those that were not used the longest are forgotten earlier. A forgotten room begins a
// new epoch.
//
// The ids of messages are known for five to ten minutes, or for less in a room
// where more than 262,144 of them come in five minutes.
func NewMemoryLog(o MemoryOptions) Log {
	entries := checked("NewMemoryLog: Entries", o.Entries, 0)
	bytes := checked("NewMemoryLog: Bytes", o.Bytes, 0)
	return memlog.New(cmp.Or(entries, 256), cmp.Or(bytes, 1<<20), cmp.Or(o.Expiry, time.Hour))
}

// CleanUsername is the default username rule. It returns name as it is shown: in
// Unicode's normal form KC (UAX #15) but where that spoils names, each emoji in one form, without
// white space around it and with one space for several; the result may be empty. The error says
// what to change. Refused are
//
//   - what is not UTF-8, or longer than 64 characters (code points);
//   - control, format (such as bidirectional overrides and zero-width characters),
//     unassigned, private-use and blank characters but the space. The joiners U+200C and
//     U+200D may stand where they change how letters look (UAX #31, section 2.3) and
//     in emoji (UTS #51), and are left out where they change nothing;
//   - combining marks that have no letter, or are too many on one;
//   - a word with letters of scripts that no language mixes, or with digits of two,
//     which is how one name is made to look like another: words are moderately
//     restrictive (UTS #39, section 5.2), and Armenian does not mix with Latin either.
//     Words end at everything that is no letter, mark or number: "Олег (Oleg)" is fine.
//
// Names need not be unique, and letters of one script may look alike: the user's
// id tells users apart.
func CleanUsername(name string) (string, error) {
	n, err := names.Check("username", strings.TrimFunc(name, func(r rune) bool {
		return unicode.Is(unicode.Zs, r) // control characters are refused at the ends too
	}))
	if err != nil {
		return "", badName(err)
	}
	return strings.Trim(n, " "), nil
}

// CleanRoom is the default room rule. It returns name as [CleanUsername] does, so that
// names that look the same are the same room; upper and lower case
// differ. It refuses the empty name, ".", ".." and names with a slash or backslash,
// with white space around them, or with anything that CleanUsername refuses.
func CleanRoom(name string) (string, error) {
	n, err := names.Check("room's name", name)
	switch {
	case err != nil:
		return "", badName(err)
	case n == "":
		return "", fmt.Errorf("%w: the room's name is empty", ErrBadName)
	case n == "." || n == "..":
		return "", fmt.Errorf("%w: . and .. are no names of a room", ErrBadName)
	case strings.ContainsAny(n, `/\`):
		return "", fmt.Errorf("%w: a room's name has no / and no \\ in it", ErrBadName)
	case strings.TrimSpace(n) != n:
		return "", fmt.Errorf("%w: the room's name has space around it", ErrBadName)
	}
	return n, nil
}

func badName(err error) error { return fmt.Errorf("%w: %w", ErrBadName, err) }
