package jwtauth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/adapters/jwtauth"
)

const h256 = `{"alg":"HS256","typ":"JWT"}`

// row is one input that must get 401.
type row struct {
	id, name string
	token    string // in an Authorization header, unless edit is set
	edit     func(*http.Request)
}

func rows(evil string) []row {
	k := testKeys()
	sign := func(payload string) string { return raw(h256, payload, k.secret) }
	ok := hs256(nil, nil)
	parts := strings.Split(ok, ".")
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	std := func() string { // a token whose payload differs between the two base64 alphabets
		p := strings.Replace(good(nil), `"u1"`, `"u1","pad":"~~~???>>>"`, 1)
		return watch(b64([]byte(h256)) + "." + base64.RawStdEncoding.EncodeToString([]byte(p)) + "." + parts[2])
	}
	embedded, _ := json.Marshal(jwk("evil", &k.rsa.PublicKey))
	exp := func(v string) string { return strings.Replace(good(claims{"exp": 1}), `"exp":1`, `"exp":`+v, 1) }
	return []row{
		{id: "J1", name: "none", edit: func(*http.Request) {}},
		{id: "J2", name: "empty", edit: bearer("")},
		{id: "J2", name: "no space", edit: func(r *http.Request) { r.Header.Set("Authorization", "Bearer"+ok) }},
		{id: "J3", name: "two headers", edit: func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + ok, "Bearer " + ok} }},
		{id: "J3", name: "two schemes", edit: func(r *http.Request) { r.Header["Authorization"] = []string{"Basic YTpi", "Bearer " + ok} }},
		{id: "J4", name: "alg none", token: watch(b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".")},
		{id: "J4", name: "alg none with a signature", token: raw(`{"alg":"none"}`, good(nil), k.secret)},
		{id: "J5", name: "alg nOnE", token: watch(b64([]byte(`{"alg":"nOnE"}`)) + "." + parts[1] + ".")},
		{id: "J6", name: "empty signature", token: parts[0] + "." + parts[1] + "."},
		{id: "J6", name: "another's signature", token: raw(h256, good(nil), []byte(strings.Repeat("k", 32)))},
		{id: "J7", name: "public key as secret", token: raw(`{"alg":"HS256","kid":"rsa"}`, good(nil), rsaPEM())},
		{id: "J8", name: "HS512", token: raw512(`{"alg":"HS512"}`, good(nil), k.secret)},
		{id: "J8", name: "no alg", token: raw(`{"typ":"JWT"}`, good(nil), k.secret)},
		{id: "J8", name: "PS256", token: signed(jwt.SigningMethodPS256, k.rsa, "rsa", nil)},
		{id: "J9", name: "exp past", token: hs256(claims{"exp": in(-time.Minute)}, nil)},
		{id: "J10", name: "exp absent", token: hs256(claims{"exp": nil}, nil)},
		{id: "J11", name: "nbf future", token: hs256(claims{"nbf": in(5 * time.Minute)}, nil)},
		{id: "J12", name: "iat future", token: hs256(claims{"iat": in(5 * time.Minute)}, nil)},
		{id: "J13", name: "wrong aud", token: hs256(claims{"aud": "mail"}, nil)},
		{id: "J13", name: "no aud", token: hs256(claims{"aud": nil}, nil)},
		{id: "J14", name: "aud array without our audience", token: hs256(claims{"aud": []string{"mail", "chat2"}}, nil)},
		{id: "J15", name: "wrong iss", token: hs256(claims{"iss": "https://login.example.com"}, nil)},
		{id: "J15", name: "no iss", token: hs256(claims{"iss": nil}, nil)},
		{id: "J16", name: "kid path", token: hs256(nil, claims{"kid": "../../dev/null"})},
		{id: "J16", name: "kid SQL", token: hs256(nil, claims{"kid": "' UNION SELECT 'x"})},
		{id: "J16", name: "kid 10 KB", token: hs256(nil, claims{"kid": strings.Repeat("k", 10<<10)})},
		{id: "J16", name: "kid 4 KB", token: hs256(nil, claims{"kid": strings.Repeat("k", 4<<10)})},
		{id: "J16", name: "kid unknown", token: hs256(nil, claims{"kid": "k9"})},
		{id: "J16", name: "kid of another algorithm", token: hs256(nil, claims{"kid": "rsa"})},
		{id: "J16", name: "kid number", token: hs256(nil, claims{"kid": 1})},
		{id: "J16", name: "kid absent", token: signed(jwt.SigningMethodRS256, k.rsa, "", nil)},
		{id: "J17", name: "jku", token: hs256(nil, claims{"kid": "evil", "jku": evil + "/jwks.json"})},
		{id: "J17", name: "x5u", token: hs256(nil, claims{"kid": "evil", "x5u": evil + "/cert.pem"})},
		{id: "J17", name: "jwk", token: raw(`{"alg":"RS256","jwk":`+string(embedded)+`}`, good(nil), k.secret)},
		{id: "J18", name: "crit", token: hs256(nil, claims{"crit": []string{"exp2"}, "exp2": 1})},
		{id: "J18", name: "crit b64", token: hs256(nil, claims{"crit": []string{"b64"}, "b64": false})},
		{id: "J18", name: "crit empty", token: hs256(nil, claims{"crit": []string{}})},
		{id: "J19", name: "9 KiB", token: hs256(claims{"pad": strings.Repeat("x", 7<<10)}, nil)},
		{id: "J19", name: "1 MB of dots", token: strings.Repeat(".", 1<<20)},
		{id: "J19", name: "8 KiB of dots", token: strings.Repeat(".", 8<<10)},
		{id: "J20", name: "2 segments", token: parts[0] + "." + parts[1]},
		{id: "J20", name: "5 segments", token: ok + ".." + parts[1]},
		{id: "J20", name: "padding", token: sign(good(claims{"x": ""})) + "="},
		{id: "J20", name: "std alphabet", token: std()},
		{id: "J20", name: "trailing byte", token: ok + "!"},
		{id: "J20", name: "trailing segment", token: ok + "."},
		{id: "J20", name: "non-zero trailing bits", token: ok[:len(ok)-1] + string(ok[len(ok)-1]+1)},
		{id: "J20", name: "trailing JSON", token: sign(good(nil) + `{"sub":"u2"}`)},
		{id: "J20", name: "no object", token: sign(`["sub","u1"]`)},
		{id: "J20", name: "null", token: sign(`null`)},
		{id: "J20", name: "space within", edit: bearer(parts[0] + ". " + parts[1] + "." + parts[2])},
		{id: "J21", name: "sub missing", token: hs256(claims{"sub": nil}, nil)},
		{id: "J21", name: "sub empty", token: hs256(claims{"sub": ""}, nil)},
		{id: "J21", name: "sub number", token: hs256(claims{"sub": 7}, nil)},
		{id: "J21", name: "sub 300 B", token: hs256(claims{"sub": strings.Repeat("u", 300)}, nil)},
		{id: "J21", name: "sub bidi", token: hs256(claims{"sub": "u\u202e1"}, nil)},
		{id: "J21", name: "sub NUL", token: hs256(claims{"sub": "u\x001"}, nil)},
		{id: "J21", name: "sub lone surrogate", token: sign(strings.Replace(good(nil), `"u1"`, `"u\ud800"`, 1))},
		{id: "J21", name: "sub not UTF-8", token: sign(strings.Replace(good(nil), `"u1"`, "\"u\xff\"", 1))},
		{id: "J21", name: "sub of a guest", token: hs256(claims{"sub": "anon-abc"}, nil)},
		{id: "J21", name: "name number", token: hs256(claims{"name": 7}, nil)},
		{id: "J22", name: "duplicate sub", token: sign(strings.Replace(good(nil), `"sub"`, `"sub":"admin","sub"`, 1))},
		{id: "J22", name: "duplicate sub escaped", token: sign(strings.Replace(good(nil), `"sub"`, `"s\u0075b":"admin","sub"`, 1))},
		{id: "J22", name: "duplicate below", token: sign(strings.Replace(good(nil), `"sub"`, `"rooms":{"a":1,"a":2},"sub"`, 1))},
		{id: "J22", name: "duplicate alg", token: raw(`{"alg":"none","alg":"HS256"}`, good(nil), k.secret)},
		{id: "J23", name: "exp 1e400", token: sign(exp("1e400"))},
		{id: "J23", name: "exp 1e300", token: sign(exp("1e300"))},
		{id: "J23", name: "exp in milliseconds", token: hs256(claims{"exp": time.Now().Add(time.Hour).UnixMilli()}, nil)},
		{id: "J23", name: "exp string", token: sign(exp(`"9999999999"`))},
		{id: "J23", name: "exp negative", token: sign(exp("-1"))},
		{id: "J23", name: "exp 0", token: sign(exp("0"))},
		{id: "J23", name: "exp null", token: sign(exp("null"))},
		{id: "J23", name: "nbf string", token: hs256(claims{"nbf": "0"}, nil)},
		{id: "J24", name: "depth 9,000", token: sign(strings.Replace(good(nil), `"sub"`, `"x":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`,"sub"`, 1))},
		{id: "J24", name: "depth 2,000", token: sign(strings.Replace(good(nil), `"sub"`, `"x":`+strings.Repeat(`{"a":`, 800)+"1"+strings.Repeat("}", 800)+`,"sub"`, 1))},
	}
}

// TestTable sends every row in an Authorization header, every token also among the subprotocols,
// and also on a live connection.
func TestTable(t *testing.T) {
	var fetched atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	defer evil.Close()
	k := testKeys()
	ts := serve(t, mustNew(t,
		jwtauth.WithKey("", "HS256", k.secret),
		jwtauth.WithKey("rsa", "RS256", &k.rsa.PublicKey),
		jwtauth.WithIssuer("https://login.example.com/"),
		jwtauth.WithAudience("chat", "chat-admin")))

	if a := knock(t, ts, bearer(hs256(nil, nil))); a.status != http.StatusSwitchingProtocols {
		t.Fatalf("a good token: %d %s", a.status, a.body)
	}
	live, _ := dial(t, ts, http.Header{"Authorization": {"Bearer " + hs256(nil, nil)}})
	want := knock(t, ts, func(*http.Request) {})
	ids := map[string]bool{}
	for _, r := range rows(evil.URL) {
		ids[r.id] = true
		t.Run(r.id+" "+r.name, func(t *testing.T) {
			if r.edit == nil {
				r.edit = bearer(r.token)
			}
			refused(t, want, knock(t, ts, r.edit))
			if r.token == "" {
				return
			}
			refused(t, want, knock(t, ts, func(req *http.Request) {
				req.Header.Set("Sec-WebSocket-Protocol", "chat.v1, bearer."+r.token)
			}))
			if len(r.token) > 16<<10 {
				return // or the frame is too large
			}
			object, _ := json.Marshal(map[string]string{"type": "auth", "token": r.token})
			write(t, live, string(object))
			if got := read(t, live); !strings.Contains(got, `"code":"auth_failed"`) {
				t.Errorf("on a live connection: %s", got)
			}
			write(t, live, `{"type":"message","message":"still here","id":"m"}`)
			for got := ""; !strings.Contains(got, `"type":"ack"`); {
				got = read(t, live)
			}
		})
	}
	if len(ids) != 24 {
		t.Errorf("%d of 24 rows", len(ids))
	}
	if n := fetched.Load(); n != 0 {
		t.Errorf("%d requests to URLs that a token named", n)
	}
	seen.Lock() // TestMain searches these texts, so there must be some
	defer seen.Unlock()
	if out := seen.out.String(); !strings.Contains(out, "jwtauth: no token") || !strings.Contains(out, `"code":"auth_failed"`) || len(seen.tokens) < 60 {
		t.Error("the texts that logs and clients saw were not recorded")
	}
}

func refused(t *testing.T, want, got answer) {
	t.Helper()
	if got.status != http.StatusUnauthorized || got.header.Get("Upgrade") != "" {
		t.Errorf("status %d, want 401", got.status)
	}
	if d := cmp.Diff(want.body, got.body); d != "" {
		t.Error("another body:", d)
	}
	got.header.Del("Date")
	want.header.Del("Date")
	if d := cmp.Diff(want.header, got.header); d != "" {
		t.Error("other headers:", d)
	}
}

// TestLongTokenIsCheap checks that nothing is allocated for a token that is too long or
// malformed.
func TestLongTokenIsCheap(t *testing.T) {
	a := mustNew(t, jwtauth.WithKey("", "HS256", testKeys().secret))
	for name, token := range map[string]string{
		"9 KiB":         strings.Repeat("a", 9<<10),
		"1 MB of dots":  strings.Repeat(".", 1<<20),
		"8 KiB of dots": strings.Repeat(".", 8<<10),
	} {
		r := httptest.NewRequest(http.MethodGet, "/ws/general", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		n := testing.AllocsPerRun(100, func() {
			if _, err := a(r); err == nil {
				t.Error("accepted")
			}
		})
		if n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
