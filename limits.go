package chat

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/names"
)

// limits are all numbers except the durations.
type limits struct {
	history, resume, lag           int
	rate                           float64
	burst                          int
	messageSize, dataSize          int
	conns, perAddress, perUser     int
	rooms, members, presenceNotice int
}

// times are the durations.
type times struct {
	pingInterval, pingTimeout time.Duration
	write                     time.Duration
	flush, flushMost          time.Duration
	grace                     time.Duration
	log                       time.Duration
	slow                      time.Duration // between two messages of a user; 0: none
}

// WithHistory sets how many of a room's latest messages a client gets when it joins.
// Without [WithLog] it is also the number of messages that the server's memory log keeps
// per room. The default is 50; zero means none.
func WithHistory(messages int) Option {
	return func(c *config) { c.limits.history = checked("WithHistory", messages, 0) }
}

// WithResume sets how many of a room's latest messages the server holds in memory while the
// room is in use. Clients that come back with a position within these resume without a read
// of the log. Raise it if many clients reconnect after longer losses. The default is 256;
// less than the history of [WithHistory] counts as the history. The bytes of [WithMaxLag]
// limit it too.
func WithResume(messages int) Option {
	return func(c *config) { c.limits.resume = checked("WithResume", messages, 0) }
}

// WithMaxLag limits the live part of a room's log, in bytes of memory per room. This is how
// far a member may fall behind: a member that is further behind is closed with 1013, and
// can come back and resume. All slow members of a room share this memory. The default is 1
// MiB; zero panics. Less than four times the largest frame counts as that. For a moment it
// may be exceeded by an eighth.
func WithMaxLag(bytes int) Option {
	return func(c *config) { c.limits.lag = checked("WithMaxLag", bytes, 1) }
}

// These are so small that the sizes of a few messages together fit in an int of 32 bits.
const (
	maxMessageSize = 64 << 20
	maxDataSize    = 16 << 20
)

// WithRateLimit limits the messages of each user, over all connections to this server:
// perSecond messages per second on average, and at most burst in one moment (a token
// bucket, as in golang.org/x/time/rate). A message over the limit is refused, and the
// sender is told when to try again. An anonymous user who comes back without its session
// counts as a new user, so limit the connections per address too. The default, and the
// meaning of zero for perSecond, is no limit. A negative perSecond, an infinite one and NaN
// panic. With a limit, a burst below 1 panics, and one above 2,147,483,647 counts as that.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) {
		if !(perSecond >= 0) || math.IsInf(perSecond, 1) {
			panic("chat: WithRateLimit: perSecond must be a number of 0 or more")
		}
		if c.limits.rate = perSecond; perSecond > 0 {
			c.limits.burst = min(checked("WithRateLimit", burst, 1), math.MaxInt32)
		}
	}
}

// WithMessageSize limits the text of a message, in bytes. The default is 16 KiB. The
// largest value is 64 MiB; zero, like anything larger, means that. A WebSocket message may
// have twice as many bytes, because JSON escapes need space, and at least 4 KiB, and those of
// [WithDataSize] besides; a larger one ends the connection with 1009.
func WithMessageSize(bytes int) Option {
	return func(c *config) {
		if c.limits.messageSize = min(checked("WithMessageSize", bytes, 0), maxMessageSize); bytes == 0 {
			c.limits.messageSize = maxMessageSize
		}
	}
}

// WithDataSize limits the data of a message, an edit or a signal, in bytes of its JSON text
// without the white space between its parts. The default is 8 KiB. The largest value is 16
// MiB; zero, like anything larger, means that.
func WithDataSize(bytes int) Option {
	return func(c *config) {
		if c.limits.dataSize = min(checked("WithDataSize", bytes, 0), maxDataSize); bytes == 0 {
			c.limits.dataSize = maxDataSize
		}
	}
}

// WithSlowMode sets the least time between two messages of one user in a room, private ones
// included; what amends a message does not count. It holds over all connections of the user
// and, if the log is a [chatlog.Pacer] as all in this repository are, over all servers. A
// message that comes earlier is refused, and the sender is told when to try again. Moderators
// ([WithModerator]) and [Server.Publish] need not wait. Use it in rooms with so many writers
// that nobody can follow. The default, zero, is no such time.
func WithSlowMode(d time.Duration) Option {
	return func(c *config) { c.times.slow = checked("WithSlowMode", d, 0) }
}

// WithMaxConnections limits the live connections of the server; one more is refused with
// status 429. The default, zero, is no limit except the process's limit of open files.
func WithMaxConnections(n int) Option {
	return func(c *config) { c.limits.conns = checked("WithMaxConnections", n, 0) }
}

// WithMaxConnectionsPerAddress limits the live connections from one client
// address (an IPv6 address counts by its /64); one more is refused with status
// 429. The default, zero, is no limit. Behind a proxy every client has the proxy's address
// unless WithTrustedProxies names it.
func WithMaxConnectionsPerAddress(n int) Option {
	return func(c *config) { c.limits.perAddress = checked("WithMaxConnectionsPerAddress", n, 0) }
}

// WithMaxConnectionsPerUser limits the live connections of one user to this
// server; one more is refused with status 429. The default, zero, is no limit.
func WithMaxConnectionsPerUser(n int) Option {
	return func(c *config) { c.limits.perUser = checked("WithMaxConnectionsPerUser", n, 0) }
}

// WithMaxRooms limits the rooms in use on this server; joining one more is
// refused with status 429. The default is 100,000; zero is no limit.
func WithMaxRooms(n int) Option {
	return func(c *config) {
		if c.limits.rooms = checked("WithMaxRooms", n, 0); n == 0 {
			c.limits.rooms = math.MaxInt
		}
	}
}

// WithMaxMembers limits the connections per room on this server; one more is
// refused with status 429. The default, zero, is no limit.
func WithMaxMembers(n int) Option {
	return func(c *config) { c.limits.members = checked("WithMaxMembers", n, 0) }
}

// WithPresenceSize sets above which number of connections per room on this server joins and
// leaves are no longer sent one by one: they are collected, and chat.v1 members get them in
// one presence object, four times per second. The default is 250; zero is no limit: every
// join and leave is sent in rooms of any size.
func WithPresenceSize(members int) Option {
	return func(c *config) {
		if c.limits.presenceNotice = checked("WithPresenceSize", members, 0); members == 0 {
			c.limits.presenceNotice = -1
		}
	}
}

// longest is the longest duration of an option; a longer one counts as this. So sums of a
// few of them do not overflow.
const longest = 100 * 365 * 24 * time.Hour

// WithPing sets after how long a silence the server pings a client (RFC 6455, section
// 5.5.2), and how long the client has to answer before its connection is dropped. The
// server checks once per second, or more often: four times in the shorter of the two. The
// defaults are 25 s and 10 s. Lower them to notice lost connections earlier, raise them to
// save mobile clients' batteries. With an interval of zero the server sends no pings; with
// a timeout of zero it drops no client for its silence.
func WithPing(interval, timeout time.Duration) Option {
	return func(c *config) {
		c.times.pingInterval = checked("WithPing", interval, 0)
		c.times.pingTimeout = checked("WithPing", timeout, 0)
	}
}

// WithWriteTimeout sets how long a client's connection may take to accept 16 KiB before it
// is dropped. The default is 10 s; zero is no limit.
func WithWriteTimeout(d time.Duration) Option {
	return func(c *config) { c.times.write = checked("WithWriteTimeout", d, 0) }
}

// WithFlushInterval sets the shortest time between two rounds of delivery in a room with
// more than eight members: messages published in this time go out together, in one write
// per member. The first message after a quiet time is not delayed. The default is 2 ms, and
// up to 5 ms while a round takes more than a third of the interval. Zero is no
// pause: the lowest delay under a small load, and twice the work under a large one: see the
// [figures].
//
// [figures]: https://github.com/seed-08328bfd/chat/blob/main/docs/operations.md#delay-against-work
func WithFlushInterval(d time.Duration) Option {
	return func(c *config) {
		c.times.flush = checked("WithFlushInterval", d, 0)
		c.times.flushMost = c.times.flush
	}
}

// WithLeaveGrace sets how long the server waits before it tells others that a user has
// left, after a chat.v1 connection was lost without a clean close. If the user comes back
// in this time, the others see no leave and no join. The default is 5 s; zero means that a
// leave is told immediately.
func WithLeaveGrace(d time.Duration) Option {
	return func(c *config) { c.times.grace = checked("WithLeaveGrace", d, 0) }
}

// WithLogTimeout limits each use of the log. It is also the longest time until a sender
// learns that the log is unavailable. Raise it for a log that is slow or far away. The
// default is 2 s; zero panics, because a log that hangs must not hang its callers. The
// memory log of one server is never slow and has no timeout.
func WithLogTimeout(d time.Duration) Option {
	return func(c *config) { c.times.log = checked("WithLogTimeout", d, 1) }
}

// finish adjusts values that depend on each other, after all options were applied.
func (c *config) finish() {
	l, t := &c.limits, &c.times
	for _, d := range []*time.Duration{&t.pingInterval, &t.pingTimeout, &t.write, &t.flush, &t.flushMost, &t.grace, &t.log, &t.slow} {
		*d = min(*d, longest)
	}
	l.resume = max(l.resume, l.history)
	// The largest frame: a text and data with every byte escaped, the names and the keys.
	l.lag = max(l.lag, 4*(6*(l.messageSize+l.dataSize)+2<<10))
	if c.log == nil {
		c.log = memlog.New(l.history, 1<<20, time.Hour)
	}
}

// CleanUsername is the default username rule. It returns the name as it is shown: in
// Unicode's normal form KC (UAX #15), except where that form damages names; each emoji in
// one form; no white space at the ends, and one space in place of several. The result may
// be empty. The error is ErrBadName and says what to change. It refuses
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

// CleanRoom is the default room rule. It returns the name in the same form as
// [CleanUsername], so names that look the same are the same room; upper and lower case
// differ. It refuses the empty name, ".", "..", names with a slash or backslash, names with
// white space at the ends, and everything that CleanUsername refuses. The error is
// ErrBadName.
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

// CleanReaction is the default reaction rule. A reaction is one emoji, or a name such as
// ":shipit:", of a-z, 0-9, '_', '+' and '-' between two colons. One emoji is what is shown as
// one (UTS #51): also a flag, a keycap, one with a tone of skin, or several with joiners
// between them. Each gets one form, so that reactions that look the same are the same. The
// error is ErrBadName.
func CleanReaction(reaction string) (string, error) {
	r, err := names.Reaction(reaction)
	if err != nil {
		return "", badName(err)
	}
	return r, nil
}

func badName(err error) error { return fmt.Errorf("%w: %w", ErrBadName, err) }
