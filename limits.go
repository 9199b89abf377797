package chat

import (
	"math"
	"time"

	"github.com/seed-08328bfd/chat/internal/server"
)

// WithHistory sets how many of a room's latest messages a client gets when it joins.
// Without [WithLog] it is also the number of messages that the server's memory log keeps
// per room. The default is 50; zero means none.
func WithHistory(messages int) Option {
	return func(c *config) { c.Limits.History = server.Checked("WithHistory", messages, 0) }
}

// WithResume sets how many of a room's latest messages the server holds in memory while the
// room is in use. Clients that come back with a position within these resume without a read
// of the log. Raise it if many clients reconnect after longer losses. The default is 256;
// less than the history of [WithHistory] counts as the history. The bytes of [WithMaxLag]
// limit it too.
func WithResume(messages int) Option {
	return func(c *config) { c.Limits.Resume = server.Checked("WithResume", messages, 0) }
}

// WithMaxLag limits the live part of a room's log, in bytes of memory per room. This is how
// far a member may fall behind: a member that is further behind is closed with 1013, and
// can come back and resume. All slow members of a room share this memory. It holds each event
// once for every form in which members of the room get events: plain or compressed, with the
// name of the room on a connection with many rooms or without, or as an event stream. The
// default is 1 MiB; zero panics. Less than four times the largest frame counts as that. For a moment it
// may be exceeded by an eighth.
func WithMaxLag(bytes int) Option {
	return func(c *config) { c.Limits.Lag = server.Checked("WithMaxLag", bytes, 1) }
}

// WithRateLimit limits the messages of each user, over all connections to this server:
// perSecond messages per second on average, and at most burst in one moment (a token
// bucket, as in golang.org/x/time/rate). A message over the limit is refused, and the
// sender is told when to try again. An anonymous user who comes back without its session
// counts as a new user, so limit the connections per address too. Posts of anonymous users
// without a connection share the limit of their address. The default, and the
// meaning of zero for perSecond, is no limit. A negative perSecond, an infinite one and NaN
// panic. With a limit, a burst below 1 panics, and one above 2,147,483,647 counts as that.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) {
		c.Limits.Burst = server.CheckRate("WithRateLimit", perSecond, burst)
		c.Limits.Rate = perSecond
	}
}

// WithMessageSize limits the text of a message, in bytes. The default is 16 KiB. The
// largest value is 64 MiB; zero, like anything larger, means that. A WebSocket message may
// have twice as many bytes, because JSON escapes need space, and at least 4 KiB, and those of
// [WithDataSize] besides; a larger one ends the connection with 1009.
func WithMessageSize(bytes int) Option {
	return func(c *config) {
		if c.Limits.MessageSize = min(server.Checked("WithMessageSize", bytes, 0), server.MaxMessageSize); bytes == 0 {
			c.Limits.MessageSize = server.MaxMessageSize
		}
	}
}

// WithDataSize limits the data of a message, an edit or a signal, in bytes of its JSON text
// without the white space between its parts. The default is 8 KiB. The largest value is 16
// MiB; zero, like anything larger, means that.
func WithDataSize(bytes int) Option {
	return func(c *config) {
		if c.Limits.DataSize = min(server.Checked("WithDataSize", bytes, 0), server.MaxDataSize); bytes == 0 {
			c.Limits.DataSize = server.MaxDataSize
		}
	}
}

// WithSlowMode sets the least time between two messages of one user in a room, private ones
// included; what amends a message does not count. It holds over all connections of the user
// and, if the log is a [chatlog.Pacer] as all in this repository are, over all servers. A
// message that comes earlier is refused, and the sender is told when to try again. Moderators
// ([WithModerator]) and [Server.Publish] need not wait. An anonymous user who comes back, or
// posts, without its session counts as a new user: [WithRateLimit] limits posts of users without
// a connection per address. Use it in rooms with so many writers that nobody can follow. The
// default, zero, is no such time.
func WithSlowMode(d time.Duration) Option {
	return func(c *config) { c.Times.Slow = server.Checked("WithSlowMode", d, 0) }
}

// WithMaxConnections limits the live connections of the server; one more is refused with
// status 429. The default, zero, is no limit except the process's limit of open files.
func WithMaxConnections(n int) Option {
	return func(c *config) { c.Limits.Conns = server.Checked("WithMaxConnections", n, 0) }
}

// WithMaxConnectionsPerAddress limits the live connections from one client
// address (an IPv6 address counts by its /64); one more is refused with status
// 429. The default, zero, is no limit. Behind a proxy every client has the proxy's address
// unless WithTrustedProxies names it.
func WithMaxConnectionsPerAddress(n int) Option {
	return func(c *config) { c.Limits.PerAddress = server.Checked("WithMaxConnectionsPerAddress", n, 0) }
}

// WithMaxConnectionsPerUser limits the live connections of one user to this
// server; one more is refused with status 429. The default, zero, is no limit.
func WithMaxConnectionsPerUser(n int) Option {
	return func(c *config) { c.Limits.PerUser = server.Checked("WithMaxConnectionsPerUser", n, 0) }
}

// WithMaxRooms limits the rooms in use on this server; joining one more is
// refused with status 429. The default is 100,000; zero is no limit.
func WithMaxRooms(n int) Option {
	return func(c *config) {
		if c.Limits.Rooms = server.Checked("WithMaxRooms", n, 0); n == 0 {
			c.Limits.Rooms = math.MaxInt
		}
	}
}

// WithMaxJoinedRooms limits the rooms that one connection with many rooms is in; joining one
// more gets an error object with the code too_many. Clients are told the limit in the hello
// object. The default is 100; zero panics, because a connection would be of no use. More than
// 10,000 counts as that.
func WithMaxJoinedRooms(n int) Option {
	return func(c *config) { c.Limits.Joined = min(server.Checked("WithMaxJoinedRooms", n, 1), 10_000) }
}

// WithMaxMembers limits the connections per room on this server; one more is
// refused with status 429. The default, zero, is no limit.
func WithMaxMembers(n int) Option {
	return func(c *config) { c.Limits.Members = server.Checked("WithMaxMembers", n, 0) }
}

// WithPresenceSize sets above which number of connections per room on this server joins and
// leaves are no longer sent one by one: they are collected, and chat.v1 members get them in
// one presence object, four times per second. The default is 250; zero is no limit: every
// join and leave is sent in rooms of any size.
func WithPresenceSize(members int) Option {
	return func(c *config) {
		if c.Limits.PresenceNotice = server.Checked("WithPresenceSize", members, 0); members == 0 {
			c.Limits.PresenceNotice = -1
		}
	}
}

// WithPing sets after how long a silence the server pings a client (RFC 6455, section
// 5.5.2), and how long the client has to answer before its connection is dropped. The
// server checks once per second, or more often: four times in the shorter of the two. The
// defaults are 25 s and 10 s. Lower them to notice lost connections earlier, raise them to
// save mobile clients' batteries. With an interval of zero the server sends no pings; with
// a timeout of zero it drops no client for its silence.
func WithPing(interval, timeout time.Duration) Option {
	return func(c *config) {
		c.Times.PingInterval = server.Checked("WithPing", interval, 0)
		c.Times.PingTimeout = server.Checked("WithPing", timeout, 0)
	}
}

// WithWriteTimeout sets how long a client's connection may take to accept 16 KiB before it
// is dropped. The default is 10 s; zero is no limit.
func WithWriteTimeout(d time.Duration) Option {
	return func(c *config) { c.Times.Write = server.Checked("WithWriteTimeout", d, 0) }
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
		c.Times.Flush = server.Checked("WithFlushInterval", d, 0)
		c.Times.FlushMost = c.Times.Flush
	}
}

// WithLeaveGrace sets how long the server waits before it tells others that a user has
// left, after a chat.v1 connection was lost without a clean close. If the user comes back
// in this time, the others see no leave and no join. The default is 5 s; zero means that a
// leave is told immediately.
func WithLeaveGrace(d time.Duration) Option {
	return func(c *config) { c.Times.Grace = server.Checked("WithLeaveGrace", d, 0) }
}

// WithLogTimeout limits each use of the log. It is also the longest time until a sender
// learns that the log is unavailable. Raise it for a log that is slow or far away. The
// default is 2 s; zero panics, because a log that hangs must not hang its callers. The
// memory log of one server is never slow and has no timeout.
func WithLogTimeout(d time.Duration) Option {
	return func(c *config) { c.Times.Log = server.Checked("WithLogTimeout", d, 1) }
}
