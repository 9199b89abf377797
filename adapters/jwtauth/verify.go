package jwtauth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// The errors of tokens. The errors of the libraries are not used, because they may quote
// the token.
var (
	errLong      = errors.New("jwtauth: the token is too long")
	errForm      = errors.New("jwtauth: the token is malformed")
	errJSON      = errors.New("jwtauth: the token's JSON is ambiguous, too deep or malformed")
	errCritical  = errors.New("jwtauth: the token has a crit header")
	errAlgorithm = errors.New("jwtauth: the token's algorithm is not the key's")
	errSignature = errors.New("jwtauth: the token's signature is wrong")
	errExpired   = errors.New("jwtauth: the token has expired")
	errTime      = errors.New("jwtauth: the token has no valid exp, or is not valid yet")
	errIssuer    = errors.New("jwtauth: the token is from another issuer")
	errAudience  = errors.New("jwtauth: the token is for another audience")
	errSubject   = errors.New("jwtauth: the token's subject cannot be a user's id")
	errClaim     = errors.New("jwtauth: a claim of the token has the wrong type")
)

// maxDepth bounds the nesting of the JSON in a token.
const maxDepth = 16

// maxTime is the end of the year 9999 in Unix seconds. A later time in a token is an error.
const maxTime = 253402300799

// verify returns the claims of a valid token.
func (a *authenticator) verify(token string) (Claims, error) {
	if err := checkForm(token); err != nil {
		return nil, err
	}
	claims := jwt.MapClaims{}
	_, err := a.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if _, ok := t.Header["crit"]; ok {
			return nil, errCritical // RFC 7515, section 4.1.11: we support no extension
		}
		if err := checkTimes(claims); err != nil {
			return nil, err
		}
		return a.keys.find(t)
	})
	if err != nil {
		return nil, reason(err)
	}
	if _, ok := claims["aud"]; ok && len(a.audiences) == 0 {
		return nil, errAudience
	}
	return Claims(claims), nil
}

// reason returns the error of this package for a parser's error.
func reason(err error) error {
	for _, own := range []error{errCritical, errTime, errKey, errAlgorithm} {
		if errors.Is(err, own) {
			return own
		}
	}
	for _, r := range []struct{ is, say error }{
		{jwt.ErrTokenMalformed, errForm},
		{jwt.ErrTokenUnverifiable, errAlgorithm},
		{jwt.ErrTokenSignatureInvalid, errSignature},
		{jwt.ErrTokenExpired, errExpired},
		{jwt.ErrTokenInvalidIssuer, errIssuer},
		{jwt.ErrTokenInvalidAudience, errAudience},
		{jwt.ErrTokenNotValidYet, errTime},
		{jwt.ErrTokenUsedBeforeIssued, errTime},
	} {
		if errors.Is(err, r.is) {
			return r.say
		}
	}
	return errClaim
}

// checkForm refuses malformed tokens before it allocates anything for them: a token has
// three parts in the base64url alphabet (RFC 7515, section 7.1), and the first two are
// unambiguous JSON objects.
func checkForm(token string) error {
	if len(token) > maxToken {
		return errLong
	}
	dots := 0
	for i := range len(token) {
		switch c := token[i]; {
		case c == '.':
			dots++
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return errForm
		}
	}
	if dots != 2 {
		return errForm
	}
	parts := strings.Split(token, ".")
	for _, part := range parts[:2] {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil {
			return errForm
		}
		if !unambiguous(b) {
			return errJSON
		}
	}
	return nil
}

// unambiguous reports whether b is one JSON object that is not nested deeply and has no
// duplicate names (RFC 7519, section 4). encoding/json would use the last duplicate.
func unambiguous(b []byte) bool {
	if len(b) == 0 || b[0] != '{' || !json.Valid(b) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var names []map[string]bool // of the objects around; nil for an array
	key := false                // the next token is an object's name
	for {
		t, err := dec.Token()
		if err != nil {
			return err == io.EOF && len(names) == 0
		}
		switch t := t.(type) {
		case json.Delim:
			switch t {
			case '{':
				names = append(names, map[string]bool{})
			case '[':
				names = append(names, nil)
			default:
				names = names[:len(names)-1]
			}
			if len(names) > maxDepth {
				return false
			}
		case string:
			if key {
				if names[len(names)-1][t] {
					return false
				}
				names[len(names)-1][t] = true
				key = false
				continue
			}
		}
		key = len(names) > 0 && names[len(names)-1] != nil
	}
}

// checkTimes refuses times that are not numbers, or are out of range, so that no conversion
// overflows.
func checkTimes(claims jwt.MapClaims) error {
	for _, name := range []string{"exp", "nbf", "iat"} {
		v, ok := claims[name]
		if !ok {
			continue
		}
		n, ok := v.(json.Number)
		if !ok {
			return errTime
		}
		if f, err := n.Float64(); err != nil || f < 0 || f > maxTime {
			return errTime
		}
	}
	return nil
}

// checkID reports whether id can be a user's id: the server must accept it, and it must not
// contain invisible characters.
func checkID(id string) error {
	if id == "" || len(id) > 128 || strings.HasPrefix(id, "anon-") || strings.ContainsFunc(id, func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsGraphic(r)
	}) {
		return errSubject
	}
	return nil
}
