package jwtauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/golang-jwt/jwt/v5"
)

var errKey = errors.New("jwtauth: the token's key is not known")

type staticKey struct {
	id, algorithm string
	key           any
}

// keySet finds keys for tokens.
type keySet struct {
	static     []staticKey
	jwks       *jwks // nil without WithJWKS
	algorithms []string
}

func newKeySet(ctx context.Context, c *config) (*keySet, error) {
	k := &keySet{}
	for _, s := range c.static {
		if err := fits(s.algorithm, s.key); err != nil {
			return nil, fmt.Errorf("jwtauth: key %q: %w", s.id, err)
		}
		if slices.ContainsFunc(k.static, func(o staticKey) bool { return o.id == s.id }) {
			return nil, fmt.Errorf("jwtauth: two keys with the id %q", s.id)
		}
		k.static = append(k.static, s)
		k.algorithms = append(k.algorithms, s.algorithm)
	}
	if c.jwks == "" {
		return k, nil
	}
	var err error
	if k.jwks, err = newJWKS(ctx, c); err != nil {
		return nil, err
	}
	k.algorithms = append(k.algorithms, k.jwks.algorithms...)
	return k, nil
}

// find returns the key for t. It compares the header's kid with the ids of the keys, and
// uses it for nothing else.
func (k *keySet) find(t *jwt.Token) (any, error) {
	algorithm := t.Method.Alg()
	header, named := t.Header["kid"]
	kid, text := header.(string)
	if named && !text {
		return nil, errKey
	}
	for _, s := range k.static {
		if s.id == kid || !named && k.jwks == nil && len(k.static) == 1 {
			return s.forAlgorithm(algorithm)
		}
	}
	if k.jwks == nil || !named && len(k.static) > 0 {
		return nil, errKey
	}
	return k.jwks.find(kid, named, algorithm)
}

func (s *staticKey) forAlgorithm(algorithm string) (any, error) {
	if s.algorithm != algorithm {
		return nil, errAlgorithm
	}
	return s.key, nil
}

// fits returns an error if key is not a key of the algorithm.
func fits(algorithm string, key any) error {
	switch algorithm {
	case "HS256":
		if b, ok := key.([]byte); !ok || len(b) < 32 {
			return errors.New("HS256 needs a []byte of at least 32 bytes")
		}
	case "RS256":
		if p, ok := key.(*rsa.PublicKey); !ok || p == nil || p.N == nil || p.N.BitLen() < 2048 {
			return errors.New("RS256 needs an *rsa.PublicKey of at least 2048 bits")
		}
	case "ES256":
		if p, ok := key.(*ecdsa.PublicKey); !ok || p == nil || p.Curve != elliptic.P256() {
			return errors.New("ES256 needs an *ecdsa.PublicKey on P-256")
		}
	case "EdDSA":
		if p, ok := key.(ed25519.PublicKey); !ok || len(p) != ed25519.PublicKeySize {
			return errors.New("EdDSA needs an ed25519.PublicKey")
		}
	default:
		return errors.New("the algorithm " + strconv.Quote(algorithm) + " is not HS256, RS256, ES256 or EdDSA")
	}
	return nil
}
