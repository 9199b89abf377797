//go:build !js

package ws_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/internal/ws"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

const deflate = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// TestCutMessages ends the server's side after every byte. The client reads only whole messages,
// and then an error that the connection was lost or closed.
func TestCutMessages(t *testing.T) {
	text := strings.Repeat("the quick brown fox jumps over the lazy dog; ", 4)
	z := wsconn.Deflate([]byte(text))
	plain := wsconn.AppendText(nil, []byte(text))
	split := append(wsconn.AppendHeader(nil, wsconn.OpText, 50), text[:50]...)
	split = append(wsconn.AppendHeader(split, wsconn.FinBit, len(text)-50), text[50:]...)
	packed := append(wsconn.AppendHeader(nil, wsconn.FinBit|wsconn.RSV1Bit|wsconn.OpText, len(z)), z...)
	both := append(wsconn.AppendHeader(nil, wsconn.RSV1Bit|wsconn.OpText, 20), z[:20]...)
	both = append(wsconn.AppendHeader(both, wsconn.FinBit, len(z)-20), z[20:]...)
	for name, message := range map[string][]byte{"plain": plain, "in fragments": split, "compressed": packed, "compressed, in fragments": both} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream := append(append(append([]byte{}, message...), message...), 0x88, 2, 1000>>8, 1000&0xff)
			cuts := make(chan int, 1)
			hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Errorf("hijack: %v", err)
					return
				}
				defer conn.Close()
				conn.Write(wsconn.Answer(r, "", deflate, nil))
				conn.Write(stream[:<-cuts])
			}))
			defer hs.Close()
			for n := range len(stream) + 1 {
				cuts <- n
				conn, _, err := ws.Dial(within(t), hs.URL, &ws.DialOptions{CompressionMode: ws.CompressionNoContextTakeover})
				if err != nil {
					t.Fatal(err)
				}
				read := 0
				for err == nil {
					var b []byte
					if _, b, err = conn.Read(within(t)); err == nil {
						read++
						if string(b) != text {
							t.Fatalf("cut after %d of %d bytes: read %q", n, len(stream), b)
						}
					}
				}
				if read != min(n/len(message), 2) || (n < len(stream)) != errors.Is(err, ws.ErrLost) || (n == len(stream)) != (ws.CloseStatus(err) == 1000) {
					t.Errorf("cut after %d of %d bytes: %d messages, then %v", n, len(stream), read, err)
				}
				conn.CloseNow()
			}
		})
	}
}

// counted is a transport of a program's own.
type counted struct{ n int }

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n++
	return http.DefaultTransport.RoundTrip(r)
}

// TestDialKeepsClient uses an http.Client with all fields set. Dial uses it, and does not change
// it.
func TestDialKeepsClient(t *testing.T) {
	silent := make(chan struct{})
	defer close(silent)
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/silent":
			select {
			case <-silent:
			case <-r.Context().Done():
			}
		case "/moved":
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "1", Path: "/"})
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/refused":
			http.Error(w, "not for you", http.StatusForbidden)
		default:
			if _, err := r.Cookie("seen"); err != nil {
				t.Errorf("cookie: %v", err)
			}
			conn, err := ws.Accept(w, r, nil)
			if err != nil {
				t.Errorf("accept: %v", err)
				return
			}
			typ, b, err := conn.Read(within(t))
			if err == nil {
				err = conn.Write(within(t), typ, b)
			}
			if err != nil {
				t.Errorf("echo: %v", err)
			}
			if _, _, err := conn.Read(within(t)); ws.CloseStatus(err) != 1000 {
				t.Errorf("then: %v", err)
			}
		}
	}))
	defer hs.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport, redirects := new(counted), 0
	h := &http.Client{
		Transport: transport, Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { redirects++; return nil },
	}
	conn, _, err := ws.Dial(within(t), hs.URL+"/moved", &ws.DialOptions{HTTPClient: h})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(within(t), ws.MessageText, []byte("hello")); err != nil {
		t.Error(err)
	}
	if _, b, err := conn.Read(within(t)); err != nil || string(b) != "hello" {
		t.Errorf("read %q, %v", b, err)
	}
	if err := conn.Close(1000, ""); err != nil {
		t.Errorf("close: %v", err)
	}
	if transport.n != 2 || redirects != 1 || h.Transport != transport {
		t.Errorf("%d round trips, %d redirects", transport.n, redirects)
	}
	_, resp, err := ws.Dial(within(t), hs.URL+"/refused", &ws.DialOptions{HTTPClient: h})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("refused: %v, %v", resp, err)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "not for you\n" {
		t.Errorf("refused with %q, %v", b, err)
	}
	h.Timeout = 10 * time.Millisecond
	if _, _, err = ws.Dial(within(t), hs.URL+"/silent", &ws.DialOptions{HTTPClient: h}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent: %v", err)
	}
}
