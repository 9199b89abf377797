package chat

import (
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/origin"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// An Option sets one thing of a [Server]. Options are applied in order; a later
// one wins.
type Option func(*config)

// config is what the options set. Fields that hold a "no limit" hold 0.
type config struct {
	history     int
	resume      int
	historySize int
	log         Log
	idleRooms   time.Duration

	defaultName string
	nameRule    func(string) (string, error)
	roomRule    func(string) (string, error)

	authenticate func(*http.Request) (User, error)
	authorize    func(User, string, Action) error
	filter       func(*Event) error

	rate         float64
	burst        int
	messageSize  int
	maxConns     int
	maxPerAddr   int
	maxPerUser   int
	maxRooms     int
	maxMembers   int
	presenceSize int

	pingInterval time.Duration
	pingTimeout  time.Duration
	writeTimeout time.Duration
	flush        time.Duration
	flushMost    time.Duration
	grace        time.Duration
	logTimeout   time.Duration
	maxLag       int

	origins  origin.Policy
	proxies  forwarded.Proxies
	compress bool
	logger   *slog.Logger
}

// The defaults of the options, all in one place.
func defaults() config {
	return config{
		history:      50,
		resume:       256,
		historySize:  1 << 20,
		idleRooms:    time.Hour,
		defaultName:  "Anonymous",
		roomRule:     CleanRoom,
		burst:        20,
		messageSize:  16 << 10,
		maxRooms:     100_000,
		presenceSize: 250,
		pingInterval: 25 * time.Second,
		pingTimeout:  10 * time.Second,
		writeTimeout: 10 * time.Second,
		flush:        2 * time.Millisecond,
		flushMost:    5 * time.Millisecond,
		grace:        5 * time.Second,
		logTimeout:   2 * time.Second,
		maxLag:       1 << 20,
		logger:       slog.Default(),
	}
}

// atLeast returns v, or least if v is smaller.
func atLeast[T int | float64 | time.Duration](v, least T) T { return max(v, least) }

// orDefault returns v, or the default if v is zero or negative.
func orDefault[T int | float64 | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// WithHistory sets how many messages of a room whoever joins gets first, and how
// many the server's own memory log keeps. The default is 50; zero or less is none.
// To keep more than that for scrolling back, see [NewMemoryLog].
func WithHistory(messages int) Option {
	return func(c *config) { c.history = atLeast(messages, 0) }
}

// WithResume sets how many of its latest messages a room in use holds ready for
// clients that come back with a position, beside what the log itself keeps.
// The default is 256; zero restores it, less than zero or less than the history
// is the history. The bytes of [WithMaxLag] bound it too.
func WithResume(messages int) Option {
	return func(c *config) {
		if c.resume = messages; messages == 0 {
			c.resume = 256
		}
	}
}

// WithHistoryBytes bounds the bytes of text and names that the server's own memory
// log keeps of one room, whatever their number. The default is 1 MiB; zero or less
// restores it. A log of [WithLog] has bounds of its own.
func WithHistoryBytes(bytes int) Option {
	return func(c *config) { c.historySize = orDefault(bytes, 1<<20) }
}

// WithRoomExpiry sets how long the server's own memory log remembers a room after
// its last use. The default is an hour; zero restores it, and less than zero
// forgets a room as soon as it is empty. Clients that resume later are told of the
// gap. A log of [WithLog] has a time of its own.
func WithRoomExpiry(d time.Duration) Option {
	return func(c *config) {
		if c.idleRooms = d; d == 0 {
			c.idleRooms = time.Hour
		}
	}
}

// WithLog keeps the rooms in l, which other servers may share. Servers over one
// log act as one: see docs/operations.md. The default, and the meaning of nil,
// is a memory log of the server's own.
func WithLog(l Log) Option {
	return func(c *config) { c.log = l }
}

// WithDefaultUsername sets the name of users who give none. The default, and
// the meaning of "", is "Anonymous". It is not put to the username rule; of more than
// 512 bytes, the rest is cut off.
func WithDefaultUsername(name string) Option {
	return func(c *config) {
		if c.defaultName = proto.CutText(name, maxRuled); name == "" {
			c.defaultName = "Anonymous"
		}
	}
}

// WithUsernameRule sets what usernames are allowed and how they are written: the
// rule gets the name as the client gave it and returns the name to use, or an
// error, whose text the client sees with status 400. A client that gives no name
// has the empty one, and a rule that returns it means the default username. The
// default, and the meaning of nil, is [CheckUsername].
//
// The name of an authenticator's user is never refused. It is made safe: without
// what [CheckUsername] refuses as unseen, and cut to 64 characters, between those that
// are shown as one; scripts may be mixed. A rule of your own gets that name and may
// return another one; if it returns an error, which is logged, the safe name is used.
func WithUsernameRule(rule func(name string) (string, error)) Option {
	return func(c *config) { c.nameRule = rule }
}

// WithRoomRule sets what room names are allowed and how they are written, as
// WithUsernameRule does for usernames. Two names that the rule makes equal are
// one room. The default, and the meaning of nil, is [CheckRoom].
func WithRoomRule(rule func(name string) (string, error)) Option {
	return func(c *config) {
		if c.roomRule = rule; rule == nil {
			c.roomRule = CleanRoom
		}
	}
}

// WithAuthenticator lets in whom auth knows. It is called before the upgrade,
// and for the HTTP endpoints, at once from many goroutines; its error's text is
// logged but not sent, and the client gets 401. A fresh token that a client sends
// on a live connection comes as a request with only that token, in an
// Authorization header of the Bearer scheme. The default, and the meaning of nil,
// is to let everybody in as an anonymous user.
func WithAuthenticator(auth func(*http.Request) (User, error)) Option {
	return func(c *config) { c.authenticate = auth }
}

// WithAuthorizer asks may before a user does something in a room. An error
// refuses it, and its text is shown to the client: with status 403 over HTTP and
// before the upgrade, as an error with code forbidden on a live connection. It is
// called at once from many goroutines, for every message too. Over HTTP, where
// there is no authenticator, u is the zero User. The default, and the meaning of
// nil, is to allow everything.
func WithAuthorizer(may func(u User, room string, a Action) error) Option {
	return func(c *config) { c.authorize = may }
}

// WithFilter shows every message to f before it is kept, from clients and from
// [Server.Publish] alike, in the sender's goroutine and many at once. f may change
// Message and Username, and an error refuses the message and is shown to its sender
// with the code rejected. f is not told the room. The default, and the meaning of
// nil, is to pass everything.
func WithFilter(f func(e *Event) error) Option {
	return func(c *config) { c.filter = f }
}

// WithMaxLag bounds the live part of a room's log in bytes, and so how far a
// member may be behind what is published: one that falls off is closed with 1013
// and can come back and resume. All slow members of a room share these bytes.
// The default is 1 MiB; zero or less restores it. It is at least four times the
// largest frame. The memory that a room's live part takes is counted, not the
// bytes on the wire, and may be an eighth more for a moment.
func WithMaxLag(bytes int) Option {
	return func(c *config) { c.maxLag = orDefault(bytes, 1<<20) }
}

// WithOriginPatterns allows browsers on pages of other origins than the server's
// own (RFC 6454). A pattern is an origin such as "https://app.example.com" or
// "http://localhost:3000", in which "*" as the first label of the host stands
// for any one label: "https://*.example.com". Other schemes are as good, as in
// "capacitor://localhost", "chrome-extension://ID" or "file://"; where each
// installation has a host of its own, "*" stands for it: "moz-extension://*". The
// pattern "null" allows pages without an origin, which any site can make. The
// single pattern "*" allows every origin; do not use these two with cookies.
//
// Letters may be upper or lower case, a port that the scheme implies may be
// there or not, ws and wss count as http and https, and names in Unicode are
// those in punycode that browsers send. A pattern that nothing can match, such as
// one without a scheme or with a path, panics and says what to write.
//
// The default is none: a page may connect to
// the scheme, host and port that it came from, and programs that send no Origin
// may always. The HTTP endpoints answer the origins allowed with CORS headers, for
// requests with an Authorization header but not with cookies. What is refused is
// logged at Info, once a minute for each origin.
func WithOriginPatterns(patterns ...string) Option {
	p, err := origin.ParsePolicy(patterns)
	if err != nil {
		panic("chat: WithOriginPatterns: " + err.Error())
	}
	return func(c *config) { c.origins = p }
}

// WithTrustedProxies names the addresses or networks, such as "10.0.0.0/8", of
// reverse proxies whose headers are believed: X-Forwarded-For or Forwarded (RFC
// 7239) for limits by address, X-Forwarded-Proto or the proto of Forwarded for the
// server's own origin. "unix" names those that come over a Unix socket. Of several
// addresses the last one counts that is no trusted proxy's. A client that such a
// proxy calls "unknown" is not counted by address, and one that it gives an
// identifier ("_abc") by that. Where the two headers disagree, or one is not
// understood, the client counts as the proxy, and that is logged once.
// The default is none. What is none of these panics.
func WithTrustedProxies(networks ...string) Option {
	p, err := forwarded.ParseProxies(networks)
	if err != nil {
		panic("chat: WithTrustedProxies: " + err.Error())
	}
	return func(c *config) { c.proxies = p }
}

// WithCompression offers permessage-deflate without context takeover (RFC 7692)
// to clients that ask for it. A message is compressed once for all of them, by
// itself: one of 600 bytes of text takes a third of its bytes, one of 80 four
// fifths, for 15 % more processor time in a room of 200.
// The default is off: it trades processor time for bandwidth, and secrets beside
// text of an attacker's choice can be guessed from compressed sizes. Clients that
// ignore client_no_context_takeover, which the answer asks of them, cannot do it and
// are closed with 1002: Tornado and Mojolicious are known for that.
func WithCompression(on bool) Option {
	return func(c *config) { c.compress = on }
}

// WithLogger sets where the server logs what no caller sees: failures of the
// log, panics in hooks, members closed for being slow. Attributes are room, user,
// code, err and a few more; never a message's text or a token. The default, and
// the meaning of nil, is [slog.Default].
func WithLogger(l *slog.Logger) Option {
	return func(c *config) {
		if c.logger = l; l == nil {
			c.logger = slog.Default()
		}
	}
}

// frameLimit is the largest WebSocket message read from a client, in bytes.
func (c *config) frameLimit() int { return max(2*c.messageSize, 4<<10) }

// settle makes the values fit each other after all options were applied.
func (c *config) settle() {
	// A frame holds a text with every byte escaped, the names and the keys.
	c.messageSize = min(c.messageSize, maxMessageSize)
	for _, d := range []*time.Duration{&c.pingInterval, &c.pingTimeout, &c.writeTimeout, &c.flush, &c.flushMost, &c.grace, &c.logTimeout, &c.idleRooms} {
		*d = min(*d, longest)
	}
	c.resume = max(c.resume, c.history)
	c.maxLag = max(c.maxLag, 4*(6*c.messageSize+2<<10))
	if c.log == nil {
		c.log = memlog.New(c.history, c.historySize, c.idleRooms)
	}
}

// workers is how many goroutines share one round of delivery.
var workers = runtime.GOMAXPROCS(0)
