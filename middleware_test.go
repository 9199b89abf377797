package chat_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// mounted serves srv behind a middleware.
func mounted(t *testing.T, middleware func(http.Handler) http.Handler, opts ...chat.Option) (*chat.Server, string) {
	t.Helper()
	srv := chat.New(append([]chat.Option{harness.Quiet}, opts...)...)
	hs := httptest.NewServer(middleware(srv))
	t.Cleanup(hs.Close)
	t.Cleanup(func() { srv.Close() })
	return srv, hs.URL
}

// lazyWriter holds the status back until there is a body. Some writers do so to decide about
// compression.
type lazyWriter struct {
	http.ResponseWriter
	status int
}

func (w *lazyWriter) WriteHeader(status int) { w.status = status }

func (w *lazyWriter) Write(b []byte) (int, error) {
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
		w.status = 0
	}
	return w.ResponseWriter.Write(b)
}

func (w *lazyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

// TestLazyStatus checks that the answer to a handshake reaches the client, whatever the writers
// between do with a status.
func TestLazyStatus(t *testing.T) {
	_, base := mounted(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(&lazyWriter{ResponseWriter: w}, r) })
	})
	p := harness.Dial(t, base, "r", true)
	harness.Expect(t, "room", p.Until("welcome").Room, "r")
}

// failingWriter is a Hijacker whose Hijack fails.
type failingWriter struct {
	http.ResponseWriter
	hijack func()
}

func (w *failingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.hijack()
	return nil, nil, errors.New("not today")
}

// markingWriter acts like gin before Hijack: it takes later writes for no answer.
type markingWriter struct {
	http.ResponseWriter
	marked bool
}

func (w *markingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *markingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.marked = true
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

func (w *markingWriter) WriteHeader(status int) {
	if !w.marked {
		w.ResponseWriter.WriteHeader(status)
	}
}

// TestNoConnection uses writers that cannot hijack the connection. Each request is answered with
// 501, and leaves no trace.
func TestNoConnection(t *testing.T) {
	for name, wrap := range map[string]func(w http.ResponseWriter) http.ResponseWriter{
		"no method": func(w http.ResponseWriter) http.ResponseWriter { return struct{ http.ResponseWriter }{w} },
		"an error":  func(w http.ResponseWriter) http.ResponseWriter { return &failingWriter{w, func() {}} },
		"a panic": func(w http.ResponseWriter) http.ResponseWriter {
			return &failingWriter{w, func() { _ = struct{ http.ResponseWriter }{w}.ResponseWriter.(interface{ none() }) }}
		},
		"marked before": func(w http.ResponseWriter) http.ResponseWriter {
			return &markingWriter{ResponseWriter: struct{ http.ResponseWriter }{w}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv, base := mounted(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrap(w), r) })
			})
			c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake("/ws/r"), time.Now().Add(harness.Patience))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if c.Response.StatusCode != http.StatusNotImplemented || !strings.Contains(c.Body, `"code":"internal"`) || c.Response.Header.Get("Upgrade") != "" {
				t.Errorf("answered %d %v %s", c.Response.StatusCode, c.Response.Header, c.Body)
			}
			if s := srv.Stats(); s.Connections != 0 || s.Refused != 1 {
				t.Errorf("%+v", s)
			}
			if m, n, err := srv.Members(t.Context(), "r", 10); err != nil || n != 0 {
				t.Errorf("members %v, %v", m, err)
			}
		})
	}
}

// TestHeadersOfMiddleware checks that headers of a middleware are in the answer, except those
// that would change its meaning.
func TestHeadersOfMiddleware(t *testing.T) {
	_, base := mounted(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for key, value := range map[string]string{
				"X-Request-Id": "7", "X-Split": "a\r\nX-Injected: 1", "bad name": "x",
				"Connection": "close", "Upgrade": "h2c", "Content-Length": "5", "Transfer-Encoding": "chunked",
				"Content-Encoding": "gzip", "Content-Type": "text/plain", "Keep-Alive": "timeout=5",
				"Sec-WebSocket-Accept": "x", "Sec-WebSocket-Protocol": "other", "Sec-WebSocket-Extensions": "other",
			} {
				w.Header().Set(key, value)
			}
			w.Header()["sec-websocket-version"] = []string{"12"}
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			next.ServeHTTP(w, r)
		})
	})
	h := harness.RawDial(t, base, "/ws/r").Response.Header
	for key, want := range map[string][]string{
		"X-Request-Id": {"7"}, "Set-Cookie": {"a=1", "b=2"}, "X-Split": {"a  X-Injected: 1"}, "X-Injected": nil,
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Content-Length": nil, "Transfer-Encoding": nil,
		"Content-Encoding": nil, "Content-Type": nil, "Keep-Alive": nil,
		"Sec-Websocket-Accept": {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, "Sec-Websocket-Protocol": nil,
		"Sec-Websocket-Extensions": nil, "Sec-Websocket-Version": nil,
	} {
		if !slices.Equal(h[key], want) {
			t.Errorf("%s: %q, want %q", key, h[key], want)
		}
	}
}

// TestUpgradeOverHTTP2 gets a 426 without the headers that HTTP/2 forbids.
func TestUpgradeOverHTTP2(t *testing.T) {
	srv := chat.New(harness.Quiet)
	defer srv.Close()
	hs := httptest.NewUnstartedServer(srv)
	hs.EnableHTTP2 = true
	hs.StartTLS()
	defer hs.Close()
	resp, err := hs.Client().Get(hs.URL + "/ws/r")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Upgrade") != "" || resp.Header.Get("Connection") != "" {
		t.Errorf("%s %s %v", resp.Proto, resp.Status, resp.Header)
	}
}

// TestUpgradeThatCloses gets a 426 whose Connection header names both Upgrade and close. It
// reads the bytes, because net/http hides the header from clients.
func TestUpgradeThatCloses(t *testing.T) {
	_, base := harness.Serve(t)
	for name, request := range map[string]string{
		"HTTP/1.0":          strings.Replace(wsconf.Handshake("/ws/r"), "HTTP/1.1", "HTTP/1.0", 1),
		"Connection: close": harness.Request("GET", "/ws/r", "Connection: close"),
		"beside an upgrade": harness.HandshakeWithout("Upgrade:", "Upgrade: h2c, close", "Connection: close"),
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(harness.Patience))
		io.WriteString(conn, request)
		b, err := io.ReadAll(conn)
		conn.Close()
		head, _, _ := strings.Cut(string(b), "\r\n\r\n")
		if err != nil || !strings.Contains(head, " 426 ") || !strings.Contains(head, "\r\nUpgrade: websocket") || strings.Count(head, "\r\nConnection: ") != 1 || !strings.Contains(head, "\r\nConnection: Upgrade, close") {
			t.Errorf("%s: %v, %s", name, err, b)
		}
	}
}

func TestPanicInHooks(t *testing.T) {
	var logged lockedBuffer
	quiet := chat.WithLogger(slog.New(slog.NewTextHandler(&logged, nil)))
	_, base := harness.Serve(t, quiet, chat.WithFilter(func(_ context.Context, _ chat.User, _ string, e *chat.Message) error {
		if e.Text == "boom" {
			panic("filter")
		}
		return nil
	}), chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
		if a == chat.ActionJoin && room == "panic" || a == chat.ActionTyping {
			panic("authorizer")
		}
		return nil
	}))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	p.Send(`{"type":"message","message":"boom","id":"1"}`)
	if o := p.Next(); o.Code != "rejected" || o.ID != "1" {
		t.Errorf("got %+v", o)
	}
	p.Send(`{"type":"message","message":"still here"}`)
	if o := p.Next(); o.Message != "still here" {
		t.Errorf("got %+v", o)
	}
	if _, resp, err := harness.TryDial(t, base, "panic", true); err == nil || resp == nil || resp.StatusCode != 500 {
		t.Errorf("join with a panicking authorizer: %v, %v", resp, err)
	}
	q := harness.Dial(t, base, "r", true)
	q.Until("welcome")
	q.Send(`{"type":"typing"}`)
	if o := q.Until("error"); o.Code != "forbidden" || o.Message != "internal error" {
		t.Errorf("typing with a panicking authorizer: %+v", o)
	}
	p.Send(`{"type":"ping"}`)
	p.Until("pong")
	if !strings.Contains(logged.String(), "authorizer") {
		t.Error("the panic was not logged")
	}
}

// lockedBuffer is a buffer that may be written and read concurrently.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
