package jwtauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

type claims map[string]any

// keys are the keys that the tests sign with.
type keys struct {
	secret []byte
	rsa    *rsa.PrivateKey
	ec     *ecdsa.PrivateKey
	ed     ed25519.PrivateKey
}

var testKeys = sync.OnceValue(func() keys {
	k := keys{secret: make([]byte, 32)}
	rand.Read(k.secret)
	var errs [3]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, errs[1] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed, errs[2] = ed25519.GenerateKey(rand.Reader)
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
	return k
})

// rsaPEM is the public key in the form that anybody can get.
func rsaPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&testKeys().rsa.PublicKey)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// raw signs any header and payload with HMAC.
func raw(header, payload string, secret []byte) string {
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return watch(text + "." + b64(h.Sum(nil)))
}

func raw512(header, payload string, secret []byte) string {
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	h := hmac.New(sha512.New, secret)
	h.Write([]byte(text))
	return watch(text + "." + b64(h.Sum(nil)))
}

// good returns the claims of a token that is valid for an hour, changed by c. A nil value
// removes a claim.
func good(c claims) string {
	all := claims{"sub": "u1", "name": "Alice", "iss": "https://login.example.com/", "aud": "chat", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, c)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// hs256 returns a token signed with the tests' secret. The values of header are added to the
// token's header.
func hs256(c, header claims) string {
	h := claims{"alg": "HS256", "typ": "JWT"}
	maps.Copy(h, header)
	b, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	return raw(string(b), good(c), testKeys().secret)
}

// signed returns a token that the jwt library signed, with any of the keys.
func signed(m jwt.SigningMethod, key any, kid string, c claims) string {
	var all jwt.MapClaims
	if err := json.Unmarshal([]byte(good(c)), &all); err != nil {
		panic(err)
	}
	t := jwt.NewWithClaims(m, all)
	if kid != "" {
		t.Header["kid"] = kid
	}
	s, err := t.SignedString(key)
	if err != nil {
		panic(err)
	}
	return watch(s)
}

// jwk returns a public key in the form of a JWKS.
func jwk(kid string, key crypto.PublicKey) claims {
	k := claims{"kid": kid, "use": "sig"}
	switch key := key.(type) {
	case *rsa.PublicKey:
		maps.Copy(k, claims{"kty": "RSA", "alg": "RS256", "n": b64(key.N.Bytes()), "e": "AQAB"})
	case *ecdsa.PublicKey:
		p, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		maps.Copy(k, claims{"kty": "EC", "alg": "ES256", "crv": "P-256", "x": b64(p[1:33]), "y": b64(p[33:])})
	case ed25519.PublicKey:
		maps.Copy(k, claims{"kty": "OKP", "alg": "EdDSA", "crv": "Ed25519", "x": b64(key)})
	}
	return k
}
