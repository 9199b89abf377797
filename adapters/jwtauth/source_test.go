package jwtauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/jwtauth"
)

// places puts a token in each place where a request can have one.
func places(token string) map[string]func(*http.Request) {
	return map[string]func(*http.Request){
		"header": bearer(token),
		"protocol": func(r *http.Request) {
			r.Header.Set("Sec-WebSocket-Protocol", "chat.v1, bearer."+token)
		},
		"query":  func(r *http.Request) { r.URL.RawQuery = "token=" + token },
		"cookie": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "jwt", Value: token}) },
	}
}

func TestPlaces(t *testing.T) {
	token := hs256(nil, nil)
	place := places(token)
	cookie := jwtauth.WithCookie("jwt", "https://App.example.com")
	origin := func(o ...string) func(*http.Request) { return func(r *http.Request) { r.Header["Origin"] = o } }
	set := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(key, value) }
	}
	upgrade := set("Upgrade", "websocket")
	app := origin("https://app.example.com")
	for _, c := range []struct {
		name string
		opts []jwtauth.Option
		edit []func(*http.Request)
		ok   bool
		none bool // the error is ErrNoToken
	}{
		{name: "header", edit: edits(place["header"]), ok: true},
		{name: "header, other case", edit: edits(set("Authorization", "bEARER  "+token)), ok: true},
		{name: "basic", edit: edits(set("Authorization", "Basic YTpi")), none: true},
		{name: "protocol", edit: edits(place["protocol"]), ok: true},
		{name: "protocol, second line", edit: edits(func(r *http.Request) {
			r.Header["Sec-Websocket-Protocol"] = []string{"chat.v1", "x,bearer." + token}
		}), ok: true},
		{name: "protocol, beside a session", edit: edits(set("Sec-WebSocket-Protocol", "chat.v1, session.bearer.x, bearer."+token)), ok: true},
		{name: "a session alone", edit: edits(set("Sec-WebSocket-Protocol", "chat.v1, session."+token)), none: true},
		{name: "protocol twice", edit: edits(set("Sec-WebSocket-Protocol", "bearer."+token+",bearer."+token))},
		{name: "header and protocol", edit: edits(place["header"], place["protocol"])},
		{name: "query, off", edit: edits(place["query"]), none: true},
		{name: "query, off, and header", edit: edits(place["query"], place["header"]), ok: true},
		{name: "query", opts: options(jwtauth.WithQueryToken()), edit: edits(place["query"]), ok: true},
		{name: "query and header", opts: options(jwtauth.WithQueryToken()), edit: edits(place["query"], place["header"])},
		{name: "query twice", opts: options(jwtauth.WithQueryToken()), edit: edits(func(r *http.Request) { r.URL.RawQuery = "token=" + token + "&token=" + token })},
		{name: "cookie, off", edit: edits(place["cookie"], app), none: true},
		{name: "cookie", opts: options(cookie), edit: edits(place["cookie"], upgrade, app), ok: true},
		{name: "no cookie", opts: options(cookie), edit: edits(upgrade, app), none: true},
		{name: "cookie, origin in capitals", opts: options(cookie), edit: edits(place["cookie"], upgrade, origin("HTTPS://APP.EXAMPLE.COM")), ok: true},
		{name: "cookie, upgrade without origin", opts: options(cookie), edit: edits(place["cookie"], upgrade)},
		{name: "cookie, other origin", opts: options(cookie), edit: edits(place["cookie"], upgrade, origin("https://app.example.com.evil.example"))},
		{name: "cookie, other scheme", opts: options(cookie), edit: edits(place["cookie"], upgrade, origin("http://app.example.com"))},
		{name: "cookie, other port", opts: options(cookie), edit: edits(place["cookie"], upgrade, origin("https://app.example.com:8443"))},
		{name: "cookie, origin null", opts: options(cookie), edit: edits(place["cookie"], upgrade, origin("null"))},
		{name: "cookie, two origins", opts: options(cookie), edit: edits(place["cookie"], upgrade, origin("https://app.example.com", "https://evil.example"))},
		{name: "cookie, read, two origins", opts: options(cookie), edit: edits(place["cookie"], origin("https://app.example.com", "https://evil.example"))},
		{name: "cookie, read, other origin", opts: options(cookie), edit: edits(place["cookie"], origin("https://evil.example"))},
		{name: "cookie, read, no origin", opts: options(cookie), edit: edits(place["cookie"]), ok: true},
		{name: "cookie, read, same origin", opts: options(cookie), edit: edits(place["cookie"], set("Sec-Fetch-Site", "same-origin")), ok: true},
		{name: "cookie, read, cross-site", opts: options(cookie), edit: edits(place["cookie"], set("Sec-Fetch-Site", "cross-site"))},
		{name: "cookie, read, same-site", opts: options(cookie), edit: edits(place["cookie"], set("Sec-Fetch-Site", "same-site"))},
		{name: "two cookies", opts: options(cookie), edit: edits(place["cookie"], place["cookie"], app)},
		{name: "cookie and header, other origin", opts: options(cookie), edit: edits(place["cookie"], place["header"], upgrade, origin("https://evil.example")), ok: true},
		{name: "bad header, good cookie", opts: options(cookie), edit: edits(place["cookie"], app, set("Authorization", "Bearer x"))},
	} {
		r := httptest.NewRequest(http.MethodGet, "/ws/general", nil)
		for _, e := range c.edit {
			e(r)
		}
		_, err := static(t, c.opts...)(r)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if errors.Is(err, jwtauth.ErrNoToken) != c.none {
			t.Errorf("%s: ErrNoToken is %v", c.name, !c.none)
		}
	}
}

func edits(e ...func(*http.Request)) []func(*http.Request) { return e }

func options(o ...jwtauth.Option) []jwtauth.Option { return o }

// TestNeverEchoed checks that the server selects chat.v1 and nothing else, wherever the token
// was.
func TestNeverEchoed(t *testing.T) {
	token := hs256(nil, nil)
	a := static(t, jwtauth.WithQueryToken(), jwtauth.WithCookie("jwt", "https://app.example.com"))
	ts := serve(t, a, chat.WithOriginPatterns("https://app.example.com"))
	for name, place := range places(token) {
		got := knock(t, ts, func(r *http.Request) {
			r.Header.Set("Origin", "https://app.example.com")
			place(r)
		})
		if got.status != http.StatusSwitchingProtocols || got.header.Get("Sec-WebSocket-Protocol") != "chat.v1" {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
	got := knock(t, ts, func(r *http.Request) { r.Header.Set("Sec-WebSocket-Protocol", "bearer."+token) })
	if got.status != http.StatusSwitchingProtocols || got.header.Get("Sec-WebSocket-Protocol") != "" {
		t.Errorf("without chat.v1: %d %v", got.status, got.header)
	}
	_, welcome := dial(t, ts, nil, "bearer."+token)
	if !strings.Contains(welcome, `"user":"u1"`) || !strings.Contains(welcome, `"username":"Alice"`) {
		t.Errorf("welcome %s", welcome)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ts.URL+"/rooms", nil)
	if err != nil {
		t.Fatal(err)
	}
	place := places(token)
	place["cookie"](r)
	if got := do(t, ts, r); got.status != http.StatusOK {
		t.Errorf("/rooms with a cookie: %d %s", got.status, got.body)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := do(t, ts, r); got.status != http.StatusUnauthorized {
		t.Errorf("/rooms from another site: %d %s", got.status, got.body)
	}
}
