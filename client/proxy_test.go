package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// proxied runs a server behind an HTTP proxy. While answer is set, the proxy answers
// requests with it.
func proxied(t *testing.T) (srv *chat.Server, base string, answer *atomic.Pointer[http.HandlerFunc], asked *atomic.Int64) {
	srv, backend := serve(t)
	to, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	answer, asked = new(atomic.Pointer[http.HandlerFunc]), new(atomic.Int64)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := answer.Load(); h != nil {
			asked.Add(1)
			(*h)(w, r)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	return srv, proxy.URL, answer, asked
}

// elsewhere returns the URL of a host to which no handshake may be redirected.
func elsewhere(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked for %s with %v", r.URL, r.Header)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestProxyAnswers has a proxy answer instead of the server. Whatever the answer is, the
// client tries again.
func TestProxyAnswers(t *testing.T) {
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			io.WriteString(w, "<html><body><h1>Sorry</h1></body></html>")
		}
	}
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
	}
	moved := func(status int, location string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(status)
		}
	}
	away := elsewhere(t)
	answers := map[string]http.HandlerFunc{
		"another API":          body(401, `{"error":{"code":401,"message":"no"}}`),
		"another API's words":  body(404, `{"error":{"code":"ResourceNotFound","message":"no"}}`),
		"another API's form":   body(403, `{"message":"forbidden","code":"forbidden"}`),
		"the wrong status":     body(404, `{"error":{"code":"unauthorized","message":"no"}}`),
		"a string":             body(403, `"forbidden"`),
		"nothing":              body(403, ``),
		"null":                 body(403, `{"error":null}`),
		"cut off":              body(403, `{"error":{"code":"forb`),
		"too large":            body(403, `{"filling":"`+strings.Repeat("x", 1<<20)+`","error":{"code":"forbidden"}}`),
		"elsewhere":            moved(302, away+"/login"),
		"elsewhere, for good":  moved(301, away),
		"elsewhere, as it is":  moved(307, away),
		"elsewhere, any case":  moved(308, strings.Replace(away, "http", "HTTP", 1)),
		"to another scheme":    moved(302, "ftp://127.0.0.1/"),
		"round in circles":     moved(302, "?again"),
		"to nowhere":           moved(302, ""),
		"a login page":         page(200),
		"no content":           body(204, ""),
		"a broken connection":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"101, not a WebSocket": hijack("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
		"101, another one":     hijack("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
		"not HTTP":             hijack("SSH-2.0-OpenSSH_9.2\r\n"),
		"a body that is short": hijack("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n{\"error\":{\"code\":\"f"),
	}
	for _, status := range []int{400, 401, 402, 403, 404, 405, 407, 408, 410, 418, 421, 425, 426, 429, 431, 451, 499, 500, 502, 503, 504, 520, 599} {
		answers[fmt.Sprint("HTML ", status)] = page(status)
	}
	for name, h := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, base, answer, asked := proxied(t)
			var k cuts
			u := join(t, base, "r", "Alice", client.WithDialer(k.dial), client.WithToken("secret"),
				client.WithHeader(http.Header{"X-Api-Key": {"secret"}}))
			answer.Store(&h)
			k.cut()
			for end := time.Now().Add(patience); asked.Load() < 3 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			if _, err := srv.Publish(soon(t), "r", chat.Message{Text: "meanwhile"}); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Dial(soon(t), base, "r", client.WithLogger(quiet)); err == nil {
				t.Error("Dial succeeded")
			}
			answer.Store(nil)
			if e := u.until(chat.TypeMessage); e.Text != "meanwhile" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// hijack writes answer to the connection and closes it.
func hijack(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			io.WriteString(conn, answer)
			conn.Close()
		}
	}
}

// TestServerRefusals has a real server refuse in every way that it can. The client must not
// try again.
func TestServerRefusals(t *testing.T) {
	srv, base := serve(t, chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
		if r.Header.Get("Authorization") != "Bearer good" {
			return chat.User{}, errors.New("no")
		}
		return chat.User{ID: "u1"}, nil
	}), chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
		if room == "staff" {
			return chat.Refuse(strings.Repeat("only for the staff ", 500))
		}
		return nil
	}))
	_ = srv
	good := client.WithToken("good")
	for name, tc := range map[string]struct {
		path, room string
		status     int
		code       string
		opts       []client.Option
	}{
		"no token":       {"", "r", 401, "unauthorized", nil},
		"not authorized": {"", "staff", 403, client.CodeForbidden, []client.Option{good}},
		"foreign page":   {"", "r", 403, client.CodeForbidden, []client.Option{good, client.WithHeader(http.Header{"Origin": {"https://evil.example"}})}},
		"bad room":       {"", "a\tb", 400, "bad_room", []client.Option{good}},
		"bad name":       {"", "r", 400, "bad_name", []client.Option{good, client.WithUsername("a\tb")}},
		"bad session":    {"", "r", 400, client.CodeBadRequest, []client.Option{good, client.WithSession("x")}},
		"bad path":       {"/chat", "r", 404, "not_found", []client.Option{good}},
	} {
		t.Run(name, func(t *testing.T) {
			// Dial returns in spite of WithDialRetry.
			_, err := client.Dial(soon(t), base+tc.path, tc.room, append(tc.opts, client.WithDialRetry(), client.WithLogger(quiet))...)
			var refused *client.Error
			if !errors.As(err, &refused) || refused.Status != tc.status || refused.Code != tc.code {
				t.Errorf("Dial: %v", err)
			}
		})
	}
}

// TestRedirects has redirects on the same host, which are followed, and to another host,
// which are not, also with an HTTP client of the program.
func TestRedirects(t *testing.T) {
	_, base, answer, asked := proxied(t)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer.Store(nil)
		http.Redirect(w, r, r.URL.String(), http.StatusFound)
	})
	answer.Store(&h)
	join(t, base, "r", "Alice")
	if asked.Load() != 1 {
		t.Errorf("redirected %d times", asked.Load())
	}
	away := elsewhere(t)
	h = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, away, http.StatusFound) }
	answer.Store(&h)
	var refused *client.Error
	if _, err := client.Dial(soon(t), base, "r", client.WithHTTPClient(new(http.Client)), client.WithLogger(quiet)); !errors.As(err, &refused) || refused.Status != 302 {
		t.Errorf("Dial: %v", err)
	}
}

// TestForwardProxy connects through a proxy that requires a password.
func TestForwardProxy(t *testing.T) {
	_, base := serve(t)
	var asked atomic.Int64
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}})
	t.Cleanup(proxy.Close)
	forward := proxy.Config.Handler
	proxy.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 4 {
			w.Header().Set("Proxy-Authenticate", "Basic")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		if _, password, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " "); password != base64.StdEncoding.EncodeToString([]byte("u:p")) {
			t.Errorf("proxy credentials %q", password)
		}
		forward.ServeHTTP(w, r)
	})
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("u", "p")
	join(t, base, "r", "Alice", client.WithDialRetry(),
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(u)}})).send("hello")
}
