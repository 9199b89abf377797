package chat

import "math"

// maxMessageSize is small enough for any sum made of a few messages to fit in an
// int of 32 bits.
const maxMessageSize = 64 << 20

// WithRateLimit lets each user send perSecond messages a second on average, over
// all connections to this server, and burst at once (a token bucket, as in
// golang.org/x/time/rate). What is over the limit is refused and the sender told
// when to try again. An anonymous user who comes back without its session is
// another one, so bound the connections of an address too. The default, and the
// meaning of zero or less, NaN and infinity for perSecond, is no limit; a burst of
// zero or less is 20, and the largest 2,147,483,647, which every client can count to.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) {
		if c.rate = perSecond; !(perSecond > 0) || math.IsInf(perSecond, 1) {
			c.rate = 0
		}
		c.burst = min(orDefault(burst, 20), math.MaxInt32)
	}
}

// WithMessageSize bounds the text of a message in bytes. The default is 16 KiB;
// zero or less restores it. A WebSocket message of more than twice as much (the
// room that JSON's escapes need), or 4 KiB if that is more, ends the connection
// with 1009. More than 64 MiB is 64 MiB.
func WithMessageSize(bytes int) Option {
	return func(c *config) { c.messageSize = orDefault(bytes, 16<<10) }
}

// WithMaxConnections bounds the live connections of the server; one more is
// refused with status 429. The default, and the meaning of zero or less, is no
// limit but the process's own of open files.
func WithMaxConnections(n int) Option {
	return func(c *config) { c.maxConns = atLeast(n, 0) }
}

// WithMaxConnectionsPerAddress bounds the live connections from one client
// address (an IPv6 address counts by its /64); one more is refused with status
// 429. Zero or less, the default, is no limit. Behind a proxy every client has
// the proxy's address unless WithTrustedProxies names it.
func WithMaxConnectionsPerAddress(n int) Option {
	return func(c *config) { c.maxPerAddr = atLeast(n, 0) }
}

// WithMaxConnectionsPerUser bounds the live connections of one user to this
// server; one more is refused with status 429. Zero or less, the default, is no
// limit.
func WithMaxConnectionsPerUser(n int) Option {
	return func(c *config) { c.maxPerUser = atLeast(n, 0) }
}

// WithMaxRooms bounds the rooms in use on this server; joining one more is
// refused with status 429. The default is 100,000; zero or less restores it.
func WithMaxRooms(n int) Option {
	return func(c *config) { c.maxRooms = orDefault(n, 100_000) }
}

// WithMaxMembers bounds the connections to one room on this server; one more is
// refused with status 429. Zero or less, the default, is no limit.
func WithMaxMembers(n int) Option {
	return func(c *config) { c.maxMembers = atLeast(n, 0) }
}

// WithPresenceSize sets the number of connections to a room on this server above
// which joins and leaves are not told one by one: they are gathered, and chat.v1
// members get them four times a second in one presence object. The default is 250;
// zero restores it, and less than zero tells of every one at any size.
func WithPresenceSize(members int) Option {
	return func(c *config) {
		if c.presenceSize = members; members == 0 {
			c.presenceSize = 250
		}
	}
}
