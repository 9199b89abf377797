package faults

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestUndecidedIsUndecided lets hooks return errors of the package, which can happen if a hook
// uses a Server itself. None of them gets the meaning that it has when the server returns it.
func TestUndecidedIsUndecided(t *testing.T) {
	t.Parallel()
	for _, why := range []error{chat.ErrBadName, chat.ErrTooMany, chat.ErrServerClosed, chat.ErrNoSuchUser, chat.ErrRejected, context.Canceled} {
		t.Run(why.Error(), func(t *testing.T) {
			t.Parallel()
			var joins atomic.Int64
			_, base := harness.Serve(t, harness.Quiet, chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
				if a == chat.ActionSend || a == chat.ActionJoin && joins.Add(1) == 1 {
					return nil
				}
				return fmt.Errorf("elsewhere: %w", why)
			}), chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error {
				return fmt.Errorf("elsewhere: %w", why)
			}))
			p := harness.Dial(t, base, "r", true)
			w := p.Until("welcome")
			for _, path := range []string{"/rooms", "/rooms?limit=1", "/rooms/r/messages", "/rooms/r/members", "/unread?room=r&session=" + w.Session} {
				resp, err := http.Get(base + path)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				const want = `{"error":{"code":"unavailable","message":"nobody can say now whether you may"}}`
				_, body := harness.Get(t, base+path)
				if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || body != want {
					t.Errorf("%s: %d, Retry-After %q, %s", path, resp.StatusCode, resp.Header.Get("Retry-After"), body)
				}
			}
			if _, resp, err := harness.TryDial(t, base, "r", true); err == nil || resp == nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
				t.Errorf("join: %v, %v", resp, err)
			}
			p.Send(`{"type":"message","message":"x","id":"1"}`)
			if o := p.Until("error"); o.Code != "unavailable" || o.ID != "1" {
				t.Errorf("message: %+v", o)
			}
		})
	}
}

// hollow is an error with a text, whose Unwrap panics.
type hollow struct{}

func (hollow) Error() string { return "hollow" }
func (hollow) Unwrap() error { panic("nothing inside") }

// TestReauthorizeGoesOn lets the authorizer misbehave while it is asked again about users of
// several rooms. No other user is left out, and the process does not end.
func TestReauthorizeGoesOn(t *testing.T) {
	t.Parallel()
	for name, misdeed := range map[string]func() error{
		"an error that panics when it is unwrapped": func() error { return hollow{} },
		"the end of the goroutine":                  func() error { runtime.Goexit(); return nil },
		"a panic":                                   func() error { panic("authorizer") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rooms = 6
			var late atomic.Bool
			srv, base := harness.Serve(t, harness.Quiet, harness.UserByHeader, chat.WithAuthorizer(func(_ context.Context, _ chat.User, room string, _ chat.Action) error {
				switch {
				case !late.Load():
					return nil
				case room < "r3":
					return misdeed()
				}
				return chat.Refuse("no longer allowed")
			}))
			var peers []*harness.Peer
			for i := range rooms {
				p := harness.Dial(t, base, fmt.Sprint("r", i), true, "as", "ann/Ann")
				p.Until("welcome")
				peers = append(peers, p)
			}
			late.Store(true)
			if err := srv.Reauthorize(context.Background(), "", "ann"); err != nil {
				t.Fatal(err)
			}
			for _, p := range peers[3:] {
				if code := p.Closed(); code != chat.CloseForbidden {
					t.Errorf("closed with %d", code)
				}
			}
			peers[0].Send(`{"type":"ping"}`)
			peers[0].Until("pong")
			// The sessions are asked about in any order, so perhaps the others' turn comes now.
			harness.Eventually(t, "a panic that is counted", func() bool { return srv.Stats().Panics > 0 })
		})
	}
}

// TestReauthorizeByFreshCredentials checks that the authorizer is asked about the user of the
// connection's latest token.
func TestReauthorizeByFreshCredentials(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, harness.Quiet, chat.WithAuthenticator(func(*http.Request) (chat.User, error) {
		return chat.User{ID: "ann", Value: "member"}, nil
	}), chat.WithTokenRefresh(func(_ context.Context, _ chat.User, token string) (chat.User, error) {
		return chat.User{ID: "ann", Value: token}, nil
	}), chat.WithAuthorizer(func(_ context.Context, u chat.User, _ string, _ chat.Action) error {
		if u.Value != "member" {
			return chat.Refuse("for members")
		}
		return nil
	}))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	p.Send(`{"type":"auth","token":"guest"}`)
	p.Send(`{"type":"ping"}`)
	p.Until("pong")
	if err := srv.Reauthorize(context.Background(), "r", "ann"); err != nil {
		t.Fatal(err)
	}
	if code := p.Closed(); code != chat.CloseForbidden {
		t.Errorf("closed with %d", code)
	}
}

// TestPresenceHookEndsGoroutine checks that the hook is still called for later users.
func TestPresenceHookEndsGoroutine(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	_, base := harness.Serve(t, harness.Quiet, chat.WithPresenceHook(func(context.Context, string, chat.Member, bool) {
		if calls.Add(1) <= 2 {
			runtime.Goexit()
		}
	}))
	for i := range 4 {
		harness.Dial(t, base, "r", true).Until("welcome")
		harness.Eventually(t, "the hook to be called", func() bool { return calls.Load() == int64(i+1) })
	}
}
