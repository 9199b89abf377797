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

// An Option sets one thing of an authenticator. Options are arguments of [New] and are
// applied in order: a later one replaces an earlier one of the same kind, except
// [WithKey], which adds a key.
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

// WithKey adds a key. It verifies tokens of one algorithm only:
//
//	"HS256"  []byte of at least 32 bytes (RFC 7518, section 3.2)
//	"RS256"  *rsa.PublicKey of at least 2048 bits
//	"ES256"  *ecdsa.PublicKey on the curve P-256
//	"EdDSA"  ed25519.PublicKey
//
// The key is for tokens whose kid header is id. A key with the id "" is for tokens without
// kid. If there is only one key, it is also for tokens without kid. With several keys,
// each with its own id, the issuer can change from one to the next. New returns an error
// for a key that does not fit the algorithm, and for two keys with the same id.
func WithKey(id, algorithm string, key any) Option {
	return func(c *config) { c.static = append(c.static, staticKey{id, algorithm, key}) }
}

// WithJWKS fetches keys from a JSON Web Key Set (RFC 7517) at a URL. The keys of [WithKey]
// come first. The set is fetched again at the interval of [WithRefresh]. It is also
// fetched when a token names an unknown key, but at most every ten seconds. If a fetch
// fails, the known keys stay. A token must have one of the algorithms: "RS256", "ES256"
// and "EdDSA" are possible, and all three are the default. If the set names an algorithm
// for a key, the token must have that one. The scheme of the URL must be https, or http
// for a set on the same machine.
func WithJWKS(url string, algorithms ...string) Option {
	return func(c *config) { c.jwks, c.jwksAlgs = url, algorithms }
}

// WithRefresh sets the interval at which the keys of [WithJWKS] are fetched again. A key
// that the issuer has withdrawn is accepted for that long. The default is 15 minutes. Zero
// or a negative duration means the default.
func WithRefresh(every time.Duration) Option {
	return func(c *config) {
		if c.refresh = every; every <= 0 {
			c.refresh = 15 * time.Minute
		}
	}
}

// WithHTTPClient sets the HTTP client that fetches the keys of [WithJWKS]. A fetch fails
// after five seconds, and if the answer is larger than 1 MiB. The default is a client with
// net/http's default transport, and nil means the default.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) { c.client = client }
}

// WithLogger sets the logger for failed fetches of the keys of [WithJWKS]. The default is
// [slog.Default], and nil means the default.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) {
		if c.logger = l; l == nil {
			c.logger = slog.Default()
		}
	}
}

// WithIssuer sets the required value of the iss claim. By default, and with "", the claim is not
// checked.
func WithIssuer(iss string) Option {
	return func(c *config) { c.issuer = iss }
}

// WithAudience sets the audiences. The aud claim must name one of them. Without audiences,
// which is the default, every token with an aud claim is refused: it is for another
// service (RFC 7519, section 4.1.3).
func WithAudience(aud ...string) Option {
	return func(c *config) { c.audiences = aud }
}

// WithLeeway sets how much the issuer's clock may differ from this one. exp counts as that much
// later; nbf and iat count as that much earlier. The default is 30 s. Zero or a negative
// duration means no leeway.
func WithLeeway(d time.Duration) Option {
	return func(c *config) { c.leeway = max(d, 0) }
}

// WithNameClaim sets the claim that is the user's name, such as "preferred_username". The
// default is "name", and "" means the default. If a token does not have the claim, or it
// is null, the client's username parameter is the name.
func WithNameClaim(claim string) Option {
	return func(c *config) {
		if c.nameClaim = claim; claim == "" {
			c.nameClaim = "name"
		}
	}
}

// WithUser calls f with the claims of a valid token and with the user made of them. f may
// change any field of the user. If f returns an error, the token is refused and the error
// is logged, so it should not contain secret claims. f may be called concurrently. By
// default, and with nil, nothing is changed.
func WithUser(f func(c Claims, u *chat.User) error) Option {
	return func(c *config) { c.hook = f }
}

// WithCookie also accepts a token in the cookie with that name, if the request has no
// other token. A browser sends cookies with the requests of any page. So the cookie counts
// only for requests from the listed origins, each written like "https://app.example.com".
// The server's own origin must be listed too. That means:
//
//   - a WebSocket upgrade needs an Origin header (RFC 6454) from the list;
//   - any other request may have no Origin header, because browsers omit it if page and
//     server have the same origin, unless its Sec-Fetch-Site header says otherwise.
//
// [New] returns an error if there are no origins. The chat server's own rule,
// [chat.WithOriginPatterns], applies too.
func WithCookie(name string, origins ...string) Option {
	return func(c *config) { c.cookie, c.origins = name, origins }
}

// WithQueryToken also accepts a token in the query parameter "token". By default it is not
// accepted, because URLs are stored in the logs of proxies and in browsers' histories.
func WithQueryToken() Option {
	return func(c *config) { c.query = true }
}

// check returns an error for invalid options, and normalizes the origins.
func (c *config) check() error {
	if len(c.static) == 0 && c.jwks == "" {
		return errors.New("jwtauth: no key: use WithKey or WithJWKS")
	}
	if c.cookie == "" && c.origins == nil {
		return nil
	}
	if c.cookie == "" || len(c.origins) == 0 {
		return errors.New("jwtauth: WithCookie needs a name and at least one origin")
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
