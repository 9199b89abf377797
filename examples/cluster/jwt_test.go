package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func token(t *testing.T, m jwt.SigningMethod, key any, kid string, claims jwt.MapClaims) string {
	t.Helper()
	all := jwt.MapClaims{"sub": "u1", "name": "Alice", "iss": "login", "aud": "chat", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	tok := jwt.NewWithClaims(m, all)
	if kid != "" {
		tok.Header["kid"] = kid
	}
	s, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTokens(t *testing.T) {
	secret := strings.Repeat("s3cret..", 4)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{
			"kty": "OKP", "crv": "Ed25519", "kid": "k1", "use": "sig", "alg": "EdDSA",
			"x": base64.RawURLEncoding.EncodeToString(public),
		}}})
	}))
	defer jwks.Close()
	p := start(t, map[string]string{"CHAT_JWT_SECRET_FILE": file, "CHAT_JWT_AUDIENCE": "chat"},
		"-jwks", jwks.URL, "-jwt-issuer", "login", "-jwt-rooms", "rooms")

	rooms := jwt.MapClaims{"rooms": []string{"general"}}
	bySecret := token(t, jwt.SigningMethodHS256, []byte(secret), "", rooms)
	byKey := token(t, jwt.SigningMethodEdDSA, private, "k1", rooms)
	all := []string{bySecret, byKey}
	for _, good := range all {
		if _, err := join(t, p.url, "general", "", http.Header{"Authorization": {"Bearer " + good}}); err != nil {
			t.Errorf("a good token in the header: %v", err)
		}
		m, err := join(t, p.url, "general", "", nil, "bearer."+good)
		if err != nil || m.Subprotocol() != "chat.v1" {
			t.Errorf("a good token beside chat.v1: %v", err)
		}
		if status, _ := get(t, p.url+"/rooms", good); status != http.StatusOK {
			t.Errorf("/rooms with a good token: %d", status)
		}
		if _, err := join(t, p.url, "secret", "", nil, "bearer."+good); fmt.Sprint(err) != "status 403" {
			t.Errorf("a room that the token does not allow: %v", err)
		}
	}
	for name, bad := range map[string]string{
		"none":           "",
		"another secret": token(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), "", rooms),
		"another issuer": token(t, jwt.SigningMethodHS256, []byte(secret), "", jwt.MapClaims{"iss": "x"}),
		"another aud":    token(t, jwt.SigningMethodEdDSA, private, "k1", jwt.MapClaims{"aud": "x"}),
		"expired":        token(t, jwt.SigningMethodEdDSA, private, "k1", jwt.MapClaims{"exp": 1}),
	} {
		all = append(all, bad)
		if _, err := join(t, p.url, "general", "", nil, "bearer."+bad); fmt.Sprint(err) != "status 401" {
			t.Errorf("%s: %v", name, err)
		}
		if status, _ := get(t, p.url+"/rooms", bad); status != http.StatusUnauthorized {
			t.Errorf("%s: /rooms: %d", name, status)
		}
	}
	if status, _ := get(t, p.url+"/healthz", ""); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	_, metrics := get(t, p.metrics+"/metrics", "")
	for _, tok := range all {
		for part := range strings.SplitSeq(tok, ".") {
			if len(part) > 10 && strings.Contains(p.log()+metrics, part) {
				t.Errorf("a token was logged")
			}
		}
	}
	if !strings.Contains(p.log(), "jwtauth: the token has expired") || strings.Contains(p.log(), secret) {
		t.Error("the log lacks the reason, or contains a secret")
	}
}
