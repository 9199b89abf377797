package jwtauth_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/jwtauth"
)

// fuzzSecret is fixed, so that a corpus can hold good tokens.
var fuzzSecret = []byte("0123456789abcdef0123456789abcdef")

// accepts decides without the package's own code whether token may be accepted. It reports
// whether token is signed with fuzzSecret by HS256, and returns its claims.
func accepts(token string) (map[string]any, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > 8<<10 {
		return nil, false
	}
	mac := hmac.New(sha256.New, fuzzSecret)
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) != parts[2] {
		return nil, false
	}
	var header, payload map[string]any
	for i, v := range []any{&header, &payload} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.UseNumber()
		if err != nil || dec.Decode(v) != nil {
			return nil, false
		}
	}
	_, crit := header["crit"]
	kid, named := header["kid"]
	return payload, header["alg"] == "HS256" && !crit && (!named || kid == "")
}

func check(t *testing.T, a auth, token string) {
	u, err := ask(a, token)
	if err != nil {
		if len(token) > 40 && strings.Contains(err.Error(), token[20:40]) {
			t.Fatalf("the error quotes the token: %v", err)
		}
		return
	}
	payload, ok := accepts(token)
	if !ok {
		t.Fatalf("%q was accepted", token)
	}
	if payload["sub"] != u.ID || u.ID == "" || payload["aud"] != "chat" {
		t.Fatalf("user %q for the claims %v", u.ID, payload)
	}
	n, _ := payload["exp"].(json.Number)
	if exp, err := n.Float64(); err != nil || time.Unix(int64(exp), 0).Before(time.Now().Add(-time.Minute)) {
		t.Fatalf("exp is %v", payload["exp"])
	}
}

func fuzzAuth(t testing.TB) auth {
	return mustNew(t, jwtauth.WithKey("", "HS256", fuzzSecret), jwtauth.WithAudience("chat"))
}

// FuzzToken gives any text to the authenticator.
func FuzzToken(f *testing.F) {
	for _, r := range rows("http://127.0.0.1:1") {
		if r.token != "" && len(r.token) < 2<<10 {
			f.Add(r.token)
		}
	}
	f.Add(raw(h256, good(claims{"exp": int64(253402300799)}), fuzzSecret))
	a := fuzzAuth(f)
	f.Fuzz(func(t *testing.T, token string) { check(t, a, token) })
}

// FuzzClaims signs any header and claims, so the checks after the signature are reached too.
func FuzzClaims(f *testing.F) {
	for _, r := range rows("http://127.0.0.1:1") {
		parts := strings.Split(r.token, ".")
		if len(parts) != 3 || len(r.token) > 2<<10 {
			continue
		}
		header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
		payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
		if err1 == nil && err2 == nil {
			f.Add(string(header), string(payload))
		}
	}
	f.Add(h256, good(claims{"exp": int64(253402300799)}))
	a := fuzzAuth(f)
	f.Fuzz(func(t *testing.T, header, payload string) {
		text := b64([]byte(header)) + "." + b64([]byte(payload))
		mac := hmac.New(sha256.New, fuzzSecret)
		mac.Write([]byte(text))
		check(t, a, text+"."+b64(mac.Sum(nil)))
	})
}
