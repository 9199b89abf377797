package jwtauth_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/jwtauth"
	"github.com/seed-08328bfd/chat/internal/ws"
)

// pipes is a network of net.Pipe connections, so a test in a bubble can use it.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p <- server
	return client, nil
}

// live is a client. Its frames arrive in a channel that is closed when the connection ends.
type live struct {
	*ws.Conn
	frames chan string
	err    error // why it ended
}

// connect opens a connection to a new server, inside a bubble.
func connect(t *testing.T, a auth, token string) *live {
	t.Helper()
	srv := chat.New(chat.WithAuthenticator(a), chat.WithLogger(logger()))
	p := make(pipes)
	hs := &http.Server{Handler: srv}
	go hs.Serve(p)
	transport := &http.Transport{DialContext: p.dial}
	c, _, err := ws.Dial(t.Context(), "http://chat.test/ws/general", &ws.DialOptions{
		HTTPClient:   &http.Client{Transport: transport},
		Subprotocols: []string{"chat.v1", "bearer." + token},
	})
	if err != nil {
		t.Fatal(err)
	}
	l := &live{Conn: c, frames: make(chan string, 100)}
	go func() {
		defer close(l.frames)
		for {
			_, b, err := c.Read(context.Background())
			if err != nil {
				l.err = err
				return
			}
			witness{}.Write(b)
			l.frames <- string(b)
		}
	}()
	t.Cleanup(func() {
		c.CloseNow()
		srv.Close()
		close(p)
		hs.Close()
		transport.CloseIdleConnections()
	})
	return l
}

func (l *live) refresh(t *testing.T, token string) {
	t.Helper()
	b, _ := json.Marshal(map[string]string{"type": "auth", "token": token})
	if err := l.Write(t.Context(), ws.MessageText, b); err != nil {
		t.Fatal(err)
	}
}

// errors returns the codes of the errors that have arrived.
func (l *live) errors() (codes []string) {
	synctest.Wait()
	for {
		select {
		case f, ok := <-l.frames:
			if !ok {
				return append(codes, "closed")
			}
			var o struct{ Type, Code string }
			if json.Unmarshal([]byte(f), &o); o.Type == "error" {
				codes = append(codes, o.Code)
			}
		default:
			return codes
		}
	}
}

func (l *live) expect(t *testing.T, when string, codes ...string) {
	t.Helper()
	if got := l.errors(); strings.Join(got, " ") != strings.Join(codes, " ") {
		t.Fatalf("%s: got %q, want %q", when, got, codes)
	}
}

const leeway = 10 * time.Second

func lasting(d time.Duration, c claims) string {
	all := claims{"exp": time.Now().Add(d).Unix()}
	for k, v := range c {
		all[k] = v
	}
	return hs256(all, nil)
}

func TestExpiry(t *testing.T) {
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		a := static(t, jwtauth.WithLeeway(leeway))
		l := connect(t, a, lasting(10*time.Minute, nil))
		end := time.Now().Add(10*time.Minute + leeway)

		time.Sleep(time.Until(end) - time.Minute - time.Second)
		l.expect(t, "61 s before")
		time.Sleep(2 * time.Second)
		l.expect(t, "59 s before", "token_expiring")
		time.Sleep(time.Until(end) - time.Second)
		l.expect(t, "1 s before")
		time.Sleep(2 * time.Second)
		l.expect(t, "1 s after", "closed")
		if code := ws.CloseStatus(l.err); code != 4001 {
			t.Errorf("closed with %d: %v", code, l.err)
		}
	})
}

func TestRefresh(t *testing.T) {
	testKeys()
	synctest.Test(t, func(t *testing.T) {
		a := static(t, jwtauth.WithLeeway(leeway))
		first := lasting(5*time.Minute, nil)
		l := connect(t, a, first)
		time.Sleep(4*time.Minute + 30*time.Second)
		l.expect(t, "before the end", "token_expiring")

		// A token with another subject, an expired token and an invalid token change nothing.
		l.refresh(t, lasting(time.Hour, claims{"sub": "u2"}))
		l.expect(t, "another subject", "auth_failed")
		l.refresh(t, lasting(-time.Minute, nil))
		l.expect(t, "expired", "auth_failed")
		l.refresh(t, "rubbish\r\nX-Header: 1")
		l.expect(t, "rubbish", "auth_failed")

		l.refresh(t, lasting(5*time.Minute, nil))
		l.expect(t, "fresh")
		time.Sleep(3 * time.Minute) // after the first token's end
		l.expect(t, "after the first end")
		time.Sleep(90 * time.Second)
		l.expect(t, "before the second end", "token_expiring")
		time.Sleep(time.Minute)
		l.expect(t, "after the second end", "closed")
		if code := ws.CloseStatus(l.err); code != 4001 {
			t.Errorf("closed with %d: %v", code, l.err)
		}
	})
}
