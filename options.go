package chat

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/origin"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// An Option sets one thing of a [Server]. Options are applied in order; a later one wins.
//
// One rule holds for all numbers: without the option the default counts, zero is none or
// no limit, and a value that makes no sense, such as a negative one, panics in [New] with
// the option's name. A nil function or log is none.
type Option func(*config)

// config is what the options set. Zero is none, or no limit.
type config struct {
	hooks  hooks
	log    Log
	limits limits
	times  times

	defaultName string
	origins     origin.Policy
	proxies     forwarded.Proxies
	compress    bool
	logger      *slog.Logger
}

// hooks are the users' functions; nil is none.
type hooks struct {
	authenticate func(*http.Request) (User, error)
	refresh      func(ctx context.Context, u User, token string) (User, error)
	authorize    func(ctx context.Context, u User, room string, a Action) error
	filter       func(ctx context.Context, u User, room string, m *Message) error
	present      func(ctx context.Context, room string, m Member, present bool)
	nameRule     func(string) (string, error)
	roomRule     func(string) (string, error)
}

// limits are the numbers that are no times.
type limits struct {
	history, resume, lag           int
	rate                           float64
	burst                          int
	messageSize                    int
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
}

// The defaults of the options, all in one place.
func defaults() config {
	return config{
		hooks:       hooks{roomRule: CleanRoom},
		defaultName: "Anonymous",
		logger:      slog.Default(),
		limits: limits{
			history: 50, resume: 256, lag: 1 << 20,
			burst: 20, messageSize: 16 << 10,
			rooms: 100_000, presenceNotice: 250,
		},
		times: times{
			pingInterval: 25 * time.Second, pingTimeout: 10 * time.Second,
			write: 10 * time.Second,
			flush: 2 * time.Millisecond, flushMost: 5 * time.Millisecond,
			grace: 5 * time.Second, log: 2 * time.Second,
		},
	}
}

// checked returns v, which is option's, or panics if it is smaller than least.
func checked[T int | time.Duration](option string, v, least T) T {
	if v < least {
		panic(fmt.Sprintf("chat: %s: %v is less than %v", option, v, least))
	}
	return v
}

// WithLog keeps the rooms in l, which other servers may share. Servers over one log act
// as one: see [operations]. The default is a memory log of the server's own, which holds
// as many messages of a room as a joiner gets; for one that holds more, see
// [NewMemoryLog].
//
// [operations]: https://github.com/seed-08328bfd/chat/blob/main/docs/operations.md#restarts-and-upgrades
func WithLog(l Log) Option {
	return func(c *config) { c.log = l }
}

// WithAuthenticator lets in whom auth knows. It is called before the upgrade and for the
// HTTP endpoints, concurrently. An error of [Refuse] is shown to the client with status
// 401; of any other the client learns only that it is not authenticated, and the text is
// logged. Without [WithTokenRefresh], a fresh token that a client sends on a live
// connection comes as a request with only that token, in an Authorization header of the
// Bearer scheme (RFC 6750, section 2.1). The default is to let everybody in as an
// anonymous user.
func WithAuthenticator(auth func(r *http.Request) (User, error)) Option {
	return func(c *config) { c.hooks.authenticate = auth }
}

// WithTokenRefresh asks refresh for a user's new credentials when the client sends a fresh
// token on a live connection. u is the user with the latest credentials so far. The user
// that it returns must have the same ID; its Name does not count. After an error the
// client gets an error object with the code auth_failed and stays connected until the
// credentials that it has run out. The default is to ask the authenticator.
func WithTokenRefresh(refresh func(ctx context.Context, u User, token string) (User, error)) Option {
	return func(c *config) { c.hooks.refresh = refresh }
}

// WithAuthorizer asks may before a user does something in a room. An error of [Refuse]
// refuses it and is shown to the client: with status 403 over HTTP and before the upgrade,
// as an error object with the code forbidden on a live connection. Any other error is
// logged, and the client gets 503 or the code unavailable: it tries again later. It is
// called concurrently, for every message too. Over HTTP, where there is no authenticator,
// u is the zero User. The default is to allow everything.
func WithAuthorizer(may func(ctx context.Context, u User, room string, a Action) error) Option {
	return func(c *config) { c.hooks.authorize = may }
}

// WithFilter shows every message to f before it is kept, from clients and from
// [Server.Publish] alike, in the sender's goroutine and concurrently. u is the sender; for
// Publish, a User of the message's UserID and Username. f may change the message's Text and
// Username; changes of other fields do not count. An error of [Refuse] refuses the message
// and is shown to its sender with the code rejected. Any other is logged, and the sender
// gets the code unavailable. The default is to pass everything.
func WithFilter(f func(ctx context.Context, u User, room string, m *Message) error) Option {
	return func(c *config) { c.hooks.filter = f }
}

// WithPresenceHook tells f when a user has come to a room or left it, over all servers
// that share the log: after the leave grace, also of users whose server has died, at most
// once for each time, by the one server that knows first. It is called concurrently, with
// no order between two calls but for the same user of one room on one server, and never
// under a lock. m.Connections is 0 when the user has left. What a server knows when it is
// killed is told by nobody: compare with [Server.Members] where that matters.
func WithPresenceHook(f func(ctx context.Context, room string, m Member, present bool)) Option {
	return func(c *config) { c.hooks.present = f }
}

// WithDefaultUsername sets the name of users who give none. The default is "Anonymous",
// and the empty name panics. It is not put to the username rule; of more than 512 bytes,
// the rest is cut off.
func WithDefaultUsername(name string) Option {
	return func(c *config) {
		if c.defaultName = proto.CutText(name, maxRuled); name == "" {
			panic("chat: WithDefaultUsername: the name is empty")
		}
	}
}

// WithUsernameRule sets what usernames are allowed and how they are written: the
// rule gets the name as the client gave it and returns the name to use, or an
// error, whose text the client sees with status 400. A client that gives no name
// has the empty one, and a rule that returns it means the default username. The
// default, and the meaning of nil, is [CleanUsername].
//
// The name of an authenticator's user is never refused. It is made safe: without
// what [CleanUsername] refuses as unseen, and cut to 64 characters, between those that
// are shown as one; scripts may be mixed. A rule of your own gets that name and may
// return another one; if it returns an error, which is logged, the safe name is used.
func WithUsernameRule(rule func(name string) (string, error)) Option {
	return func(c *config) { c.hooks.nameRule = rule }
}

// WithRoomRule sets what room names are allowed and how they are written, as
// WithUsernameRule does for usernames. Two names that the rule makes equal are
// one room. The default, and the meaning of nil, is [CleanRoom].
func WithRoomRule(rule func(name string) (string, error)) Option {
	return func(c *config) {
		if c.hooks.roomRule = rule; rule == nil {
			c.hooks.roomRule = CleanRoom
		}
	}
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

// pageSize is how many messages an answer has if the client does not say.
func (c *config) pageSize() int {
	if c.limits.history == 0 {
		return 50
	}
	return min(c.limits.history, proto.MaxPage)
}

// frameLimit is the largest WebSocket message read from a client, in bytes.
func (c *config) frameLimit() int { return max(2*c.limits.messageSize, 4<<10) }

// settle makes the values fit each other after all options were applied.
func (c *config) settle() {
	l, t := &c.limits, &c.times
	for _, d := range []*time.Duration{&t.pingInterval, &t.pingTimeout, &t.write, &t.flush, &t.flushMost, &t.grace, &t.log} {
		*d = min(*d, longest)
	}
	l.resume = max(l.resume, l.history)
	// A frame holds a text with every byte escaped, the names and the keys.
	l.lag = max(l.lag, 4*(6*l.messageSize+2<<10))
	if c.log == nil {
		c.log = memlog.New(l.history, 1<<20, time.Hour)
	}
}
