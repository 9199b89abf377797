package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	url := serve(t)
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
		{"GET", "/nothing", 404}, {"GET", "/index.html", 404}, {"GET", "/static/", 404}, {"GET", "/page.go", 404}, {"GET", "/main.go", 404},
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

// TestPrefix asks as a proxy does that does not cut its prefix off.
func TestPrefix(t *testing.T) {
	url := serve(t)
	for _, path := range []string{"/chat/ws/general", "/chat/rooms", "/a/b/rooms/r/messages"} {
		resp, body := do(t, "GET", url+path, nil)
		if resp.StatusCode != 404 || !strings.Contains(body, "something before the server's own") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

func TestHeaders(t *testing.T) {
	url := serve(t)
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
	// What the page refers to is there.
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"#][^"]*)"`).FindAllStringSubmatch(page, -1) {
		if resp, _ := do(t, "GET", url+"/"+m[1], nil); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", m[1], resp.StatusCode)
		}
	}
}
