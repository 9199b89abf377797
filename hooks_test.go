package chat_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// misdeeds are ways in which a hook may misbehave.
var misdeeds = map[string]func() error{
	"panic":                     func() error { panic("secret") },
	"panic of an error":         func() error { panic(errors.New("secret")) },
	"http.ErrAbortHandler":      func() error { panic(http.ErrAbortHandler) },
	"nil pointer":               func() error { var e *chat.Event; e.Text = "secret"; return nil },
	"an error that panics":      func() error { var e *nilError; return e },
	"the end of the goroutine":  func() error { runtime.Goexit(); return nil },
	"a panic with a bad String": func() error { panic(badStringer{}) },
}

// nilError is a common mistake: an error that is not nil, but contains a nil pointer.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

type badStringer struct{}

func (badStringer) String() string { panic("secret") }

// misbehaving is a server whose hooks misbehave on demand.
type misbehaving struct {
	*chat.Server
	base string
	bad  atomic.Pointer[string] // the hook that misbehaves
}

func (h *misbehaving) set(hook string) { h.bad.Store(&hook) }

func newMisbehaving(t *testing.T, misdeed func() error, opts ...chat.Option) *misbehaving {
	h := &misbehaving{}
	h.set("")
	do := func(hook string) error {
		if *h.bad.Load() == hook {
			return misdeed()
		}
		return nil
	}
	h.Server, h.base = harness.Serve(t, append([]chat.Option{harness.Quiet,
		chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer fresh") {
				return chat.User{ID: "u1"}, do("refresh")
			}
			return chat.User{ID: "u1", Name: "of the authenticator"}, do("authenticator")
		}),
		chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
			return do("authorizer " + string(a))
		}),
		chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error { return do("filter") }),
		chat.WithModerator(func(context.Context, chat.User, string) bool {
			err := do("moderator")
			return err == nil || err.Error() == ""
		}),
		chat.WithReactionRule(func(r string) (string, error) { return r, do("reaction rule") }),
		chat.WithRoomRule(func(name string) (string, error) { return name, do("room rule") }),
		chat.WithUsernameRule(func(name string) (string, error) {
			return name, do(map[bool]string{true: "username rule", false: "rule of the client's name"}[strings.HasPrefix(name, "of")])
		}),
	}, opts...)...)
	return h
}

// TestHookFailsRequests lets each hook misbehave in each way while a request is answered. The
// answer is 500, and everything that the request had taken is released.
func TestHookFailsRequests(t *testing.T) {
	t.Parallel()
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newMisbehaving(t, misdeed, chat.WithMaxConnections(1), chat.WithMaxConnectionsPerAddress(1),
				chat.WithMaxConnectionsPerUser(1), chat.WithMaxRooms(1), chat.WithMaxMembers(1))
			asked := uint64(0)
			for _, row := range []struct{ hook, path string }{
				{"authenticator", ""}, {"authorizer join", ""}, {"room rule", ""}, {"username rule", ""}, {"rule of the client's name", ""},
				{"authenticator", "/rooms"}, {"authorizer list", "/rooms"},
				{"authenticator", "/unread"}, {"authorizer read", "/unread?room=a"}, {"room rule", "/unread?room=a"},
				{"authenticator", "/rooms/r/messages"}, {"authorizer read", "/rooms/r/messages"}, {"room rule", "/rooms/r/messages"},
				{"authorizer members", "/rooms/r/members"},
			} {
				good := harness.Dial(t, h.base, "r", true, "username", "Ann")
				good.Until("welcome")
				h.set(row.hook)
				if row.path != "" {
					status, body := harness.Get(t, h.base+row.path)
					checkInternal(t, row.hook+" "+row.path, status, body)
					asked++
				}
				h.set("")
				good.Conn.Close(1000, "")
				harness.Eventually(t, "the connection to be released", func() bool { return h.Stats().Connections == 0 && h.Stats().Rooms == 0 })
				if row.path != "" {
					continue
				}
				h.set(row.hook)
				for range 3 {
					c, err := rawRequest(h.base, "/ws/r?username=Ann")
					if err != nil {
						t.Fatalf("%s: %v", row.hook, err)
					}
					checkInternal(t, row.hook, c.Response.StatusCode, c.Body)
					c.Close()
					asked++
				}
				h.set("")
			}
			good := harness.Dial(t, h.base, "r", true, "username", "Ann")
			good.Until("welcome")
			if s := h.Stats(); s.Panics != asked || s.Connections != 1 || s.Rooms != 1 || s.Members != 1 {
				t.Errorf("after %d misdeeds: %+v", asked, s)
			}
		})
	}
}

func checkInternal(t *testing.T, what string, status int, body string) {
	t.Helper()
	if want := `{"error":{"code":"internal","message":"internal error"}}`; status != 500 || strings.TrimSpace(body) != want {
		t.Errorf("%s: %d %s", what, status, body)
	}
}

// TestHookFailsOnSocket lets hooks misbehave while a connection is live. The sender gets an
// error and stays. Only a hook that ends the goroutine ends the connection.
func TestHookFailsOnSocket(t *testing.T) {
	t.Parallel()
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newMisbehaving(t, misdeed, chat.WithMaxConnections(2))
			w := harness.Watch(t, h.base, "r")
			for _, row := range []struct{ hook, object, code string }{
				{"filter", `{"type":"message","message":"x","id":"1"}`, "rejected"},
				{"authorizer send", `{"type":"message","message":"x","id":"1"}`, "forbidden"},
				{"authorizer private", `{"type":"private","to":"u1","message":"x","id":"1"}`, "forbidden"},
				{"authorizer typing", `{"type":"typing","id":"1"}`, "forbidden"},
				{"authorizer edit", `{"type":"edit","target":1,"message":"x","id":"1"}`, "forbidden"},
				{"authorizer delete", `{"type":"delete","target":1,"id":"1"}`, "forbidden"},
				{"authorizer react", `{"type":"reaction","target":1,"reaction":"x","id":"1"}`, "forbidden"},
				{"authorizer mark", `{"type":"read","offset":1,"id":"1"}`, "forbidden"},
				{"authorizer signal", `{"type":"signal","name":"x","id":"1"}`, "forbidden"},
				{"filter", `{"type":"edit","target":1,"message":"x","id":"1"}`, "rejected"},
				{"reaction rule", `{"type":"reaction","target":1,"reaction":"x","id":"1"}`, "rejected"},
				{"moderator", `{"type":"delete","target":1,"id":"1"}`, "no_such_message"},
				{"authorizer read", `{"type":"history","id":"1"}`, "forbidden"},
				{"refresh", `{"type":"auth","token":"fresh","id":"1"}`, "auth_failed"},
			} {
				p := harness.Dial(t, h.base, "r", true)
				p.Until("welcome")
				h.set(row.hook)
				p.Send(row.object)
				if name == "the end of the goroutine" {
					if code := p.Closed(); code != 1011 {
						t.Errorf("%s: closed with %d", row.hook, code)
					}
				} else if o := p.Until("error"); o.Code != row.code || o.ID != "1" || strings.Contains(o.Message, "secret") {
					t.Errorf("%s: %+v", row.hook, o)
				}
				h.set("")
				if name != "the end of the goroutine" {
					p.Send(`{"type":"ping"}`)
					p.Until("pong")
					p.Conn.Close(1000, "")
				}
				harness.Eventually(t, "the connection to be released", func() bool { return h.Stats().Connections == 1 })
			}
			h.set("filter")
			done := make(chan struct{})
			go func() { // the hook may end this goroutine
				defer close(done)
				if _, err := h.Publish(context.Background(), "r", chat.Message{Text: "x"}); !errors.Is(err, chat.ErrRejected) {
					t.Errorf("Publish: %v", err)
				}
			}()
			<-done
			h.set("")
			if s := h.Stats(); s.Panics != 15 {
				t.Errorf("counted %d", s.Panics)
			}
			w.Check(nil)
		})
	}
}

// TestRulesThatReturnNonsense lets rules return invalid names, and errors of every kind. The
// status is as the options say, and the name is used nowhere.
func TestRulesThatReturnNonsense(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what string
		name string
		err  error
	}{
		{"not UTF-8", "a\xff", nil},
		{"cut inside a character", "a\xe2\x82", nil},
		{"far too long", strings.Repeat("x", 1000), nil},
		{"an error of its own", "", errors.New("no such name")},
		{"a canceled context", "", context.Canceled},
		{"the server's own errors", "", chat.ErrServerClosed},
		{"too many", "", chat.ErrTooMany},
		{"an error that is not UTF-8", "", errors.New("no\xff")},
	} {
		rule := func(name string) (string, error) { return row.name, row.err }
		srv, base := harness.Serve(t, harness.Quiet, chat.WithMaxConnections(1), chat.WithUsernameRule(rule))
		for range 2 {
			c, err := rawRequest(base, "/ws/r?username=x")
			if err != nil {
				t.Fatal(err)
			}
			if c.Response.StatusCode != 400 || !strings.Contains(c.Body, `"bad_name"`) {
				t.Errorf("username: %s: %d %s", row.what, c.Response.StatusCode, c.Body)
			}
			c.Close()
		}
		if n := srv.Stats().Connections; n != 0 {
			t.Errorf("%d connections", n)
		}
		srv, base = harness.Serve(t, harness.Quiet, chat.WithRoomRule(rule))
		if status, body := harness.Get(t, base+"/rooms/x/messages"); status != 400 || !strings.Contains(body, `"bad_room"`) {
			t.Errorf("room: %s: %d %s", row.what, status, body)
		}
		if _, err := srv.Publish(context.Background(), "x", chat.Message{Text: "x"}); !errors.Is(err, chat.ErrBadName) {
			t.Errorf("room: %s: %v", row.what, err)
		} else if row.err != nil && !errors.Is(err, row.err) {
			t.Errorf("room: %s: %v does not wrap %v", row.what, err, row.err)
		}
		// The names of an authenticator's users go through the rule too, but are not refused.
		_, base = harness.Serve(t, harness.Quiet, chat.WithUsernameRule(func(name string) (string, error) {
			if name == "" {
				return "", nil
			}
			return rule(name)
		}), chat.WithAuthenticator(func(*http.Request) (chat.User, error) { return chat.User{ID: "u1", Name: "x\u202e"}, nil }))
		if o := harness.Dial(t, base, "r", true).Until("welcome"); o.Username != "x" {
			t.Errorf("authenticator's name: %s: %+q", row.what, o.Username)
		}
	}
}

// TestRefusalsAreCut uses a hook whose error is too long and not UTF-8.
func TestRefusalsAreCut(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithFilter(func(_ context.Context, _ chat.User, _ string, e *chat.Message) error {
		return chat.Refuse(fmt.Sprintf("\xff%s", strings.Repeat("é", 1<<20)))
	}))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	p.Send(`{"type":"message","message":"x"}`)
	o := p.Until("error")
	if o.Code != "rejected" || len(o.Message) > 1024 || len(o.Message) < 1000 || strings.Trim(o.Message, "\ufffdé") != "" || strings.Count(o.Message, "\ufffd") != 1 {
		t.Errorf("%s: %d bytes: %.20q", o.Code, len(o.Message), o.Message)
	}
}

// rawRequest sends a handshake, and returns the answer.
func rawRequest(base, path string) (*wsconf.Conn, error) {
	return wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake(path, harness.OfferV1), time.Now().Add(harness.Patience))
}
