package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestClose(t *testing.T) {
	_, base := serve(t)
	alice := join(t, base, "r", "Alice")
	ended := make(chan error)
	go func() {
		for _, err := range alice.Events(context.Background()) {
			if err != nil {
				ended <- err
			}
		}
	}()
	if err := alice.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-ended; err != client.ErrClosed {
		t.Errorf("Events ended with %v", err)
	}
	if err := alice.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	_, err := alice.Send(soon(t), "x")
	_, herr := alice.History(soon(t), chat.Query{})
	for _, err := range []error{err, herr, alice.Typing(soon(t)), alice.Ping(soon(t)), alice.Auth(soon(t), "x")} {
		if err != client.ErrClosed {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestEventsContext(t *testing.T) {
	_, base := serve(t)
	alice := join(t, base, "r", "Alice")
	alice.until(client.TypeWelcome)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	for e, err := range alice.Events(ctx) {
		if err != context.Canceled {
			t.Fatalf("got %+v, %v", e, err)
		}
	}
	alice.send("still there") // a loop's context is not the Conn's
	if e := alice.next(); e.Text != "still there" {
		t.Errorf("got %+v", e)
	}
	if _, err := alice.Send(ctx, "x"); err != context.Canceled {
		t.Errorf("Send: %v", err)
	}
}

func TestBadURL(t *testing.T) {
	for _, tc := range [][2]string{
		{"", "r"}, {"ftp://host", "r"}, {"http://", "r"}, {"http://[", "r"}, {"localhost:8080", "r"},
		{"http://127.0.0.1:1", ""}, {"http://127.0.0.1:1", "."}, {"http://127.0.0.1:1", ".."}, {"http://127.0.0.1:1", "\xff"},
	} {
		if c, err := client.Dial(soon(t), tc[0], tc[1]); err == nil || !strings.HasPrefix(err.Error(), "client: ") {
			t.Errorf("Dial(%q, %q) = %v, %v", tc[0], tc[1], c, err)
		}
	}
}

// TestTLS connects over TLS to a server that prefers HTTP/2, with the transport of the
// Conn and with one of the program.
func TestTLS(t *testing.T) {
	srv := chat.New(chat.WithLogger(quiet))
	hs := httptest.NewUnstartedServer(srv)
	hs.Config.ErrorLog = slog.NewLogLogger(quiet.Handler(), slog.LevelError)
	hs.EnableHTTP2 = true
	hs.StartTLS()
	defer hs.Close()
	defer srv.Close()
	dialTLS := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	if _, err := client.Dial(soon(t), hs.URL, "r", client.WithDialer(dialTLS), client.WithLogger(quiet)); err == nil {
		t.Error("an unknown authority was believed")
	} else if verify := new(tls.CertificateVerificationError); !errors.As(err, &verify) {
		t.Errorf("Dial: %v", err)
	}
	u := join(t, strings.Replace(hs.URL, "https", "wss", 1), "r", "Alice", client.WithHTTPClient(hs.Client()))
	u.send("x")
	if e := u.next(); e.Text != "x" {
		t.Errorf("got %+v", e)
	}
}

// TestDialRetry dials a server that is not there yet.
func TestDialRetry(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		p.hearAll()
	}, func(f *fake) {
		f.l.down.Store(true)
		time.AfterFunc(time.Minute, func() { f.l.down.Store(false) })
		start := time.Now()
		u := f.join(client.WithDialRetry())
		if d := time.Since(start); d < time.Minute || d >= 90*time.Second {
			t.Errorf("joined after %v", d)
		}
		u.Close()
	})
}

// TestCloseBound closes while the server neither reads nor answers.
func TestCloseBound(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		for i := range 10 {
			p.say(message(i+1, "x"))
		}
		time.Sleep(time.Minute)
	}, func(f *fake) {
		for _, opts := range [][]client.Option{nil, {client.WithBuffer(1, 1)}} { // the second has a full buffer
			u := f.join(opts...)
			synctest.Wait()
			start := time.Now()
			u.Close()
			if d := time.Since(start); d > 3*time.Second {
				t.Errorf("Close took %v", d)
			}
		}
		time.Sleep(time.Minute)
	})
}

// TestCloseIsClean closes with 1000, and leaves no goroutine. The last one has told Close of
// its end a moment before it ends, so that the test looks in fake time, where that moment
// can be waited for and a longer one is not over.
func TestCloseIsClean(t *testing.T) {
	code := make(chan int, 1)
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		code <- p.hearAll()
	}, func(f *fake) {
		u := f.join()
		u.Close()
		synctest.Wait()
		if stacks := harness.Leaked("/client.("); stacks != "" {
			t.Errorf("goroutines after Close:\n%s", stacks)
		}
		if c := <-code; c != 1000 {
			t.Errorf("closed with %d", c)
		}
	})
}

// TestCloseWhileAway closes while the Conn waits to reconnect.
func TestCloseWhileAway(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.welcome("e:0", "")
		p.say(`{"type":"goodbye","reason":"shutdown","retry_after_ms":3600000}`)
		p.close(1001, "")
	}, func(f *fake) {
		u := f.join()
		time.Sleep(time.Minute)
		sent := make(chan error)
		go func() {
			_, err := u.Send(context.Background(), "x")
			sent <- err
		}()
		synctest.Wait()
		start := time.Now()
		u.Close()
		if err := <-sent; err != client.ErrClosed || time.Since(start) != 0 {
			t.Errorf("Send: %v after %v", err, time.Since(start))
		}
	})
}
