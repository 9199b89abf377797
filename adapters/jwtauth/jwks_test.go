package jwtauth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/seed-08328bfd/chat/adapters/jwtauth"
)

// issuer serves a JWKS.
type issuer struct {
	mu      sync.Mutex
	keys    []claims
	down    bool
	fetched int
}

func (i *issuer) set(keys ...claims) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

func (i *issuer) fail(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetched
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetched++
	if i.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	json.NewEncoder(w).Encode(claims{"keys": i.keys})
}

// RoundTrip makes an issuer reachable without a network.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestJWKS(t *testing.T) {
	k := testKeys()
	secret := jwk("hs", nil)
	secret["kty"], secret["k"] = "oct", b64(k.secret)
	forEncryption := jwk("enc", &k.rsa.PublicKey)
	forEncryption["use"] = "enc"
	delete(forEncryption, "alg")
	forPSS := jwk("ps", &k.rsa.PublicKey)
	forPSS["alg"] = "PS256"
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	is := &issuer{keys: []claims{
		jwk("rs", &k.rsa.PublicKey), jwk("es", &k.ec.PublicKey), jwk("ed", k.ed.Public()),
		secret, forEncryption, forPSS, jwk("weak", &weak.PublicKey),
	}}
	ts := httptest.NewTLSServer(is)
	defer ts.Close()
	a := mustNew(t, jwtauth.WithJWKS(ts.URL+"/jwks.json"), jwtauth.WithHTTPClient(ts.Client()),
		jwtauth.WithAudience("chat"), jwtauth.WithKey("static", "HS256", k.secret))
	for _, c := range []struct {
		name, kid string
		m         jwt.SigningMethod
		key       any
		ok        bool
	}{
		{"RS256", "rs", jwt.SigningMethodRS256, k.rsa, true},
		{"ES256", "es", jwt.SigningMethodES256, k.ec, true},
		{"EdDSA", "ed", jwt.SigningMethodEdDSA, k.ed, true},
		{"a static key beside the set", "static", jwt.SigningMethodHS256, k.secret, true},
		{"another key's id", "es", jwt.SigningMethodRS256, k.rsa, false},
		{"RS384 with a key for RS256", "rs", jwt.SigningMethodRS384, k.rsa, false},
		{"a secret from the set", "hs", jwt.SigningMethodHS256, k.secret, false},
		{"the public key as a secret", "rs", jwt.SigningMethodHS256, rsaPEM(), false},
		{"a key for another algorithm", "ps", jwt.SigningMethodRS256, k.rsa, false},
		{"a key that is too small", "weak", jwt.SigningMethodRS256, weak, false},
		{"a key for encryption", "enc", jwt.SigningMethodRS256, k.rsa, false},
		{"no kid", "", jwt.SigningMethodRS256, k.rsa, false},
	} {
		if _, err := ask(a, signed(c.m, c.key, c.kid, nil)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if n := is.count(); n != 1 {
		t.Errorf("the set was fetched %d times", n)
	}

	a = mustNew(t, jwtauth.WithJWKS(ts.URL, "ES256"), jwtauth.WithHTTPClient(ts.Client()), jwtauth.WithAudience("chat"))
	if _, err := ask(a, signed(jwt.SigningMethodRS256, k.rsa, "rs", nil)); err == nil {
		t.Error("accepted a token with an algorithm that no option allows")
	}
	is.set(jwk("rs", &k.rsa.PublicKey))
	a = mustNew(t, jwtauth.WithJWKS(ts.URL), jwtauth.WithHTTPClient(ts.Client()), jwtauth.WithAudience("chat"))
	if _, err := ask(a, signed(jwt.SigningMethodRS256, k.rsa, "", nil)); err != nil {
		t.Errorf("no kid, one key: %v", err)
	}
	a = mustNew(t, jwtauth.WithJWKS(ts.URL), jwtauth.WithHTTPClient(ts.Client()), jwtauth.WithAudience("chat"), jwtauth.WithKey("hs", "HS256", k.secret))
	if _, err := ask(a, signed(jwt.SigningMethodRS256, k.rsa, "", nil)); err == nil {
		t.Error("accepted a token without kid although there are two keys")
	}
}

// TestJWKSRotation goes through the life of an issuer's keys, on a fake clock.
func TestJWKSRotation(t *testing.T) {
	k := testKeys()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		is := &issuer{keys: []claims{jwk("old", &k.rsa.PublicKey)}}
		a, err := jwtauth.New(ctx, jwtauth.WithJWKS("https://login.test/jwks.json"), jwtauth.WithRefresh(time.Minute),
			jwtauth.WithHTTPClient(&http.Client{Transport: is}), jwtauth.WithAudience("chat"), jwtauth.WithLogger(logger()))
		if err != nil {
			t.Fatal(err)
		}
		byOld := func() string { return signed(jwt.SigningMethodRS256, k.rsa, "old", nil) }
		byNew := func() string { return signed(jwt.SigningMethodES256, k.ec, "new", nil) }
		expect := func(when, token string, ok bool) {
			t.Helper()
			if _, err := ask(a, token); (err == nil) != ok {
				t.Errorf("%s: %v", when, err)
			}
		}
		fetches := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if got := is.count(); got != want {
				t.Errorf("%s: the set was fetched %d times, want %d", when, got, want)
			}
		}

		expect("at first", byOld(), true)
		expect("unknown key", byNew(), false)
		fetches("unknown key", 2)
		is.set(jwk("old", &k.rsa.PublicKey), jwk("new", &k.ec.PublicKey))
		for range 100 {
			expect("too soon to fetch again", byNew(), false)
		}
		fetches("too soon", 2)
		time.Sleep(11 * time.Second)
		var wg sync.WaitGroup
		for range 20 { // one fetch is enough for all
			wg.Go(func() { expect("fetched again", byNew(), true) })
		}
		wg.Wait()
		fetches("fetched again", 3)

		is.fail(true)
		time.Sleep(time.Minute)
		fetches("at the interval, when the fetch fails", 4)
		expect("issuer down", byNew(), true)

		is.fail(false)
		is.set(jwk("new", &k.ec.PublicKey))
		time.Sleep(time.Minute)
		fetches("at the interval", 5)
		expect("key withdrawn", byOld(), false)
		expect("key kept", byNew(), true)

		cancel()
		n := is.count()
		time.Sleep(time.Hour)
		fetches("after the end", n)
	})
}

func TestJWKSUnreachable(t *testing.T) {
	ts := httptest.NewServer(&issuer{down: true})
	defer ts.Close()
	if _, err := jwtauth.New(t.Context(), jwtauth.WithJWKS(ts.URL), jwtauth.WithLogger(logger())); err == nil {
		t.Error("no error for a JWKS that cannot be fetched")
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"keys":[`)
		for range 64 {
			if _, err := io.WriteString(w, strings.Repeat(" ", 64<<10)); err != nil {
				return
			}
		}
		io.WriteString(w, `]}`)
	}))
	defer endless.Close()
	if _, err := jwtauth.New(t.Context(), jwtauth.WithJWKS(endless.URL), jwtauth.WithLogger(logger())); err == nil {
		t.Error("no error for a JWKS of 4 MiB")
	}
}
