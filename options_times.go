package chat

import "time"

// longest is short enough for the sum of two times to fit, and a log's clock too.
const longest = 100 * 365 * 24 * time.Hour

// WithPing sets after how long a silence a client is pinged (RFC 6455, section
// 5.5.2), and how long it then has to answer before it is dropped. Times are
// kept to a second or a quarter of the smaller of the two, whichever is less.
// The defaults are 25 s and 10 s; a zero or negative value restores its own.
func WithPing(interval, timeout time.Duration) Option {
	return func(c *config) {
		c.pingInterval = orDefault(interval, 25*time.Second)
		c.pingTimeout = orDefault(timeout, 10*time.Second)
	}
}

// WithWriteTimeout sets how long 16 KiB may take to be accepted by a client's
// connection before it is dropped. The default is 10 s; zero or less restores
// it.
func WithWriteTimeout(d time.Duration) Option {
	return func(c *config) { c.writeTimeout = orDefault(d, 10*time.Second) }
}

// WithFlushInterval sets the least time between two rounds of delivery of a room
// with more than a few members: what is published meanwhile goes out in one
// write a member. The first message after a quiet spell is not held up. The
// default is 2 ms, and up to 5 ms while the rounds themselves take more than a
// third of that time; zero restores it. Less than zero is no pause: the lowest
// delay while the load is small, and twice the work when it is not.
// docs/operations.md has figures.
func WithFlushInterval(d time.Duration) Option {
	return func(c *config) {
		if d == 0 {
			c.flush, c.flushMost = 2*time.Millisecond, 5*time.Millisecond
			return
		}
		c.flush = atLeast(d, 0)
		c.flushMost = c.flush
	}
}

// WithLeaveGrace sets how long the loss of a chat.v1 connection that did not
// close cleanly is kept from the others: whoever is back within it has never
// left. The default is 5 s; zero restores it, and less than zero is none.
func WithLeaveGrace(d time.Duration) Option {
	return func(c *config) {
		if c.grace = d; d == 0 {
			c.grace = 5 * time.Second
		}
		c.grace = atLeast(c.grace, 0)
	}
}

// WithLogTimeout bounds each use of the log, and so how long a sender waits to
// be told that it is unavailable. The default is 2 s; zero or less restores it.
func WithLogTimeout(d time.Duration) Option {
	return func(c *config) { c.logTimeout = orDefault(d, 2*time.Second) }
}
