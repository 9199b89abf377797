package jwtauth_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/jwtauth"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// TestMain fails the suite if any part of a test's token was logged, or came back to a client in
// an answer, a header or a frame.
func TestMain(m *testing.M) {
	code := m.Run()
	seen.Lock()
	defer seen.Unlock()
	for _, leak := range leaks(seen.out.String(), seen.tokens) {
		fmt.Println("a token leaked:", leak)
		code = 1
	}
	os.Exit(code)
}

// seen is everything that clients and logs saw in the whole suite, and the tokens that must not
// be in it.
var seen struct {
	sync.Mutex
	out    bytes.Buffer
	tokens []string
}

type witness struct{}

func (witness) Write(b []byte) (int, error) {
	seen.Lock()
	defer seen.Unlock()
	return seen.out.Write(b)
}

func watch(token string) string {
	seen.Lock()
	defer seen.Unlock()
	seen.tokens = append(seen.tokens, token)
	return token
}

// leaks returns the tokens of which a part is in out. It also finds a part whose first and last
// eight bytes are missing.
func leaks(out string, tokens []string) (found []string) {
	for _, token := range tokens {
		for part := range strings.SplitSeq(token, ".") {
			if len(part) > 24 {
				part = part[8 : len(part)-8]
			} else if len(part) < 12 {
				continue
			}
			if strings.Contains(out, part) {
				found = append(found, token)
				break
			}
		}
	}
	return found
}

func TestLeaks(t *testing.T) {
	token := hs256(claims{"sub": "u1"}, nil)
	if got := leaks("level=INFO err="+token[4:40]+"...", []string{token}); len(got) != 1 {
		t.Error("a leaked part was not found")
	}
	if got := leaks("level=INFO err=bad", []string{token}); len(got) != 0 {
		t.Error("a leak was found in a text without one")
	}
}

func logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(witness{}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type auth = func(*http.Request) (chat.User, error)

func mustNew(t testing.TB, opts ...jwtauth.Option) auth {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	a, err := jwtauth.New(ctx, append([]jwtauth.Option{jwtauth.WithLogger(logger())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// serve runs a chat server that accepts the users of a.
func serve(t testing.TB, a auth, opts ...chat.Option) *httptest.Server {
	t.Helper()
	srv := chat.New(append([]chat.Option{chat.WithAuthenticator(a), chat.WithLogger(logger())}, opts...)...)
	ts := httptest.NewUnstartedServer(srv)
	ts.Config.ErrorLog = slog.NewLogLogger(logger().Handler(), slog.LevelError)
	ts.Config.MaxHeaderBytes = 4 << 20 // so the limit of net/http does not hide ours
	ts.Start()
	t.Cleanup(ts.Close)
	t.Cleanup(func() { srv.Close() })
	return ts
}

type answer struct {
	status int
	header http.Header
	body   string
}

// knock sends an opening handshake for the room general, changed by edit, and returns the
// answer.
func knock(t testing.TB, ts *httptest.Server, edit func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ts.URL+"/ws/general", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Connection":             {"Upgrade"},
		"Upgrade":                {"websocket"},
		"Sec-Websocket-Version":  {"13"},
		"Sec-Websocket-Key":      {"dGhlIHNhbXBsZSBub25jZQ=="},
		"Sec-Websocket-Protocol": {"chat.v1"},
	}
	edit(r)
	return do(t, ts, r)
}

func do(t testing.TB, ts *httptest.Server, r *http.Request) answer {
	t.Helper()
	resp, err := ts.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.status != http.StatusSwitchingProtocols {
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.body = string(b)
	}
	fmt.Fprintf(witness{}, "%d %v %s\n", a.status, a.header, a.body)
	return a
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// dial opens a chat.v1 connection, and returns it with its welcome.
func dial(t testing.TB, ts *httptest.Server, header http.Header, protocols ...string) (*ws.Conn, string) {
	t.Helper()
	c, resp, err := ws.Dial(t.Context(), ts.URL+"/ws/general", &ws.DialOptions{
		HTTPHeader:   header,
		Subprotocols: append([]string{"chat.v1"}, protocols...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	fmt.Fprintln(witness{}, resp.Header)
	return c, read(t, c)
}

func read(t testing.TB, c *ws.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, b, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	witness{}.Write(b)
	return string(b)
}

func write(t testing.TB, c *ws.Conn, object string) {
	t.Helper()
	if err := c.Write(t.Context(), ws.MessageText, []byte(object)); err != nil {
		t.Fatal(err)
	}
}
