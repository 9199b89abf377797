// Package jwtauth lets JSON Web Tokens (RFC 7519) into a chat server: it makes
// authenticators for [chat.WithAuthenticator], which verify a token before the
// upgrade and again when a client sends a fresh one on a live connection.
//
//	auth, err := jwtauth.New(ctx,
//		jwtauth.WithJWKS("https://login.example.com/.well-known/jwks.json"),
//		jwtauth.WithIssuer("https://login.example.com/"),
//		jwtauth.WithAudience("chat"))
//	...
//	srv := chat.New(chat.WithAuthenticator(auth))
//
// # Where an authenticator looks for a token
//
//   - the header "Authorization: Bearer TOKEN" (RFC 6750, section 2.1);
//   - the WebSocket subprotocols, as "bearer.TOKEN" beside "chat.v1": the only place where
//     a browser's WebSocket can put it;
//   - a cookie, with [WithCookie];
//   - the query parameter "token", with [WithQueryToken].
//
// # What is refused
//
// An authenticator refuses every token that RFC 8725 warns of, and every ambiguous one: an
// algorithm that is not the key's, "none", tokens over 8 KiB, more than one token, duplicate
// names and deep nesting in the JSON, a "crit" header, an unknown key id, a missing exp, an aud
// that is not one of [WithAudience]. It ignores the headers jku, x5u, x5c and jwk: keys come
// from the options only.
//
// Errors are fixed texts and never contain any part of a token. More about keys and
// rules: https://github.com/seed-08328bfd/chat/blob/main/adapters/jwtauth/README.md
package jwtauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/golang-jwt/jwt/v5"

	"github.com/seed-08328bfd/chat"
)

// ErrNoToken is the error of an authenticator for a request without any token. A service
// that also accepts guests can recognize them by it.
var ErrNoToken = errors.New("jwtauth: no token")

// maxToken is the longest token parsed, in bytes.
const maxToken = 8 << 10

// authenticator verifies tokens. It never changes after New.
type authenticator struct {
	config
	keys   *keySet
	parser *jwt.Parser
}

// New returns an authenticator with the keys and rules of the options. [WithKey] or
// [WithJWKS] is required. With [WithJWKS], New fetches the keys before it returns, and
// fetches them again at intervals until ctx ends. New returns an error if an option is
// invalid or the keys cannot be fetched.
//
// The authenticator may be called concurrently. The user that it
// returns has the token's sub for its ID, the name claim for its Name, exp plus
// the leeway for Expires, and the [Claims] for its Value; [WithUser] changes that.
// Its errors are [ErrNoToken] and others that have no exported name.
func New(ctx context.Context, opts ...Option) (func(*http.Request) (chat.User, error), error) {
	a := &authenticator{config: defaults()}
	for _, o := range opts {
		o(&a.config)
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	var err error
	if a.keys, err = newKeySet(ctx, &a.config); err != nil {
		return nil, err
	}
	a.parser = jwt.NewParser(a.parserOptions()...)
	return a.authenticate, nil
}

func (a *authenticator) parserOptions() []jwt.ParserOption {
	o := []jwt.ParserOption{
		jwt.WithValidMethods(a.keys.algorithms),
		jwt.WithStrictDecoding(),
		jwt.WithJSONNumber(),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(a.leeway),
	}
	if a.issuer != "" {
		o = append(o, jwt.WithIssuer(a.issuer))
	}
	if len(a.audiences) > 0 {
		o = append(o, jwt.WithAudience(a.audiences...))
	}
	return o
}

func (a *authenticator) authenticate(r *http.Request) (chat.User, error) {
	token, err := a.token(r)
	if err != nil {
		return chat.User{}, err
	}
	claims, err := a.verify(token)
	if err != nil {
		return chat.User{}, err
	}
	return a.user(claims)
}

// user returns the user of verified claims.
func (a *authenticator) user(claims Claims) (chat.User, error) {
	id, err := claims.text("sub")
	if err != nil {
		return chat.User{}, err
	}
	name, err := claims.text(a.nameClaim)
	if err != nil {
		return chat.User{}, err
	}
	exp, err := jwt.MapClaims(claims).GetExpirationTime()
	if err != nil || exp == nil {
		return chat.User{}, errTime // verify has checked this already
	}
	u := chat.User{ID: id, Name: name, Expires: exp.Add(a.leeway), Value: claims}
	if a.hook != nil {
		if err := a.hook(claims, &u); err != nil {
			return chat.User{}, err
		}
	}
	if err := checkID(u.ID); err != nil {
		return chat.User{}, err
	}
	return u, nil
}
