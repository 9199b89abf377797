// Package origin reads the Origin header that browsers send (RFC 6454), and patterns of
// allowed origins.
package origin

import (
	"errors"
	"fmt"
	"strings"
)

// Origin is where a page is from, in one form: lower case, hosts in punycode, no
// port that the scheme implies, http for ws and https for wss. The origin null
// has the scheme "null" and nothing else.
type Origin struct {
	Scheme, Host, Port string
}

// Parse reads an origin.
func Parse(s string) (Origin, error) {
	if s == "null" {
		return Origin{Scheme: "null"}, nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return Origin{}, errors.New("the scheme is missing")
	}
	return build(scheme, rest)
}

// build makes an origin of the texts before and after "://".
func build(scheme, rest string) (o Origin, err error) {
	switch scheme = strings.ToLower(scheme); scheme {
	case "ws":
		scheme = "http"
	case "wss":
		scheme = "https"
	}
	if !isScheme(scheme) {
		return o, errors.New(`a scheme is letters, digits, "+", "-" and ".", such as "https"; each scheme is a pattern`)
	}
	web := scheme == "http" || scheme == "https"
	host, port, hasPort := rest, "", false
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		host, port, hasPort = rest[:i], rest[i+1:], true
	}
	switch {
	case strings.HasPrefix(host, "[") != strings.HasSuffix(host, "]"):
		return o, errors.New("a bracket is missing")
	case !strings.HasPrefix(host, "[") && strings.Contains(host, ":"):
		return o, errors.New(`an IPv6 address stands in brackets, as in "http://[::1]:8080"`)
	case host == "" && !(hostless(scheme) && !hasPort):
		return o, errors.New("the host is missing")
	}
	o.Scheme = scheme
	if o.Host, err = canonicalHost(host, web); err != nil {
		return Origin{}, err
	}
	if o.Host == "" && host != "" {
		return Origin{}, errors.New("the host shows nothing")
	}
	if hasPort {
		if o.Port, err = canonicalPort(scheme, port); err != nil {
			return Origin{}, err
		}
	}
	return o, nil
}

// hostless reports whether browsers send an origin of the scheme without a host.
func hostless(scheme string) bool {
	return scheme == "file" || scheme == "content" || scheme == "qrc" // Android's, Qt's
}

func isScheme(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || r == '+' || r == '-' || r == '.')) {
			return false
		}
	}
	return s != ""
}

// Pattern says which origins are allowed.
type Pattern struct {
	Any bool // "*"
	Origin
	wild bool // one label stands before Host, or is it if Host is empty
}

// ParsePattern reads an origin, in which "*" may be the first label of the host,
// or "*" alone. Its errors say what to write instead.
func ParsePattern(s string) (p Pattern, err error) {
	switch {
	case s == "*":
		return Pattern{Any: true}, nil
	case s == "":
		return p, errors.New(`it is empty: write an origin such as "https://app.example.com"`)
	case strings.TrimSpace(s) != s:
		return p, fmt.Errorf("there is space around it: write %q", strings.TrimSpace(s))
	case strings.EqualFold(s, "null"):
		p.Scheme = "null"
		return p, nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return p, schemeMissing(s)
	}
	if strings.ContainsAny(rest, ",; ") {
		return p, errors.New("two origins are two patterns, and there is no space in them")
	}
	if i := strings.IndexAny(rest, `/\?#`); i >= 0 {
		return p, fmt.Errorf("an origin ends before the path, the query and any slash: write %q", scheme+"://"+rest[:i])
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		return p, fmt.Errorf("an origin has no user and no password: write %q", scheme+"://"+rest[i+1:])
	}
	if after, ok := strings.CutPrefix(rest, "*."); ok {
		p.wild, rest = true, after
	} else if rest == "*" {
		return anyHost(scheme)
	}
	if p.Origin, err = build(scheme, rest); err != nil {
		return Pattern{}, err
	}
	if p.Scheme == "file" && p.Host != "" {
		return Pattern{}, errors.New(`the origin of files has no host: write "file://"`)
	}
	if p.wild && (p.Host == "." || strings.HasPrefix(p.Host, "[") || strings.Trim(p.Host, "0123456789.") == "") {
		return Pattern{}, errors.New(`"*" stands for a label of a name, not for a part of an address: name each address`)
	}
	return p, nil
}

// anyHost is the pattern "scheme://*".
func anyHost(scheme string) (p Pattern, err error) {
	o, err := build(scheme, "x")
	switch {
	case err != nil:
		return p, err
	case o.Scheme == "file":
		return p, errors.New(`the origin of files has no host: write "file://"`)
	case o.Scheme == "http" || o.Scheme == "https":
		return p, fmt.Errorf(`"*" stands for one label, and hosts have several: write %q, or "*" for every origin`, scheme+"://*.example.com")
	}
	return Pattern{Origin: Origin{Scheme: o.Scheme}, wild: true}, nil
}

func schemeMissing(s string) error {
	for _, opaque := range []string{"about:", "blob:", "data:", "javascript:"} {
		if strings.HasPrefix(strings.ToLower(s), opaque) {
			return errors.New(`no origin begins like that; that of most such pages is null: write "null"`)
		}
	}
	if scheme, rest, ok := strings.Cut(s, ":"); ok && isScheme(strings.ToLower(scheme)) && strings.Trim(rest, "0123456789") != "" {
		if rest = strings.TrimLeft(rest, "/"); strings.EqualFold(scheme, "file") {
			rest = ""
		}
		return fmt.Errorf("two slashes follow the scheme: write %q", scheme+"://"+rest)
	}
	return fmt.Errorf("the scheme is missing: write %q", "https://"+strings.TrimLeft(s, "/"))
}

// Matches reports whether o is one of the origins.
func (p *Pattern) Matches(o *Origin) bool {
	if p.Any {
		return true
	}
	if !p.wild {
		return p.Origin == *o
	}
	if p.Scheme != o.Scheme || p.Port != o.Port {
		return false
	}
	label, rest, dotted := strings.Cut(o.Host, ".")
	return label != "" && rest == p.Host && dotted == (p.Host != "")
}
