package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// tokens is a server whose tokens are the time in seconds until which they hold.
func tokens(t *testing.T, test func(f *fake, srv *chat.Server)) {
	synctest.Test(t, func(t *testing.T) {
		srv := chat.New(chat.WithLogger(quiet), chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
			var until int64
			if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer until-%d", &until); err != nil {
				return chat.User{}, err
			}
			u := chat.User{ID: "u1", Name: "Alice", Expires: time.Unix(until, 0)}
			if !u.Expires.After(time.Now()) {
				return u, errors.New("expired")
			}
			return u, nil
		}))
		f := &fake{t: t}
		f.run(http.StripPrefix("/chat", srv), func(f *fake) {
			test(f, srv)
			srv.Close()
		})
	})
}

func token(d time.Duration) string { return fmt.Sprint("until-", time.Now().Add(d).Unix()) }

func TestTokenSource(t *testing.T) {
	tokens(t, func(f *fake, srv *chat.Server) {
		var mu sync.Mutex
		var asked int
		var lost []error
		var broken error
		u := f.join(client.WithTokenSource(func(ctx context.Context) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return token(5 * time.Minute), broken
		}), client.OnDisconnect(func(err error, _ time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			lost = append(lost, err)
		}))
		if u.Welcome().User != "u1" || u.Welcome().Session != "" {
			t.Errorf("welcome %+v", u.Welcome())
		}
		time.Sleep(2*time.Hour + 10*time.Second)
		mu.Lock()
		if len(lost) != 0 || asked != 31 { // every 4 minutes
			t.Errorf("asked for %d tokens in two hours, lost connections %v", asked, lost)
		}
		broken = errors.New("no tokens today")
		mu.Unlock()
		time.Sleep(time.Hour)
		mu.Lock()
		var closed *client.Error
		if len(lost) < 10 || !errors.As(lost[0], &closed) || closed.Close != 4001 || !errors.Is(lost[1], broken) {
			t.Errorf("without tokens: %d times %v", len(lost), lost)
		}
		broken = nil
		mu.Unlock()
		if _, err := u.Send(context.Background(), "x"); err != nil {
			t.Errorf("Send: %v", err)
		}
		u.Close()
	})
}

// TestShortTokens has tokens of which the server warns as soon as it gets them.
func TestShortTokens(t *testing.T) {
	tokens(t, func(f *fake, srv *chat.Server) {
		var asked, lost atomic.Int64
		u := f.join(client.WithTokenSource(func(ctx context.Context) (string, error) {
			asked.Add(1)
			return token(40 * time.Second), nil
		}), client.OnDisconnect(func(err error, _ time.Duration) { lost.Add(1) }))
		time.Sleep(10 * time.Minute)
		if lost.Load() != 0 || asked.Load() > 42 {
			t.Errorf("asked for %d tokens in ten minutes, lost %d connections", asked.Load(), lost.Load())
		}
		u.Close()
	})
}

func TestTokenRunsOut(t *testing.T) {
	tokens(t, func(f *fake, srv *chat.Server) {
		u := f.join(client.WithToken(token(10 * time.Minute)))
		start := time.Now()
		var last error
		for _, last = range u.Events(context.Background()) {
		}
		var closed *client.Error
		if d := time.Since(start); !errors.As(last, &closed) || closed.Close != 4001 || d < 10*time.Minute || d > 10*time.Minute+time.Second {
			t.Errorf("Events: %v after %v", last, d)
		}
		u.Close()
		var refused *client.Error
		for _, opt := range []client.Option{client.WithToken("old"), client.WithToken(""), client.WithToken(token(-time.Minute))} {
			if _, err := f.dial(opt); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
				t.Errorf("Dial: %v", err)
			}
		}
	})
}

func TestAuth(t *testing.T) {
	tokens(t, func(f *fake, srv *chat.Server) {
		u := f.join(client.WithToken(token(10 * time.Minute)))
		time.Sleep(5 * time.Minute)
		var refused *client.Error
		if err := u.Auth(context.Background(), "nonsense"); !errors.As(err, &refused) || refused.Code != client.CodeAuthFailed {
			t.Errorf("Auth: %v", err)
		}
		if err := u.Auth(context.Background(), token(time.Hour)); err != nil {
			t.Errorf("Auth: %v", err)
		}
		time.Sleep(50 * time.Minute)
		if err := srv.Disconnect(context.Background(), "u1", chat.Disconnect{Code: chat.CloseRemoved}); err != nil {
			t.Error(err)
		}
		synctest.Wait() // it comes back with the new token
		if _, err := u.Send(context.Background(), "x"); err != nil {
			t.Errorf("Send: %v", err)
		}
		u.Close()
	})
}

// TestHeader sends a header of the program's own, and the username and room as
// parameters beside those of the URL.
func TestHeader(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		q := p.r.URL.Query()
		if p.r.Header.Get("Cookie") != "a=b" || p.r.Header.Get("Authorization") != "Bearer t" || q.Get("username") != "Ü & Co" || q.Get("key") != "v" || !strings.HasSuffix(p.r.URL.Path, "/chat/ws/r") {
			t.Errorf("handshake: %v %v", p.r.URL, p.r.Header)
		}
		p.welcome("e:0", "")
		p.hearAll()
	}, func(f *fake) {
		h := http.Header{"Cookie": {"a=b"}}
		for _, o := range []client.Option{
			client.WithDialer(f.l.dial),
			client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: f.l.dial}}),
		} {
			c, err := client.Dial(context.Background(), "ws://pipe/chat?key=v#x", "r", o, client.WithHeader(h), client.WithToken("t"), client.WithUsername("Ü & Co"), client.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		if len(h) != 1 {
			t.Errorf("the program's header has become %v", h)
		}
	})
}
