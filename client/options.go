package client

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat"
)

// An Option sets one property of a [Conn] or of a [Room]: [Connect] and [Dial] take them all,
// [Conn.Join] some. Options are applied in order; a later one overrides an earlier one. The documentation of the protocol, for which the options
// name keys and codes, is
// https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md.
type Option func(*config)

// config is what the options set. Nothing changes it after the options were read.
type config struct {
	account   account
	network   network
	callbacks callbacks
	buffer    buffer
	retry     retry
	ping      ping
	logger    *slog.Logger
}

// account is the user that the Conn is, and where a Room begins.
type account struct {
	username string
	session  string
	token    string
	source   func(context.Context) (string, error)
	since    chat.Position
}

// network is how connections are made.
type network struct {
	header  http.Header
	client  *http.Client
	dialer  func(ctx context.Context, network, addr string) (net.Conn, error)
	timeout time.Duration // of a handshake, and of one write
}

// callbacks are the program's functions; nil is none.
type callbacks struct {
	connect    func(Welcome)
	disconnect func(err error, wait time.Duration)
	gap        func(Gap)
}

// buffer bounds what a Room, and one object, take of memory.
type buffer struct {
	events, bytes int
	noEvents      bool
	maxObject     int // bytes of one object from the server
}

// retry is what is tried again, and after how long.
type retry struct {
	first, most time.Duration
	dial        bool
	noRate      bool
}

// ping is how a server that says nothing is found to be dead.
type ping struct {
	interval, timeout time.Duration
}

// The defaults of the options.
const (
	defaultEvents       = 1024
	defaultBytes        = 1 << 20
	defaultMaxObject    = 16 << 20
	defaultFirst        = time.Second
	defaultMost         = 30 * time.Second
	defaultTimeout      = 10 * time.Second
	defaultPingInterval = 20 * time.Second
	defaultPingTimeout  = 10 * time.Second
)

func defaults() config {
	return config{
		network: network{timeout: defaultTimeout},
		buffer:  buffer{events: defaultEvents, bytes: defaultBytes, maxObject: defaultMaxObject},
		retry:   retry{first: defaultFirst, most: defaultMost},
		ping:    ping{interval: defaultPingInterval, timeout: defaultPingTimeout},
		logger:  slog.Default(),
	}
}

// orDefault returns v, or the default if v is zero or negative.
func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// WithUsername sets the name that people see. By default, and with "", the server
// chooses it.
func WithUsername(name string) Option {
	return func(c *config) { c.account.username = name }
}

// WithToken sends token as a Bearer credential (RFC 6750, section 2.1) in every
// handshake. When the token expires the Conn ends, unless [Conn.Auth] has replaced it;
// see [WithTokenSource]. The default, and the meaning of "", is no token.
func WithToken(token string) Option {
	return func(c *config) { c.account.token, c.account.source = token, nil }
}

// WithTokenSource asks source for a token before every handshake, and when the server
// warns that the current one is about to expire. The context of a call ends with the
// Conn, or after the time of [WithTimeout]. When source returns an error, the attempt to
// connect has failed and is repeated like any other. The default, and the meaning of
// nil, is the token of [WithToken].
func WithTokenSource(source func(context.Context) (string, error)) Option {
	return func(c *config) { c.account.source = source }
}

// WithSession makes the Conn the anonymous user of an earlier Conn, whose
// [Welcome.Session] is secret. The default, and the meaning of "", is a new user. A Conn
// always keeps its own user when it reconnects.
func WithSession(secret string) Option {
	return func(c *config) { c.account.session = secret }
}

// WithSince begins after p, the [Event.Position] of an event of an earlier [Room], instead
// of with the server's latest messages. If the server no longer has all messages after
// p, the first event is a gap. It is for Dial and Join, since a Position is one of a room. The
// default is the zero Position: none.
func WithSince(p chat.Position) Option {
	return func(c *config) { c.account.since = p }
}

// WithHeader adds headers to every handshake, such as Origin or Cookie. The default, and
// the meaning of nil, is none.
func WithHeader(h http.Header) Option {
	return func(c *config) { c.network.header = h }
}

// WithHTTPClient uses h for the handshakes, with its proxy, TLS settings, cookies,
// timeout and rule for redirects. Redirects to another host are never followed. The
// default, and the meaning of nil, is a client that only this Conn uses, with the
// settings of [http.DefaultTransport].
func WithHTTPClient(h *http.Client) Option {
	return func(c *config) { c.network.client = h }
}

// WithDialer opens network connections with dial instead of a [net.Dialer]. It has no
// effect together with [WithHTTPClient]. The default, and the meaning of nil, is a
// net.Dialer.
func WithDialer(dial func(ctx context.Context, network, addr string) (net.Conn, error)) Option {
	return func(c *config) { c.network.dialer = dial }
}

// OnConnect calls f for every new connection, the first one included, before its events.
// For [Connect] the Welcome is that of [Conn.Welcome]. Like all callbacks, f runs in the
// goroutine that keeps the connection (during Connect and Dial, in their caller). So it must
// return soon, and must not call Close or Join, or wait for an answer of the server. The
// default, and the meaning of nil, is no call.
func OnConnect(f func(Welcome)) Option {
	return func(c *config) { c.callbacks.connect = f }
}

// OnDisconnect calls f when a connection was lost, or an attempt to connect has failed,
// and the Conn tries again after wait (that of Dial later, if its buffer is full: see
// [WithBuffer]). It is not called for the error that ends the Conn. [OnConnect] says what
// f may do. The default, and the meaning of nil, is no call.
func OnDisconnect(f func(err error, wait time.Duration)) Option {
	return func(c *config) { c.callbacks.disconnect = f }
}

// OnGap calls f when messages may be missing (see [Gap]), as soon as this is known. The
// event of [TypeGap] says the same at its position in the order of events. [OnConnect]
// says what f may do. The default, and the meaning of nil, is no call.
func OnGap(f func(Gap)) Option {
	return func(c *config) { c.callbacks.gap = f }
}

// WithLogger sets where the Conn logs lost connections and other errors that no caller
// gets. Attributes are room, user, code, wait and err; never a text or a token. The
// default, and the meaning of nil, is [slog.Default].
func WithLogger(l *slog.Logger) Option {
	return func(c *config) {
		if c.logger = l; l == nil {
			c.logger = slog.Default()
		}
	}
}

// WithBuffer bounds the events of a room that wait for [Room.Events]: their number, and their
// size in bytes (exceeded by at most one event). When the buffer is full, a connection of
// Dial is no longer read; one with many rooms leaves this room for the time. It continues, without a loss if the server still has the messages,
// when half of the buffer is free. The defaults are 1024 and 1 MiB, also for values of zero
// or less. A Conn holds at most a buffer for each of its rooms.
func WithBuffer(events, bytes int) Option {
	return func(c *config) {
		c.buffer.events = orDefault(events, defaultEvents)
		c.buffer.bytes = orDefault(bytes, defaultBytes)
	}
}

// WithoutEvents is for a program that only sends. All events are discarded, and
// [Room.Events] yields none. Without this option the buffer of such a program fills up, and
// then the user is in the room only while the program sends.
func WithoutEvents() Option {
	return func(c *config) { c.buffer.noEvents = true }
}

// WithMaxMessageSize bounds one object from the server, in bytes. A larger one ends the
// Conn with [ErrProtocol]. The default is 16 MiB, also for values of zero or less. That
// is enough for a full page of history under a server's default limits.
func WithMaxMessageSize(bytes int) Option {
	return func(c *config) { c.buffer.maxObject = orDefault(bytes, defaultMaxObject) }
}

// WithBackoff sets how long the Conn waits before it tries to connect again: a random
// time from zero to first, then to twice that, and so on up to most ("full jitter"). The
// first time applies again after a connection has lasted longer than most. If the server
// has said when to come back, that counts: the time of a goodbye replaces the random
// time, and that of a Retry-After header, of at most an hour, is added to it. The
// defaults are 1 s and 30 s, also for values of zero or less; most is at least first.
func WithBackoff(first, most time.Duration) Option {
	return func(c *config) {
		c.retry.first = orDefault(first, defaultFirst)
		c.retry.most = max(orDefault(most, defaultMost), c.retry.first)
	}
}

// WithDialRetry makes [Connect], [Dial] and [Conn.Join] try again, as later reconnects do,
// until their context ends or the server refuses for good. By default they return the error
// of the first attempt.
func WithDialRetry() Option {
	return func(c *config) { c.retry.dial = true }
}

// WithoutRateRetry makes [Room.Send] return an [Error] with [CodeRateLimited] to its
// caller. By default the Conn waits as long as the server says and sends the message
// again, until the context of Send ends.
func WithoutRateRetry() Option {
	return func(c *config) { c.retry.noRate = true }
}

// WithTimeout bounds the time of a handshake, including the welcome, and of writing one
// object. The default is 10 s, also for values of zero or less.
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.network.timeout = orDefault(d, defaultTimeout) }
}

// WithPing sends the server a ping when it has sent nothing for interval. The connection
// counts as lost if the server then sends nothing for timeout. The defaults are 20 s and
// 10 s, also for values of zero or less.
func WithPing(interval, timeout time.Duration) Option {
	return func(c *config) {
		c.ping.interval = orDefault(interval, defaultPingInterval)
		c.ping.timeout = orDefault(timeout, defaultPingTimeout)
	}
}
