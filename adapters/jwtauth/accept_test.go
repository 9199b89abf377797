package jwtauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/jwtauth"
)

// ask gives a token to a, in an Authorization header.
func ask(a auth, token string) (chat.User, error) {
	r := httptest.NewRequest(http.MethodGet, "/ws/general", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return a(r)
}

func static(t testing.TB, opts ...jwtauth.Option) auth {
	return mustNew(t, append([]jwtauth.Option{
		jwtauth.WithKey("", "HS256", testKeys().secret),
		jwtauth.WithAudience("chat"),
	}, opts...)...)
}

func TestAlgorithms(t *testing.T) {
	k := testKeys()
	a := mustNew(t,
		jwtauth.WithKey("hs", "HS256", k.secret),
		jwtauth.WithKey("rs", "RS256", &k.rsa.PublicKey),
		jwtauth.WithKey("es", "ES256", &k.ec.PublicKey),
		jwtauth.WithKey("ed", "EdDSA", k.ed.Public()),
		jwtauth.WithAudience("chat"))
	methods := map[string]struct {
		m   jwt.SigningMethod
		key any
	}{
		"hs": {jwt.SigningMethodHS256, k.secret},
		"rs": {jwt.SigningMethodRS256, k.rsa},
		"es": {jwt.SigningMethodES256, k.ec},
		"ed": {jwt.SigningMethodEdDSA, k.ed},
	}
	for kid := range methods {
		for by, m := range methods {
			u, err := ask(a, signed(m.m, m.key, kid, nil))
			if (err == nil) != (kid == by) {
				t.Errorf("signed by %s, kid %s: %v", by, kid, err)
			}
			if err == nil && u.ID != "u1" {
				t.Errorf("user %q", u.ID)
			}
		}
	}
}

func TestUser(t *testing.T) {
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	a := static(t, jwtauth.WithLeeway(7*time.Second))
	u, err := ask(a, hs256(claims{"exp": exp.Unix(), "iss": nil, "n": 12}, nil))
	if err != nil {
		t.Fatal(err)
	}
	want := chat.User{
		ID: "u1", Name: "Alice", Expires: exp.Add(7 * time.Second),
		Value: jwtauth.Claims{
			"sub": "u1", "name": "Alice", "aud": "chat", "n": json.Number("12"),
			"exp": json.Number(strconv.FormatInt(exp.Unix(), 10)),
		},
	}
	if d := cmp.Diff(want, u); d != "" {
		t.Error(d)
	}

	a = static(t, jwtauth.WithNameClaim("nick"), jwtauth.WithUser(func(c jwtauth.Claims, u *chat.User) error {
		if c["banned"] == true {
			return errors.New("banned")
		}
		u.ID, u.Value = "org/"+u.ID, 3
		return nil
	}))
	if u, err = ask(a, hs256(claims{"nick": "Al"}, nil)); err != nil || u.ID != "org/u1" || u.Name != "Al" || u.Value != 3 {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err = ask(a, hs256(nil, nil)); err != nil || u.Name != "" {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err = ask(a, hs256(claims{"banned": true}, nil)); err == nil || err.Error() != "banned" {
		t.Errorf("the hook's error is %v", err)
	}
	a = static(t, jwtauth.WithUser(func(_ jwtauth.Claims, u *chat.User) error { u.ID = ""; return nil }))
	if _, err = ask(a, hs256(nil, nil)); err == nil {
		t.Error("a user without an id was accepted")
	}
}

// TestNames checks that the names of tokens are made safe. A good token is accepted whatever
// name it has.
func TestNames(t *testing.T) {
	ts := serve(t, static(t))
	for _, row := range []struct{ name, want string }{
		{`"Alice"`, "Alice"},
		{`"` + strings.Repeat("x", 65) + `"`, strings.Repeat("x", 64)},
		{`"Al\u202eice\u0000"`, "Alice"},
		{`"Олег (Oleg)"`, "Олег (Oleg)"},
		{`"p\u0430ypal"`, "p\u0430ypal"},
		{`"علی\u200cرضا"`, "علی\u200cرضا"},
		{`"\ud83d\ude00\ud83d"`, "😀"}, // half of a surrogate pair
		{`"\u200b"`, "Anonymous"}, {`""`, "Anonymous"}, {`null`, "Anonymous"},
	} {
		payload := strings.Replace(good(claims{"name": "NAME"}), `"NAME"`, row.name, 1)
		c, first := dial(t, ts, http.Header{"Authorization": {"Bearer " + raw(h256, payload, testKeys().secret)}})
		var welcome struct{ Type, Username string }
		if err := json.Unmarshal([]byte(first), &welcome); err != nil || welcome.Type != "welcome" || welcome.Username != row.want {
			t.Errorf("%s: %+v, want %+q: %v", row.name, welcome, row.want, err)
		}
		c.CloseNow()
	}
}

func TestSubjects(t *testing.T) {
	for sub, ok := range map[string]bool{
		"u1": true, "auth0|5f7c": true, "Zoë@example.com": true, strings.Repeat("u", 128): true,
		strings.Repeat("u", 129): false, "anon-1": false, "": false, "a\tb": false, "a\u200bb": false, "a\u2028b": false, "a\ue000": false,
	} {
		if _, err := ask(static(t), hs256(claims{"sub": sub}, nil)); (err == nil) != ok {
			t.Errorf("%q: %v", sub, err)
		}
	}
}

func TestTimesAndAudience(t *testing.T) {
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, c := range []struct {
		name string
		opts []jwtauth.Option
		c    claims
		ok   bool
	}{
		{"exp within the leeway", nil, claims{"exp": in(-20 * time.Second)}, true},
		{"exp, no leeway", []jwtauth.Option{jwtauth.WithLeeway(0)}, claims{"exp": in(-2 * time.Second)}, false},
		{"negative leeway", []jwtauth.Option{jwtauth.WithLeeway(-time.Hour)}, claims{"exp": in(time.Minute)}, true},
		{"nbf within the leeway", nil, claims{"nbf": in(20 * time.Second)}, true},
		{"iat within the leeway", nil, claims{"iat": in(20 * time.Second)}, true},
		{"exp with a fraction", nil, claims{"exp": float64(in(time.Minute)) + 0.5}, true},
		{"one aud of several", nil, claims{"aud": []string{"mail", "chat"}}, true},
		{"any of several audiences", []jwtauth.Option{jwtauth.WithAudience("a", "b")}, claims{"aud": "b"}, true},
		{"an aud claim, but no audience is set", []jwtauth.Option{jwtauth.WithAudience()}, nil, false},
		{"no aud, none wanted", []jwtauth.Option{jwtauth.WithAudience()}, claims{"aud": nil}, true},
		{"aud number", nil, claims{"aud": 1}, false},
		{"jku of a good token is ignored", nil, claims{}, true},
	} {
		header := claims{"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/", "x5c": []string{"AA"}}
		_, err := ask(static(t, c.opts...), hs256(c.c, header))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestKeyIDs(t *testing.T) {
	k := testKeys()
	secret2 := []byte(strings.Repeat("2", 32))
	one := mustNew(t, jwtauth.WithKey("k1", "HS256", k.secret), jwtauth.WithAudience("chat"))
	two := mustNew(t, jwtauth.WithKey("k1", "HS256", k.secret), jwtauth.WithKey("k2", "HS256", secret2), jwtauth.WithAudience("chat"))
	for _, c := range []struct {
		name   string
		a      auth
		header claims
		ok     bool
	}{
		{"the only key, no kid", one, nil, true},
		{"the only key, its kid", one, claims{"kid": "k1"}, true},
		{"the only key, another kid", one, claims{"kid": "k2"}, false},
		{"two keys, its kid", two, claims{"kid": "k1"}, true},
		{"two keys, the other's kid", two, claims{"kid": "k2"}, false},
		{"two keys, no kid", two, nil, false},
	} {
		if _, err := ask(c.a, hs256(nil, c.header)); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	k := testKeys()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := jwtauth.WithKey("", "HS256", k.secret)
	for name, opts := range map[string][]jwtauth.Option{
		"no key":              {},
		"short secret":        {jwtauth.WithKey("", "HS256", k.secret[:31])},
		"secret as string":    {jwtauth.WithKey("", "HS256", string(k.secret))},
		"small RSA key":       {jwtauth.WithKey("", "RS256", &small.PublicKey)},
		"private key":         {jwtauth.WithKey("", "RS256", k.rsa)},
		"nil key":             {jwtauth.WithKey("", "RS256", (*rsa.PublicKey)(nil))},
		"PEM":                 {jwtauth.WithKey("", "RS256", rsaPEM())},
		"other curve":         {jwtauth.WithKey("", "ES256", &p384.PublicKey)},
		"RSA key for EdDSA":   {jwtauth.WithKey("", "EdDSA", &k.rsa.PublicKey)},
		"alg none":            {jwtauth.WithKey("", "none", jwt.UnsafeAllowNoneSignatureType)},
		"alg RS512":           {jwtauth.WithKey("", "RS512", &k.rsa.PublicKey)},
		"two keys of an id":   {key, jwtauth.WithKey("", "ES256", &k.ec.PublicKey)},
		"cookie, no origins":  {key, jwtauth.WithCookie("session")},
		"cookie, no name":     {key, jwtauth.WithCookie("", "https://a.example")},
		"origin with a path":  {key, jwtauth.WithCookie("s", "https://a.example/")},
		"origin, any":         {key, jwtauth.WithCookie("s", "*")},
		"origin pattern":      {key, jwtauth.WithCookie("s", "https://*.example")},
		"origin without host": {key, jwtauth.WithCookie("s", "https://")},
		"JWKS by file":        {jwtauth.WithJWKS("file:///etc/passwd")},
		"JWKS with HMAC":      {jwtauth.WithJWKS("https://login.example.com/jwks.json", "HS256")},
		"JWKS without host":   {jwtauth.WithJWKS("https:///jwks.json")},
	} {
		if _, err := jwtauth.New(context.Background(), opts...); err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.HasPrefix(err.Error(), "jwtauth: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAllowRooms(t *testing.T) {
	may := jwtauth.AllowRooms("rooms")
	list := jwtauth.Claims{"rooms": []any{"general", "team-7"}}
	object := jwtauth.Claims{"rooms": map[string]any{"general": []any{"*"}, "news": []any{"join", "read"}}}
	for _, c := range []struct {
		value any
		room  string
		a     chat.Action
		ok    bool
	}{
		{list, "general", chat.ActionSend, true},
		{list, "team-7", chat.ActionJoin, true},
		{list, "team-", chat.ActionJoin, false},
		{jwtauth.Claims{"rooms": []any{"*"}}, "any", chat.ActionSend, true},
		{object, "general", chat.ActionSend, true},
		{object, "news", chat.ActionJoin, true},
		{object, "news", chat.ActionSend, false},
		{object, "other", chat.ActionRead, false},
		{jwtauth.Claims{"rooms": map[string]any{"*": []any{"read"}}}, "other", chat.ActionRead, true},
		{jwtauth.Claims{"rooms": "general"}, "general", chat.ActionRead, false},
		{jwtauth.Claims{"rooms": map[string]any{"general": "read"}}, "general", chat.ActionRead, false},
		{jwtauth.Claims{}, "general", chat.ActionRead, false},
		{nil, "general", chat.ActionRead, false},
	} {
		if err := may(context.Background(), chat.User{ID: "u1", Value: c.value}, c.room, c.a); (err == nil) != c.ok {
			t.Errorf("%v: %s in %s: %v", c.value, c.a, c.room, err)
		}
	}

	ts := serve(t, static(t), chat.WithAuthorizer(may))
	token := hs256(claims{"rooms": []string{"general"}}, nil)
	if a := knock(t, ts, bearer(token)); a.status != http.StatusSwitchingProtocols {
		t.Errorf("a room of the token: %d %s", a.status, a.body)
	}
	a := knock(t, ts, func(r *http.Request) { bearer(token)(r); r.URL.Path = "/ws/secret" })
	if a.status != http.StatusForbidden {
		t.Errorf("another room: %d %s", a.status, a.body)
	}
}
