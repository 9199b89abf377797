package chatpage_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatpage"
	"github.com/seed-08328bfd/chat/client"
)

// serve serves the handler that mount makes of a new server until the test ends, and returns its
// address.
func serve(t *testing.T, mount func(http.Handler) http.Handler) string {
	t.Helper()
	srv := chat.New()
	ts := httptest.NewServer(mount(chatpage.Handler(srv)))
	t.Cleanup(ts.Close)
	t.Cleanup(func() { srv.Close() })
	return ts.URL
}

func atRoot(h http.Handler) http.Handler { return h }

// do sends a request, and does not follow redirects.
func do(t *testing.T, method, url string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// talks sends a message to the chat at url, and reads its acknowledgement and the message.
func talks(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, url, "general", client.WithUsername("Alice"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	offset, err := c.Send(ctx, "Hello!")
	if err != nil {
		t.Fatal(err)
	}
	for e, err := range c.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Offset == offset {
			return
		}
	}
}

func TestPage(t *testing.T) {
	url := serve(t, atRoot)
	talks(t, url)
	for _, tc := range []struct{ method, path, typ, has string }{
		{"GET", "/", "text/html; charset=utf-8", `<script type="module" src="app.js">`},
		{"GET", "/chat.js", "text/javascript; charset=utf-8", "export const connect"},
		{"GET", "/style.css", "text/css; charset=utf-8", ":root"},
		{"GET", "/icon.svg", "image/svg+xml", "<svg"},
		{"HEAD", "/", "text/html; charset=utf-8", ""},
	} {
		resp, body := do(t, tc.method, url+tc.path, nil)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != tc.typ || !strings.Contains(body, tc.has) {
			t.Errorf("%s %s: %d, %q", tc.method, tc.path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		if tc.method == "HEAD" && (body != "" || resp.ContentLength < 1000) {
			t.Errorf("HEAD: %d bytes, Content-Length %d", len(body), resp.ContentLength)
		}
		tag := resp.Header.Get("ETag")
		again, body := do(t, tc.method, url+tc.path, http.Header{"If-None-Match": {tag}})
		if tag == "" || again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s %s with its ETag %q: %d", tc.method, tc.path, tag, again.StatusCode)
		}
		if got := resp.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: Cache-Control %q", tc.path, got)
		}
	}
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nothing", 404}, {"GET", "/index.html", 404}, {"GET", "/static/", 404}, {"GET", "/static/chat.js", 404}, {"GET", "/chatpage.go", 404},
		{"POST", "/", 405}, {"DELETE", "/chat.js", 405},
	} {
		resp, _ := do(t, tc.method, url+tc.path, nil)
		if resp.StatusCode != tc.status {
			t.Errorf("%s %s: %d, want %d", tc.method, tc.path, resp.StatusCode, tc.status)
		}
		if tc.status == 405 && resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", tc.method, tc.path, resp.Header.Get("Allow"))
		}
	}
}

// TestUncutPrefix sends a request like a proxy that does not remove its prefix.
func TestUncutPrefix(t *testing.T) {
	url := serve(t, atRoot)
	for _, path := range []string{"/chat/ws/general", "/chat/rooms", "/a/b/rooms/r/messages"} {
		resp, body := do(t, "GET", url+path, nil)
		if resp.StatusCode != 404 || !strings.Contains(body, "something before the server's own") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

func TestHeaders(t *testing.T) {
	url := serve(t, atRoot)
	for _, path := range []string{"/", "/app.js", "/nothing"} {
		resp, _ := do(t, "GET", url+path, nil)
		policy := resp.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy+";", part+";") {
				t.Errorf("%s: the policy lacks %s", path, part)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: policy %s", path, policy)
		}
		got := [2]string{resp.Header.Get("X-Content-Type-Options"), resp.Header.Get("Referrer-Policy")}
		if want := [2]string{"nosniff", "no-referrer"}; got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	_, page := do(t, "GET", url+"/", nil)
	if m := regexp.MustCompile(`(?i)<style|style=|<script>|\son\w+=|javascript:`).FindString(page); m != "" {
		t.Errorf("the page has %q, which its policy forbids", m)
	}
	// Everything that the page refers to exists.
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"#][^"]*)"`).FindAllStringSubmatch(page, -1) {
		if resp, _ := do(t, "GET", url+"/"+m[1], nil); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", m[1], resp.StatusCode)
		}
	}
}

// TestBelowPrefix checks that a prefix has the whole chat below it. The prefix without a slash
// leads to the page, not to the site's root.
func TestBelowPrefix(t *testing.T) {
	url := serve(t, func(h http.Handler) http.Handler {
		return http.StripPrefix("/some/where", h) // as a router does that passes on the prefix alone
	})
	talks(t, url+"/some/where")
	for path, want := range map[string]string{
		"/some/where":             "./where/",
		"/some/where?a=1&b=%2F":   "./where/?a=1&b=%2F",
		"/some/where/":            "",
		"/some/where/app.js":      "",
		"/some/where/rooms":       "",
		"/some/where/index.html/": "404",
		"/some/wherever":          "404",
		"/":                       "404",
	} {
		resp, body := do(t, "GET", url+path, nil)
		switch status, to := resp.StatusCode, resp.Header.Get("Location"); {
		case want == "404" && status == http.StatusNotFound:
		case want == "" && status == http.StatusOK:
		case want != "" && status == http.StatusTemporaryRedirect && to == want:
			if at, err := resp.Location(); err != nil || at.Path != "/some/where/" {
				t.Errorf("%s: leads to %v, %v", path, at, err)
			}
		default:
			t.Errorf("%s: %d to %q, want %q: %s", path, status, to, want, body)
		}
	}
}

// TestWrongPrefixes checks that no prefix leads to another site, to a redirect loop, or to the
// site's root.
func TestWrongPrefixes(t *testing.T) {
	for prefix, want := range map[string]string{"/x//evil.example": "./evil.example/", "/a:b": "./a:b/", "/a%2Fb": "./a%2Fb/", "/chat/": ""} {
		req := httptest.NewRequest("GET", prefix, nil)
		req.URL.Path, req.URL.RawPath = "", ""
		w := httptest.NewRecorder()
		chatpage.Files().ServeHTTP(w, req)
		if to := w.Header().Get("Location"); to != want || want == "" && !strings.Contains(w.Body.String(), "http.StripPrefix") {
			t.Errorf("%s: %d to %q, want %q: %s", prefix, w.Code, to, want, w.Body)
		}
	}
}

// TestBeside checks that a server beside other handlers gets its own paths unchanged, and that
// the other handlers get all other paths.
func TestBeside(t *testing.T) {
	said := func(who string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, who+" "+r.URL.EscapedPath()) })
	}
	h := chatpage.Beside(said("chat"), said("rest"))
	for path, want := range map[string]string{
		"/ws/general": "chat", "/ws/../x": "chat", "/ws/%2e%2e": "chat", "//ws/x": "chat", "/rooms": "chat", "/unread": "chat", "/a/rooms/b": "chat",
		"/": "rest", "/wsx": "rest", "/healthz": "rest", "/rooms.html": "rest",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if got := w.Body.String(); got != want+" "+path {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// TestDocumentedPolicy checks that the package's documentation has the policy that is sent.
func TestDocumentedPolicy(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	words := bytes.Join(bytes.Fields(bytes.ReplaceAll(doc, []byte("//"), nil)), []byte(" "))
	w := httptest.NewRecorder()
	chatpage.Files().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if policy := w.Header().Get("Content-Security-Policy"); policy == "" || !bytes.Contains(words, []byte(policy)) {
		t.Errorf("the documentation does not have the policy %s", policy)
	}
}
