package main

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/internal/ws"
)

func serve(t *testing.T, ttl time.Duration) *httptest.Server {
	s := newService(false, ttl, "https://app.example.com")
	ts := httptest.NewServer(s.handler())
	t.Cleanup(ts.Close)
	t.Cleanup(func() { s.chat.Close() })
	return ts
}

// browser is a client that keeps its cookies.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

func post(t *testing.T, c *http.Client, url string, form url.Values) (status int, body string) {
	t.Helper()
	resp, err := c.PostForm(url, form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func login(t *testing.T, c *http.Client, ts *httptest.Server, user string) {
	t.Helper()
	status, body := post(t, c, ts.URL+"/login", url.Values{"user": {user}, "password": {user}})
	if status != http.StatusOK || !strings.Contains(body, "<title>Chat</title>") {
		t.Fatalf("login: %d %s", status, body)
	}
}

// dial connects to the room like a page of that origin.
func dial(t *testing.T, c *http.Client, ts *httptest.Server, origin string) (*ws.Conn, int) {
	t.Helper()
	conn, resp, err := ws.Dial(t.Context(), ts.URL+"/chat/ws/general", &ws.DialOptions{
		HTTPClient: c, HTTPHeader: http.Header{"Origin": {origin}}, Subprotocols: []string{"chat.v1"},
	})
	if resp == nil {
		t.Fatal(err)
	}
	if err == nil {
		t.Cleanup(func() { conn.CloseNow() })
	}
	return conn, resp.StatusCode
}

func read(t *testing.T, c *ws.Conn) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, b, err := c.Read(ctx)
	return string(b), err
}

func TestLogin(t *testing.T) {
	ts := serve(t, time.Hour)
	alice := browser(t)
	if _, status := dial(t, alice, ts, ts.URL); status != http.StatusUnauthorized {
		t.Errorf("before login: %d", status)
	}
	for user, password := range map[string]string{"alice": "bob", "carol": "carol", "": ""} {
		if status, _ := post(t, alice, ts.URL+"/login", url.Values{"user": {user}, "password": {password}}); status != http.StatusUnauthorized {
			t.Errorf("%s/%s: %d", user, password, status)
		}
	}
	login(t, alice, ts, "alice")
	conn, status := dial(t, alice, ts, ts.URL)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("after login: %d", status)
	}
	if welcome, err := read(t, conn); err != nil || !strings.Contains(welcome, `"user":"alice","username":"Alice"`) {
		t.Fatalf("welcome %s, %v", welcome, err)
	}
	if _, status := dial(t, alice, ts, "https://evil.example"); status != http.StatusForbidden {
		t.Errorf("from another page: %d", status)
	}
	if _, status := dial(t, alice, ts, "https://app.example.com"); status != http.StatusSwitchingProtocols {
		t.Errorf("from the page allowed: %d", status)
	}

	bob := browser(t)
	login(t, bob, ts, "bob")
	if status, body := post(t, alice, ts.URL+"/logout", nil); status != http.StatusOK || !strings.Contains(body, "<title>Log in</title>") {
		t.Errorf("logout: %d %s", status, body)
	}
	for {
		if _, err := read(t, conn); err != nil {
			if code := ws.CloseStatus(err); code != 1008 {
				t.Errorf("after logout closed with %d: %v", code, err)
			}
			break
		}
	}
	if _, status := dial(t, alice, ts, ts.URL); status != http.StatusUnauthorized {
		t.Errorf("after logout: %d", status)
	}
	if _, status := dial(t, bob, ts, ts.URL); status != http.StatusSwitchingProtocols {
		t.Errorf("another user after it: %d", status)
	}
}

// TestPages checks that everything that the pages refer to exists, before and after login.
func TestPages(t *testing.T) {
	ts := serve(t, time.Hour)
	alice := browser(t)
	get := func(path string) (int, string) {
		resp, err := alice.Get(ts.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for range 2 {
		_, page := get("/")
		refs := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
		if !strings.Contains(page, "/static/style.css") || len(refs) < 2 {
			t.Errorf("the page does not use the common style: %v", refs)
		}
		for _, m := range refs {
			if status, _ := get(m[1]); status != http.StatusOK {
				t.Errorf("%s: %d", m[1], status)
			}
		}
		login(t, alice, ts, "alice")
	}
}

func TestLogoutFromAnotherPage(t *testing.T) {
	ts := serve(t, time.Hour)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, ts.URL+"/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestSessionEnds checks that the chat accepts and keeps no user for longer than the session
// lasts.
func TestSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(true, time.Hour)
		defer s.chat.Close()
		w := httptest.NewRecorder()
		s.sessions.begin(w, "bob")
		r := httptest.NewRequest(http.MethodGet, "/chat/ws/general", nil)
		for _, c := range w.Result().Cookies() {
			if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode {
				t.Errorf("cookie %v", c)
			}
			r.AddCookie(c)
		}
		u, err := s.authenticate(r)
		if err != nil || !u.Expires.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("%+v, %v", u, err)
		}
		time.Sleep(time.Hour)
		if _, err := s.authenticate(r); err == nil {
			t.Error("accepted after the end of the session")
		}
		time.Sleep(time.Second)
		s.sessions.begin(httptest.NewRecorder(), "bob")
		if n := len(s.sessions.all); n != 1 {
			t.Errorf("%d sessions kept, want only the live one", n)
		}
	})
}

// TestDocs checks that the code in docs/login.md is the code here.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/login.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rest := string(doc); ; n++ {
		_, after, ok := strings.Cut(rest, "```go\n")
		if !ok {
			break
		}
		block, after, ok := strings.Cut(after, "```")
		if !ok || !strings.Contains(string(code), block) {
			t.Errorf("not in main.go:\n%s", block)
		}
		rest = after
	}
	if n == 0 {
		t.Error("no code in docs/login.md")
	}
}
