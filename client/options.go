package client

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat"
)

// An Option sets one thing of a [Conn]. Options are applied in order; a later one
// wins.
type Option func(*config)

type config struct {
	username string
	session  string
	since    chat.Position
	token    string
	source   func(context.Context) (string, error)

	header http.Header
	client *http.Client
	dialer func(ctx context.Context, network, addr string) (net.Conn, error)

	onConnect    func(Welcome)
	onDisconnect func(err error, wait time.Duration)
	onGap        func(Gap)
	logger       *slog.Logger

	bufEvents, bufBytes int
	noEvents            bool
	maxSize             int

	first, most  time.Duration
	dialRetry    bool
	noRateRetry  bool
	timeout      time.Duration
	pingInterval time.Duration
	pingTimeout  time.Duration
}

// The defaults of the options, all in one place.
func defaults() config {
	return config{
		logger:       slog.Default(),
		bufEvents:    1024,
		bufBytes:     1 << 20,
		maxSize:      16 << 20,
		first:        time.Second,
		most:         30 * time.Second,
		timeout:      10 * time.Second,
		pingInterval: 20 * time.Second,
		pingTimeout:  10 * time.Second,
	}
}

// orDefault returns v, or the default if v is zero or negative.
func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// WithUsername sets the name that people see. The default, and the meaning of "",
// is the server's choice.
func WithUsername(name string) Option {
	return func(c *config) { c.username = name }
}

// WithToken sends token as a Bearer credential (RFC 6750, section 2.1) with every
// handshake. When it runs out the Conn ends, unless [Conn.Auth] has replaced it;
// see [WithTokenSource]. The default, and the meaning of "", is none.
func WithToken(token string) Option {
	return func(c *config) { c.token, c.source = token, nil }
}

// WithTokenSource asks source for a token before every handshake, and when the
// server says that the current one is about to run out. The context of a call
// ends with the Conn, or after the time of [WithTimeout]. A source that fails is
// asked again as a lost connection is tried again. The default, and the meaning
// of nil, is what [WithToken] says.
func WithTokenSource(source func(context.Context) (string, error)) Option {
	return func(c *config) { c.source = source }
}

// WithSession brings back the anonymous user of an earlier Conn, by its
// [Welcome.Session]. The default, and the meaning of "", is a new user. A Conn
// keeps its user over reconnects by itself.
func WithSession(secret string) Option {
	return func(c *config) { c.session = secret }
}

// WithSince begins after p, a place that an earlier Conn has reached (see
// [Event]), instead of with the server's latest messages. If the server does not
// reach back that far, a gap is told first. The default is the zero Position: no
// place.
func WithSince(p chat.Position) Option {
	return func(c *config) { c.since = p }
}

// WithHeader adds headers to the handshake, such as Origin or Cookie. The default
// is none.
func WithHeader(h http.Header) Option {
	return func(c *config) { c.header = h }
}

// WithHTTPClient does the handshakes with h, with its proxy, TLS settings,
// cookies, timeout and rule for redirects, but is redirected to no other host. The default, and the meaning of nil, is a client of the
// Conn's own with the settings of [http.DefaultTransport].
func WithHTTPClient(h *http.Client) Option {
	return func(c *config) { c.client = h }
}

// WithDialer makes the network connections with dial, in place of a [net.Dialer].
// It is not used beside [WithHTTPClient]. The default is nil.
func WithDialer(dial func(ctx context.Context, network, addr string) (net.Conn, error)) Option {
	return func(c *config) { c.dialer = dial }
}

// OnConnect calls f for every connection that stands, the first one too, before
// its events. Like all callbacks it is called by the goroutine that keeps the
// connection (in Dial, by Dial's), so it must return soon, and must not call
// Close or wait for an answer of the server.
func OnConnect(f func(Welcome)) Option {
	return func(c *config) { c.onConnect = f }
}

// OnDisconnect calls f when a connection was lost or an attempt to make one has
// failed, and will be made again after wait (or when it is of use: see
// [WithBuffer]). It is not called for what ends the Conn. See OnConnect for what f
// may do.
func OnDisconnect(f func(err error, wait time.Duration)) Option {
	return func(c *config) { c.onDisconnect = f }
}

// OnGap calls f when messages may be missing (see [Gap]), at the time it is
// known; the event of TypeGap says the same at its place among the others. See
// OnConnect for what f may do.
func OnGap(f func(Gap)) Option {
	return func(c *config) { c.onGap = f }
}

// WithLogger sets where lost connections and other things that no caller sees are
// logged. Attributes are room, user, code, wait and err; never a text or a token.
// The default, and the meaning of nil, is [slog.Default].
func WithLogger(l *slog.Logger) Option {
	return func(c *config) {
		if c.logger = l; l == nil {
			c.logger = slog.Default()
		}
	}
}

// WithBuffer bounds what waits for [Conn.Events]: so many events, and so many
// bytes of them (one event more when it is large). When it is full the Conn reads
// no more, and resumes at the place it has reached when there is room again. The
// defaults are 1024 and 1 MiB; zero or less restores each.
func WithBuffer(events, bytes int) Option {
	return func(c *config) {
		c.bufEvents = orDefault(events, 1024)
		c.bufBytes = orDefault(bytes, 1<<20)
	}
}

// WithoutEvents is for a program that only sends: events are let go as they come,
// and [Conn.Events] yields none. Without it, such a program's buffer fills up, and
// the Conn keeps a connection only while something is being sent.
func WithoutEvents() Option {
	return func(c *config) { c.noEvents = true }
}

// WithMaxMessageSize bounds one object from the server, in bytes. A larger one
// ends the Conn with [ErrProtocol]. The default is 16 MiB, enough for a full page
// of history under a server's default limits; zero or less restores it.
func WithMaxMessageSize(bytes int) Option {
	return func(c *config) { c.maxSize = orDefault(bytes, 16<<20) }
}

// WithBackoff sets how long the Conn waits before it makes a connection again: a
// random time from zero to first, then to twice that, and so on up to most ("full
// jitter"). It begins anew once a connection has stood for longer than most. The
// defaults are 1 s and 30 s; zero or less restores each, and most is at least
// first. A server that says when to come back is obeyed instead: after goodbye
// that is the time, and a Retry-After header comes before the random time, with at
// most an hour.
func WithBackoff(first, most time.Duration) Option {
	return func(c *config) {
		c.first = orDefault(first, time.Second)
		c.most = max(orDefault(most, 30*time.Second), c.first)
	}
}

// WithDialRetry lets [Dial] go on trying, as later reconnects do, until its
// context ends or the server refuses for good. By default the first failure is
// Dial's.
func WithDialRetry() Option {
	return func(c *config) { c.dialRetry = true }
}

// WithoutRateRetry returns an [Error] with CodeRateLimited from Send to its
// caller. By default the Conn waits as long as the server says and sends the
// message again, until the context of Send ends.
func WithoutRateRetry() Option {
	return func(c *config) { c.noRateRetry = true }
}

// WithTimeout bounds a handshake up to the welcome, and the writing of one object.
// The default is 10 s; zero or less restores it.
func WithTimeout(d time.Duration) Option {
	return func(c *config) { c.timeout = orDefault(d, 10*time.Second) }
}

// WithPing sets after how long a silence of the server the Conn sends it a ping,
// and how long the server then has to say anything before the connection is taken
// for lost. The defaults are 20 s and 10 s; zero or less restores each.
func WithPing(interval, timeout time.Duration) Option {
	return func(c *config) {
		c.pingInterval = orDefault(interval, 20*time.Second)
		c.pingTimeout = orDefault(timeout, 10*time.Second)
	}
}
