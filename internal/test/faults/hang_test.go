package faults

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestFollowEnds closes the server while Follow waits, and while the log fails.
func TestFollowEnds(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		l := &stuck{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})}
		srv, _ := harness.Serve(t, harness.Quiet, chat.WithLog(l))
		harness.Publish(t, srv, "r", "x")
		got := make(chan error, 1)
		go func() {
			var last error
			for _, err := range srv.Follow(context.Background(), "r", chat.Position{}) {
				last = err
				select {
				case got <- err:
				default:
				}
			}
			got <- last
			close(got)
		}()
		harness.Eventually(t, "the room", func() bool { return srv.Stats().Rooms == 1 })
		if fails {
			l.fail.Store(true)
			for i := 0; ; i++ {
				harness.Publish(t, srv, "r", "for Follow to read") // whose first read may have failed
				if err := <-got; errors.Is(err, chat.ErrUnavailable) {
					break
				} else if i == 2 || err != nil {
					t.Fatalf("got %v", err)
				}
			}
		}
		srv.Close()
		timeout := time.After(harness.Patience)
		for last := error(nil); ; {
			select {
			case err, ok := <-got:
				if ok {
					last = err
					continue
				}
				if !errors.Is(last, chat.ErrServerClosed) {
					t.Errorf("fails %v: the last error is %v", fails, last)
				}
			case <-timeout:
				t.Fatalf("fails %v: Follow does not end", fails)
			}
			break
		}
	}
}

// stuck is a log that on demand fails, or hangs in Open whatever its context says. It can also
// block Enter.
type stuck struct {
	chat.Log
	fail  atomic.Bool
	open  chan struct{}
	enter chan chan struct{}
}

func (l *stuck) Open(ctx context.Context, s chatlog.Sink) error {
	if l.open != nil {
		<-l.open
	}
	return l.Log.Open(ctx, s)
}

func (l *stuck) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	if l.fail.Load() {
		return chatlog.Page{}, errors.New("no answer")
	}
	return l.Log.Read(ctx, room, r)
}

func (l *stuck) Enter(ctx context.Context, server, room string, m chatlog.Member) (bool, error) {
	if l.enter != nil {
		c := make(chan struct{})
		l.enter <- c
		<-c
	}
	return l.Log.Enter(ctx, server, room, m)
}

// TestOpenHangs starts a server whose log does not return from Open. Each client gets 503 after
// the log timeout, however many came before. Close is not delayed. When the log answers,
// everything works.
func TestOpenHangs(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})
	synctest.Test(t, func(t *testing.T) {
		l := &stuck{Log: log, open: make(chan struct{})}
		srv := chat.New(harness.Quiet, chat.WithLog(l))
		ask := func() time.Duration {
			start := time.Now()
			if _, err := srv.Publish(context.Background(), "r", chat.Message{Text: "x"}); !errors.Is(err, chat.ErrUnavailable) {
				t.Errorf("Publish: %v", err)
			}
			return time.Since(start)
		}
		for range 5 {
			for range 10 {
				go func() {
					if d := ask(); d != 2*time.Second {
						t.Errorf("an answer after %v", d)
					}
				}()
			}
			time.Sleep(700 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		close(l.open)
		synctest.Wait()
		harness.Publish(t, srv, "r", "x")
		srv.Close()

		l = &stuck{Log: log, open: make(chan struct{})}
		srv = chat.New(harness.Quiet, chat.WithLog(l))
		ask()
		start := time.Now()
		srv.Close()
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("Close took %v", d)
		}
		close(l.open)
		synctest.Wait()
	})
}

// TestDisconnectDuringHandshake denies a user and disconnects the user, on this server or on
// another, while a hook or the log delays the user's handshake.
func TestDisconnectDuringHandshake(t *testing.T) {
	t.Parallel()
	for _, held := range []string{"authenticator", "authorizer", "log"} {
		for _, remote := range []bool{false, true} {
			for _, how := range []string{"Disconnect", "authorizer", "both"} {
				if held != "log" && how == "authorizer" {
					continue // the authorizer was asked before the denial, and is not asked again
				}
				memory := chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})
				l := &stuck{Log: memory}
				enter := make(chan chan struct{})
				if held == "log" {
					l.enter = enter
				}
				var denied atomic.Bool
				wait := func(place string) {
					if place == held {
						c := make(chan struct{})
						enter <- c
						<-c
					}
				}
				srv, base := harness.Serve(t, harness.Quiet, chat.WithLog(l), chat.WithLogTimeout(harness.Patience), chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
					wait("authenticator")
					return chat.User{ID: "u1"}, nil
				}), chat.WithAuthorizer(func(context.Context, chat.User, string, chat.Action) error {
					if denied.Load() {
						return chat.Refuse("banned")
					}
					wait("authorizer")
					return nil
				}))
				other, _ := harness.Serve(t, harness.Quiet, chat.WithLog(memory))
				harness.Publish(t, other, "r", "not for banned users")
				go func() {
					for c := range enter { // also the second question
						if how != "Disconnect" {
							denied.Store(true)
						}
						if how != "authorizer" {
							s := srv
							if remote {
								s = other
							}
							if err := s.Disconnect(context.Background(), "u1", chat.Disconnect{Code: chat.CloseForbidden, Reason: "banned"}); err != nil {
								t.Error(err)
							}
						}
						close(c)
					}
				}()
				name := strings.Join([]string{held, how}, ", ")
				p, resp, err := harness.TryDial(t, base, "r", true)
				if err != nil {
					if resp == nil || resp.StatusCode != 403 || how == "Disconnect" {
						t.Errorf("%s: %v, %v", name, resp, err)
					}
				} else {
					o, err := p.Read()
					if err == nil || harness.CloseCode(err) != 4003 {
						t.Errorf("%s: %+v, %v", name, o, err)
					}
				}
				harness.Eventually(t, name+": the connection and the room to end", func() bool { s := srv.Stats(); return s.Connections == 0 && s.Rooms == 0 })
				close(enter)
			}
		}
	}
}
