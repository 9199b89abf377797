package hostile

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// lines keeps what a server logs, at Info and above.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) option() chat.Option {
	return chat.WithLogger(slog.New(slog.NewTextHandler(l, nil)))
}

// all returns the lines so far, and forgets them.
func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := strings.Split(l.buf.String(), "\n")
	l.buf.Reset()
	return s[:len(s)-1]
}

// panics returns what f panics with, or "".
func panics(f func()) (said string) {
	defer func() {
		if p := recover(); p != nil {
			said = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

// answerTo is the answer to a request with headers as "Key: value".
func answerTo(srv *chat.Server, method, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "h"
	for _, h := range headers {
		key, value, _ := strings.Cut(h, ": ")
		r.Header.Add(key, value)
	}
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, r)
	return w.Result()
}

// TestOriginPatterns is for pages that are not at a plain https address.
func TestOriginPatterns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern string
		yes, no []string
	}{
		{"null", []string{"null"}, []string{"file://", "https://null", "", "NULL"}},
		{"file://", []string{"file://"}, []string{"null", "file:///", "file://x"}},
		{"capacitor://localhost", []string{"capacitor://localhost"}, []string{"ionic://localhost", "http://localhost", "capacitor://", "capacitor://localhost:80"}},
		{"ionic://localhost", []string{"ionic://localhost"}, []string{"capacitor://localhost"}},
		{"tauri://localhost", []string{"tauri://localhost"}, []string{"https://tauri.localhost"}},
		{"chrome-extension://abcdefghijklmnopabcdefghijklmnop", []string{"chrome-extension://abcdefghijklmnopabcdefghijklmnop"}, []string{"chrome-extension://bbcdefghijklmnopabcdefghijklmnop", "null"}},
		{"moz-extension://*", []string{"moz-extension://6f0f3c34-0b5e-4d8c-9c3c-1f0a5f4a0f11"}, []string{"chrome-extension://x", "moz-extension://", "moz-extension://a.b"}},
		{"vscode-webview://*", []string{"vscode-webview://1q2w3e"}, []string{"https://1q2w3e"}},
		{"app://.", []string{"app://."}, []string{"app://-"}},
		{"https://bücher.example", []string{"https://xn--bcher-kva.example", "https://bücher.example"}, []string{"https://bucher.example", "https://xn--bcher-kva.example.evil.example"}},
		{"https://BÜCHER。example:443", []string{"https://xn--bcher-kva.example"}, []string{"https://xn--bcher-kva.example:8443"}},
		{"https://xn--Bcher-Kva.example", []string{"https://xn--bcher-kva.example"}, nil},
		{"https://*.пример.рф", []string{"https://a.xn--e1afmkfd.xn--p1ai", "https://xn--bcher-kva.xn--e1afmkfd.xn--p1ai"}, []string{"https://xn--e1afmkfd.xn--p1ai", "https://a.b.xn--e1afmkfd.xn--p1ai"}},
		{"HTTPS://App.Example:0443", []string{"https://app.example", "wss://app.example"}, []string{"http://app.example", "ws://app.example:443"}},
		{"wss://app.example", []string{"https://app.example", "wss://app.example:443"}, []string{"http://app.example"}},
		{"http://[0:0::1]:3000", []string{"http://[::1]:3000"}, []string{"http://[::1]"}},
	} {
		srv := chat.New(harness.Quiet, chat.WithOriginPatterns(tc.pattern))
		for ok, origins := range map[bool][]string{true: tc.yes, false: tc.no} {
			for _, o := range origins {
				resp := answerTo(srv, "GET", "/rooms", "Origin: "+o)
				want := fmt.Sprint(403, "")
				if ok {
					want = fmt.Sprint(200, o)
				}
				if got := fmt.Sprint(resp.StatusCode, resp.Header.Get("Access-Control-Allow-Origin")); got != want {
					t.Errorf("%s from %q: %s, want %s", tc.pattern, o, got, want)
				}
			}
		}
		srv.Close()
	}
}

// Its own pages may call the server by the schemes of WebSocket too.
func TestOriginOfSockets(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithTrustedProxies("127.0.0.0/8"))
	runOrigins(t, base, "h", []originRow{
		{"ws", origin("ws://h"), true},
		{"ws with the port", origin("ws://h:80"), true},
		{"wss", origin("wss://h"), false},
		{"wss by the proxy", []string{"Origin: wss://h", "X-Forwarded-Proto: https"}, true},
		{"proto of Forwarded", []string{"Origin: https://h", `Forwarded: for=203.0.113.7;PROTO="https";host=other`}, true},
		{"of the client's hop", []string{"Origin: https://h", "Forwarded: for=203.0.113.7;proto=https, for=127.0.0.2;proto=http"}, true},
		{"claimed before that", []string{"Origin: https://h", "Forwarded: for=198.51.100.1;proto=https, for=203.0.113.7;proto=http"}, false},
		{"both say https", []string{"Origin: https://h", "X-Forwarded-Proto: wss", "Forwarded: proto=https"}, true},
		{"they disagree", []string{"Origin: https://h", "X-Forwarded-Proto: http", "Forwarded: proto=https"}, false},
	})
}

// A pattern that nothing can match panics, and says what to write.
func TestOriginPatternsOfNothing(t *testing.T) {
	t.Parallel()
	for pattern, says := range map[string]string{
		"":                                     "https://app.example.com",
		"app.example":                          `"https://app.example"`,
		"localhost:3000":                       `"https://localhost:3000"`,
		"https://app.example/":                 `"https://app.example"`,
		"https://app.example/chat?x":           `"https://app.example"`,
		"https://me@app.example":               `"https://app.example"`,
		"https://a.*.example":                  "first label",
		"https://app*.example":                 "first label",
		"https://*":                            `"https://*.example.com"`,
		"http://localhost:*":                   "port",
		"http://192.168.0.*":                   "first label",
		"*://app.example":                      "scheme",
		"http://::1":                           "brackets",
		"chrome-extension://":                  "host",
		"file:///":                             `"file://"`,
		"data:":                                `"null"`,
		"https://a.example, https://b.example": "two",
	} {
		said := panics(func() { chat.WithOriginPatterns("https://ok.example", pattern) })
		if !strings.Contains(said, "WithOriginPatterns") || !strings.Contains(said, fmt.Sprintf("%q", pattern)) || !strings.Contains(said, says) {
			t.Errorf("%q: %q does not say %s", pattern, said, says)
		}
	}
}

// Pages that are allowed can read every answer, errors too, and when to come back.
func TestOriginsReadAnswers(t *testing.T) {
	t.Parallel()
	const page = "https://app.example"
	srv := chat.New(harness.Quiet, chat.WithOriginPatterns(page), chat.WithMaxConnectionsPerAddress(1), chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
		if room == "panic" {
			panic("a hook's own fault")
		}
		return nil
	}))
	defer srv.Close()
	check := func(method, path string, status int) {
		t.Helper()
		for from, want := range map[string]string{page: page + " Retry-After", "https://evil.example": " ", "http://h": " "} {
			resp := answerTo(srv, method, path, "Origin: "+from)
			if got := resp.Header.Get("Access-Control-Allow-Origin") + " " + resp.Header.Get("Access-Control-Expose-Headers"); got != want || from == page && resp.StatusCode != status || resp.Header.Get("Vary") != "Origin" {
				t.Errorf("%s %s from %s: %d, %q, Vary %q", method, path, from, resp.StatusCode, got, resp.Header.Get("Vary"))
			}
		}
	}
	check("GET", "/rooms", 200)
	check("GET", "/rooms/r/members", 200)
	check("GET", "/rooms/r/messages?limit=x", 400)
	check("GET", "/rooms/%00/messages", 400)
	check("GET", "/rooms/panic/messages", 500)
	check("GET", "/unread", 401)
	check("GET", "/ws/r", 426)
	check("GET", "/ws/..", 400)
	check("POST", "/rooms", 405)
	check("GET", "/nothing", 404)
	check("OPTIONS", "/nothing", 404)
	for _, path := range []string{"/rooms", "/rooms/r/messages", "/rooms/r/members", "/rooms/%00/messages", "/rooms/../members", "/unread", "/ws/r", "/ws/%ff"} {
		resp := answerTo(srv, "OPTIONS", path, "Origin: "+page, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization")
		h := resp.Header
		if got, want := fmt.Sprint(resp.StatusCode, h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Allow-Methods"), h.Get("Access-Control-Allow-Headers")), fmt.Sprint(204, page, "GET", "Authorization"); got != want {
			t.Errorf("preflight of %s: %s, want %s", path, got, want)
		}
	}
	srv.Close()
	check("GET", "/rooms", 503)
	if resp := answerTo(srv, "GET", "/rooms", "Origin: "+page); resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// An origin that is refused is logged once a minute, and a flood of them costs
// neither memory nor lines.
func TestRefusedOriginsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := new(lines)
		srv := chat.New(logs.option(), chat.WithOriginPatterns("https://app.example"))
		defer srv.Close()
		refuse := func(method string, headers ...string) {
			t.Helper()
			if resp := answerTo(srv, method, "/rooms", headers...); resp.StatusCode != 403 && resp.StatusCode != 405 {
				t.Errorf("%q: %d", headers, resp.StatusCode)
			}
		}
		expectLines := func(what string, parts ...string) {
			t.Helper()
			got := logs.all()
			if len(got) != len(parts) {
				t.Fatalf("%s: logged %.300q", what, got)
			}
			for i, part := range parts {
				if !strings.Contains(got[i], "level=INFO") || !strings.Contains(got[i], part) || !strings.Contains(got[i], "WithOriginPatterns") || len(got[i]) > 500 {
					t.Errorf("%s: %q does not say %s", what, got[i], part)
				}
			}
		}
		answerTo(srv, "GET", "/rooms", "Origin: https://app.example")
		answerTo(srv, "GET", "/rooms")
		expectLines("allowed")
		for range 100 {
			refuse("GET", "Origin: https://a.example")
			refuse("GET", "Origin: https://b.example")
		}
		expectLines("two", "origin=https://a.example", "origin=https://b.example")
		refuse("OPTIONS", "Origin: https://c.example", "Access-Control-Request-Method: GET")
		refuse("GET", "Origin: https://d.example", "Origin: https://app.example")
		refuse("GET", "Origin: http://"+strings.Repeat("h", 60<<10))
		expectLines("other ways", "https://c.example", "https://d.example, https://app.example", "hhhh")
		time.Sleep(time.Minute - time.Nanosecond)
		refuse("GET", "Origin: https://a.example")
		expectLines("within the minute")
		time.Sleep(time.Nanosecond)
		refuse("GET", "Origin: https://a.example")
		expectLines("after it", "https://a.example")

		const flood = 10_000
		for i := range flood {
			refuse("GET", fmt.Sprintf("Origin: https://flood%d.example", i))
		}
		if got := logs.all(); len(got) > 100 || len(got) < 10 {
			t.Errorf("a flood: %d lines", len(got))
		}
		time.Sleep(time.Minute - time.Nanosecond)
		refuse("GET", "Origin: https://late.example")
		expectLines("still full")
		time.Sleep(time.Nanosecond)
		refuse("GET", "Origin: https://late.example")
		expectLines("room again", "https://late.example")
	})
}

// A path with the mount point before it says what is missing.
func TestMountPointLeftOn(t *testing.T) {
	t.Parallel()
	logs := new(lines)
	srv := chat.New(logs.option())
	defer srv.Close()
	for path, mounted := range map[string]bool{
		"/chat/ws/general": true, "/chat/rooms": true, "/api/chat/rooms/x/messages": true, "/chat/rooms/x/members": true, "/chat/unread": true, "/ws/ws/general": true, "/chat/ws/": true, "/chat/ws": true, "/chat/rooms/x/events": true,
		"/": false, "/chat": false, "/chat/": false, "/nothing/here": false, "//ws/general": false, "//rooms": false, "/rooms/x/other": false, "/chat/rooms/": false,
	} {
		resp := answerTo(srv, "GET", path)
		var b bytes.Buffer
		b.ReadFrom(resp.Body)
		if got := strings.Contains(b.String(), "http.StripPrefix"); resp.StatusCode != 404 || got != mounted || strings.Contains(b.String(), "general") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, b.String())
		}
	}
	if got := logs.all(); len(got) != 1 || !strings.Contains(got[0], "http.StripPrefix") {
		t.Errorf("logged %q", got)
	}
}
