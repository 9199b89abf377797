package chat

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/seed-08328bfd/chat/internal/forwarded"
	"github.com/seed-08328bfd/chat/internal/origin"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/server"
)

// An Option sets one thing of a [Server]. Options are applied in order; a later one wins.
//
// One rule holds for all numbers: without the option, the default counts; zero means none
// or no limit; a value that makes no sense, such as a negative one, panics in [New], and
// the panic names the option. A nil function or log is the same as no option.
type Option func(*config)

// config is what the options set.
type config = server.Config

// WithLog keeps the rooms' events in l. Several servers may share one log; they then act as
// one server: see [operations]. The default, and the meaning of nil, is a memory log that
// only this server uses. It holds as many messages per room as [WithHistory] says; for a
// memory log that holds more, see [NewMemoryLog].
//
// [operations]: https://github.com/seed-08328bfd/chat/blob/main/docs/operations.md#restarts-and-upgrades
func WithLog(l Log) Option {
	return func(c *config) { c.Log = l }
}

// WithAuthenticator sets the function that finds out which user sends a request. The server
// calls auth before each upgrade and for each request to an HTTP endpoint, concurrently. If
// auth returns an error, the answer is 401. The text of an error of [Refuse] is shown to
// the client. Any other error is logged, and the client learns only that it is not
// authenticated. A client may send a fresh token on a live connection; without
// [WithTokenRefresh], auth then gets a request with only that token, in an Authorization
// header of the Bearer scheme (RFC 6750, section 2.1). The default, and the meaning of nil,
// is to let everybody in as an anonymous user.
func WithAuthenticator(auth func(r *http.Request) (User, error)) Option {
	return func(c *config) {
		if c.Hooks.Authenticate = nil; auth != nil {
			c.Hooks.Authenticate = func(r *http.Request) (rules.User, error) {
				u, err := auth(r)
				return rules.User(u), err
			}
		}
	}
}

// WithTokenRefresh sets the function that checks a fresh token, which a client sends on a
// live connection. u is the user as the last accepted credentials describe it. refresh
// returns the user with the new Expires and Value; the ID must be the same, and the Name is
// ignored. After an error the client gets an error object with the code auth_failed. It
// stays connected until its present credentials run out. The default, and the meaning of
// nil, is to ask the authenticator.
func WithTokenRefresh(refresh func(ctx context.Context, u User, token string) (User, error)) Option {
	return func(c *config) {
		if c.Hooks.Refresh = nil; refresh != nil {
			c.Hooks.Refresh = func(ctx context.Context, u rules.User, token string) (rules.User, error) {
				fresh, err := refresh(ctx, User(u), token)
				return rules.User(fresh), err
			}
		}
	}
}

// WithAuthorizer sets the function that the server asks before a user does something in a
// room. An error of [Refuse] refuses the action and is shown to the client: with status 403
// over HTTP and before the upgrade, as an error object with the code forbidden on a live
// connection. Any other error is logged, and the client gets 503 or the code unavailable:
// it tries again later. The server calls may concurrently, and for every message. Over HTTP
// without an authenticator, u is the zero User; for GET /unread it has the ID that belongs
// to the session. The default, and the meaning of nil, is to allow everything.
func WithAuthorizer(may func(ctx context.Context, u User, room string, a Action) error) Option {
	return func(c *config) {
		if c.Hooks.Authorize = nil; may != nil {
			c.Hooks.Authorize = func(ctx context.Context, u rules.User, room string, a rules.Action) error {
				return may(ctx, User(u), room, Action(a))
			}
		}
	}
}

// WithFilter shows every message and every edit to f before the log keeps it: those of
// clients, of [Server.Publish] and of [Server.Edit]. The server calls f in the sender's
// goroutine, concurrently. u is the sender; for Publish and Edit, u has the message's UserID
// and Username. Target tells an edit from a new message. f may change the message's Text,
// Data and Username (empty means the default username); changes of other fields are
// ignored. An error of [Refuse] refuses the message and is shown to its sender with the code
// rejected. Any other error is logged, and the sender gets the code unavailable. The default,
// and the meaning of nil, is to pass everything.
func WithFilter(f func(ctx context.Context, u User, room string, m *Message) error) Option {
	return func(c *config) {
		if c.Hooks.Filter = nil; f != nil {
			c.Hooks.Filter = func(ctx context.Context, u rules.User, room string, m *rules.Message) error {
				return f(ctx, User(u), room, (*Message)(m))
			}
		}
	}
}

// WithModerator sets the function that says whether a user moderates a room. A moderator may
// delete the messages of others, but not edit them, and [WithSlowMode] does not slow a
// moderator down. The server calls f concurrently: for each deletion, before it asks a user to
// wait for the slow mode, and when it welcomes a chat.v1 client, which is told the answer. If f panics, the user is no moderator.
// The default, and the meaning of nil, is that there are no moderators.
func WithModerator(f func(ctx context.Context, u User, room string) bool) Option {
	return func(c *config) {
		if c.Hooks.Moderate = nil; f != nil {
			c.Hooks.Moderate = func(ctx context.Context, u rules.User, room string) bool { return f(ctx, User(u), room) }
		}
	}
}

// WithPresenceHook calls f when a user has joined a room or left it, counted over all
// servers that share the log. A leave is reported after the leave grace, and also for users
// whose server has died. Each join and each leave is reported at most once, by one of the
// servers. The server calls f concurrently and never under a lock; calls for the same user
// of one room on one server come in order, others in any order. m.Connections is 0 when the
// user has left. A server that is killed does not report what it knew last: compare with
// [Server.Members] where that matters. The default, and the meaning of nil, is none.
func WithPresenceHook(f func(ctx context.Context, room string, m Member, present bool)) Option {
	return func(c *config) { c.Hooks.Present = f }
}

// WithDefaultUsername sets the name of users who give none. The default is "Anonymous". The
// empty name panics. The username rule does not apply to it; a name of more than 512 bytes
// is cut.
func WithDefaultUsername(name string) Option {
	return func(c *config) {
		if c.DefaultName = proto.CutText(name, rules.MaxName); name == "" {
			panic("chat: WithDefaultUsername: the name is empty")
		}
	}
}

// WithUsernameRule sets which usernames are allowed and how they are written. The rule gets
// the name that the client gave and returns the name to use, or an error, whose text the
// client sees with status 400. The name is empty if the client gave none; if the rule
// returns an empty name, the default username is used. The default, and the meaning of nil,
// is [CleanUsername].
//
// The name that an authenticator returns is never refused. It is made safe: characters that
// [CleanUsername] refuses because they cannot be seen are removed, and the name is cut to
// 64 characters, never inside of what is shown as one character. Scripts may be mixed. A
// rule set with this option gets the safe name and may return another one; if it returns an
// error, the error is logged and the safe name is used.
func WithUsernameRule(rule func(name string) (string, error)) Option {
	return func(c *config) { c.Hooks.NameRule = rule }
}

// WithRoomRule sets which room names are allowed and how they are written, as
// WithUsernameRule does for usernames. Two names that the rule makes equal are
// one room. The default, and the meaning of nil, is [CleanRoom].
func WithRoomRule(rule func(name string) (string, error)) Option {
	return func(c *config) {
		if c.Hooks.RoomRule = rule; rule == nil {
			c.Hooks.RoomRule = CleanRoom
		}
	}
}

// WithReactionRule sets what can be a reaction to a message, and how it is written. The rule
// gets what the client sent and returns the reaction to keep, 1 to 32 bytes of UTF-8, or an
// error, whose text the client sees with the code bad_request. Two reactions that the rule
// makes equal are one. The default, and the meaning of nil, is [CleanReaction].
func WithReactionRule(rule func(reaction string) (string, error)) Option {
	return func(c *config) {
		if c.Hooks.ReactionRule = rule; rule == nil {
			c.Hooks.ReactionRule = CleanReaction
		}
	}
}

// WithReadReceipts shows to all chat.v1 members of a room how far each user has read it. The
// default is off: only the user's own other connections are told.
func WithReadReceipts(on bool) Option {
	return func(c *config) { c.Receipts = on }
}

// WithOriginPatterns allows pages of other origins than the server's own to connect (RFC
// 6454). A pattern is an origin such as "https://app.example.com" or
// "http://localhost:3000", in which "*" as the first label of the host stands for any one
// label: "https://*.example.com". Other schemes work too: "capacitor://localhost",
// "chrome-extension://ID" or "file://". Where each installation has its own host, "*"
// stands for the host: "moz-extension://*". The pattern "null" allows pages without an
// origin; any site can make such a page. The single pattern "*" allows every origin. Do not
// use these two together with cookies.
//
// Upper and lower case are the same. The scheme's default port may be written or left out.
// ws and wss mean http and https. A name in Unicode means the same name in punycode, which
// browsers send. A pattern that no origin can match, such as one without a scheme or with a
// path, panics; the panic says what to write.
//
// The default is no pattern: a page may connect only to the scheme, host and port that it
// came from. Programs that send no Origin header may always connect. The HTTP endpoints
// answer allowed origins with CORS headers, for requests with an Authorization header but
// not with cookies. Refused origins are logged at level Info, once per minute and origin.
func WithOriginPatterns(patterns ...string) Option {
	p, err := origin.ParsePolicy(patterns)
	if err != nil {
		panic("chat: WithOriginPatterns: " + err.Error())
	}
	return func(c *config) { c.Origins = p }
}

// WithTrustedProxies names reverse proxies by address or by network, such as "10.0.0.0/8";
// "unix" stands for all that connect over a Unix socket. The server believes their headers:
// X-Forwarded-For or Forwarded (RFC 7239) for the limits by address, X-Forwarded-Proto or
// the proto of Forwarded for the server's own origin. If a header has several addresses,
// the client is the last one that is not a trusted proxy. A client that the proxy calls
// "unknown" is not counted by address; a client that the proxy gives an identifier ("_abc")
// is counted by the identifier. If the two headers disagree, or one cannot be parsed, the
// client is counted by the proxy's address, and this is logged once. The default is none.
// Any other text panics.
func WithTrustedProxies(networks ...string) Option {
	p, err := forwarded.ParseProxies(networks)
	if err != nil {
		panic("chat: WithTrustedProxies: " + err.Error())
	}
	return func(c *config) { c.Proxies = p }
}

// WithCompression offers permessage-deflate without context takeover (RFC 7692) to clients
// that ask for it. Each message is compressed alone, and once for all these clients: a text
// of 600 bytes shrinks to a third, one of 80 bytes to four fifths, for 15 % more processor
// time in a room of 200. The default is off: compression costs processor time, and an
// attacker who chooses part of a text can guess a secret beside it from the compressed
// size. The server's answer demands client_no_context_takeover. Clients that ignore this
// are closed with 1002: Tornado and Mojolicious are known to.
func WithCompression(on bool) Option {
	return func(c *config) { c.Compress = on }
}

// WithLogger sets the logger for what no caller sees: failures of the log, panics in hooks,
// members closed because they are slow. Attributes are room, user, code, err and a few
// more; never a message's text or a token. The default, and the meaning of nil, is
// [slog.Default].
func WithLogger(l *slog.Logger) Option {
	return func(c *config) {
		if c.Logger = l; l == nil {
			c.Logger = slog.Default()
		}
	}
}
