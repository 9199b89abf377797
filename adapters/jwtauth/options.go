package jwtauth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat"
)

// An Option sets one thing of an authenticator. Options are applied in order; a
// later one wins, but for [WithKey], which adds.
type Option func(*config)

type config struct {
	static    []staticKey
	jwks      string
	jwksAlgs  []string
	refresh   time.Duration
	client    *http.Client
	logger    *slog.Logger
	issuer    string
	audiences []string
	leeway    time.Duration
	nameClaim string
	hook      func(Claims, *chat.User) error
	cookie    string
	origins   []string
	query     bool
}

func defaults() config {
	return config{
		refresh:   15 * time.Minute,
		leeway:    30 * time.Second,
		nameClaim: "name",
		logger:    slog.Default(),
	}
}

// WithKey adds a key that verifies tokens of one algorithm and no other:
//
//	"HS256"  []byte of at least 32 bytes (RFC 7518, section 3.2)
//	"RS256"  *rsa.PublicKey of at least 2048 bits
//	"ES256"  *ecdsa.PublicKey on the curve P-256
//	"EdDSA"  ed25519.PublicKey
//
// It is for tokens whose kid header is id; a key with the empty id, for tokens
// without kid. A token without kid is also put to a key with an id if that is the
// only key there is. Several keys, each with its own id, let the issuer change
// from one to the next.
func WithKey(id, algorithm string, key any) Option {
	return func(c *config) { c.static = append(c.static, staticKey{id, algorithm, key}) }
}

// WithJWKS takes keys from a JSON Web Key Set (RFC 7517) at a URL, beside those
// of WithKey, which come first. They are fetched anew at the interval of
// [WithRefresh], and, at most every ten seconds, when a token names a key that is
// not among them; if that fails, those that are known stay. Tokens must be of one
// of the algorithms, which may be "RS256", "ES256" and "EdDSA", the default being
// all three, and of the key's own if the set says one. The URL's scheme is https,
// or http for a set that comes over no network.
func WithJWKS(url string, algorithms ...string) Option {
	return func(c *config) { c.jwks, c.jwksAlgs = url, algorithms }
}

// WithRefresh sets how often the keys of [WithJWKS] are fetched anew, and so how
// long a key that the issuer withdrew still counts. The default is 15 minutes;
// zero or less restores it.
func WithRefresh(every time.Duration) Option {
	return func(c *config) {
		if c.refresh = every; every <= 0 {
			c.refresh = 15 * time.Minute
		}
	}
}

// WithHTTPClient sets what fetches the keys of [WithJWKS]. Every fetch is given
// up after five seconds or 1 MiB. The default, and the meaning of nil, is a
// client of net/http's default transport.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) { c.client = client }
}

// WithLogger sets where failures to fetch the keys of [WithJWKS] are logged. The
// default, and the meaning of nil, is [slog.Default].
func WithLogger(l *slog.Logger) Option {
	return func(c *config) {
		if c.logger = l; l == nil {
			c.logger = slog.Default()
		}
	}
}

// WithIssuer sets what the iss claim must be. The default, and the meaning of "",
// is not to look at it.
func WithIssuer(iss string) Option {
	return func(c *config) { c.issuer = iss }
}

// WithAudience sets the audiences of which the aud claim must name one. The
// default is none: then a token with an aud is for somebody else and refused
// (RFC 7519, section 4.1.3).
func WithAudience(aud ...string) Option {
	return func(c *config) { c.audiences = aud }
}

// WithLeeway sets how far the issuer's clock may be from this one: exp counts as
// so much later, nbf and iat as so much earlier. The default is 30 s; zero or
// less is none.
func WithLeeway(d time.Duration) Option {
	return func(c *config) { c.leeway = max(d, 0) }
}

// WithNameClaim sets the claim that is the user's name, such as
// "preferred_username". The default, and the meaning of "", is "name". Where a
// token has none, or null, the client chooses a name by its username parameter.
func WithNameClaim(claim string) Option {
	return func(c *config) {
		if c.nameClaim = claim; claim == "" {
			c.nameClaim = "name"
		}
	}
}

// WithUser calls f with the claims of a token that is good, and the user made of
// them, to change whatever of the user it likes. Its error refuses the token and
// is logged, so it should not hold claims that are secrets. The default, and the
// meaning of nil, is to change nothing.
func WithUser(f func(c Claims, u *chat.User) error) Option {
	return func(c *config) { c.hook = f }
}

// WithCookie takes a token from the cookie with that name too, if none is given
// in another way. A browser adds cookies to what any page asks of the server, so
// a cookie counts only on requests of the origins listed, each exactly one such
// as "https://app.example.com"; the server's own must be among them. That means:
//
//   - a WebSocket upgrade needs an Origin header (RFC 6454) from the list;
//   - any other request may go without, as browsers leave it out where page and
//     server have one origin, unless its Sec-Fetch-Site header says otherwise.
//
// [New] fails if there are no origins. The chat server's own rule,
// [chat.WithOriginPatterns], holds as well.
func WithCookie(name string, origins ...string) Option {
	return func(c *config) { c.cookie, c.origins = name, origins }
}

// WithQueryToken takes a token from the query parameter "token" too. It is off
// unless asked for, since addresses end up in the logs of proxies and in
// histories.
func WithQueryToken() Option {
	return func(c *config) { c.query = true }
}

// check reports what does not make sense, and puts the origins in one form.
func (c *config) check() error {
	if len(c.static) == 0 && c.jwks == "" {
		return errors.New("jwtauth: no key: use WithKey or WithJWKS")
	}
	if c.cookie == "" && c.origins == nil {
		return nil
	}
	if c.cookie == "" || len(c.origins) == 0 {
		return errors.New("jwtauth: a cookie needs a name and the origins it counts from")
	}
	origins := make([]string, len(c.origins))
	for i, s := range c.origins {
		u, err := url.Parse(s)
		origin := strings.ToLower(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || origin != u.Scheme+"://"+strings.ToLower(u.Host) || strings.Contains(s, "*") {
			return fmt.Errorf("jwtauth: %q is not an origin such as https://app.example.com", s)
		}
		origins[i] = origin
	}
	c.origins = origins
	return nil
}
