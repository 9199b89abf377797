package jwtauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"
)

var (
	errTwoTokens = errors.New("jwtauth: more than one token")
	errOrigin    = errors.New("jwtauth: a cookie from an origin that is not listed")
)

// bearerPrefix marks a token among the subprotocols.
const bearerPrefix = "bearer."

// token returns the one token of r.
func (a *authenticator) token(r *http.Request) (string, error) {
	var found string
	n := 0
	add := func(token string) { found, n = token, n+1 }
	for _, h := range r.Header.Values("Authorization") {
		if scheme, token, _ := strings.Cut(h, " "); strings.EqualFold(scheme, "Bearer") {
			add(strings.Trim(token, " "))
		}
	}
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			if token, ok := strings.CutPrefix(strings.Trim(p, " \t"), bearerPrefix); ok {
				add(token)
			}
		}
	}
	if a.query {
		for _, token := range r.URL.Query()["token"] {
			add(token)
		}
	}
	switch {
	case n > 1 || n == 1 && len(r.Header.Values("Authorization")) > 1:
		return "", errTwoTokens
	case n == 1:
		return found, nil
	case a.cookie != "":
		return a.cookieToken(r)
	}
	return "", ErrNoToken
}

func (a *authenticator) cookieToken(r *http.Request) (string, error) {
	switch c := r.CookiesNamed(a.cookie); {
	case len(c) == 0:
		return "", ErrNoToken
	case !a.ownPage(r.Header):
		return "", errOrigin
	case len(c) > 1:
		return "", errTwoTokens
	default:
		return c[0].Value, nil
	}
}

// ownPage reports whether a request with these headers comes from a page of one of the origins.
func (a *authenticator) ownPage(h http.Header) bool {
	switch origin := h.Values("Origin"); {
	case len(origin) > 1:
		return false
	case len(origin) == 1:
		return slices.Contains(a.origins, strings.ToLower(origin[0]))
	case h.Get("Upgrade") != "":
		return false
	}
	// Fetch Metadata: "none" means that the user has caused the request, for example in
	// the address bar.
	switch site := h.Get("Sec-Fetch-Site"); site {
	case "", "same-origin", "none":
		return true
	}
	return false
}
