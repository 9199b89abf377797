package chat_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// TestClosingWithHangingHook has a filter that never returns. Shutdown returns soon after its
// context ends, and Close within its own limit.
func TestClosingWithHangingHook(t *testing.T) {
	for _, closing := range []string{"Shutdown", "Close"} {
		t.Run(closing, func(t *testing.T) {
			leave := make(chan struct{})
			harness.InBubble(t, func(b *harness.Bubble) {
				leave = make(chan struct{})
				defer func() { close(leave); synctest.Wait() }()
				p := b.Dial("r", true, "")
				p.Until("welcome")
				p.Send(`{"type":"message","message":"x"}`)
				synctest.Wait()
				start := time.Now()
				limit := 5 * time.Second
				if closing == "Shutdown" {
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					defer cancel()
					if err := b.Shutdown(ctx); err != context.DeadlineExceeded {
						t.Errorf("Shutdown: %v", err)
					}
					limit = 1500 * time.Millisecond
				} else {
					b.Close()
				}
				if d := time.Since(start); d > limit {
					t.Errorf("took %v", d)
				}
			}, harness.Quiet, chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error { <-leave; return nil }))
		})
	}
}

// handlerFunc is a log handler.
type handlerFunc func()

func (handlerFunc) Enabled(context.Context, slog.Level) bool    { return true }
func (h handlerFunc) Handle(context.Context, slog.Record) error { h(); return nil }
func (h handlerFunc) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h handlerFunc) WithGroup(string) slog.Handler             { return h }

// TestClosingFromInside calls Shutdown and Close from hooks, the logger, the log and a loop over
// Follow. They do not wait for themselves, and everything ends.
func TestClosingFromInside(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"authenticator", "filter", "authorizer", "logger", "follow", "Append", "Positions"} {
		for _, closing := range []string{"Shutdown", "Close"} {
			var srv *chat.Server
			var once atomic.Bool
			returned := make(chan struct{})
			end := func(place string) {
				if place != from || once.Swap(true) {
					return
				}
				if closing == "Close" {
					srv.Close()
				} else if err := srv.Shutdown(context.Background()); err != nil {
					t.Errorf("Shutdown from %s: %v", from, err)
				}
				close(returned)
			}
			opts := []chat.Option{chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
				end("authenticator")
				if r.URL.Query().Has("nobody") {
					return chat.User{}, errors.New("nobody")
				}
				return chat.User{ID: "u1"}, nil
			}), chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error {
				end("filter")
				return nil
			}), chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
				if a == chat.ActionTyping {
					end("authorizer")
				}
				return nil
			}), chat.WithLogger(slog.New(handlerFunc(func() { end("logger") })))}
			if from[0] < 'a' {
				l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 10}), Wrong: func() { end(from) }}
				l.Set(from)
				opts = append(opts, chat.WithLog(l))
			}
			srv, base := harness.Serve(t, opts...)
			if from == "follow" {
				go func() {
					for range srv.Follow(context.Background(), "r", chat.Position{}) {
						end("follow")
						return
					}
				}()
				harness.Eventually(t, "the room", func() bool { return srv.Stats().Rooms == 1 })
			}
			if from == "authenticator" {
				harness.Get(t, base+"/rooms")
			} else {
				p := harness.Dial(t, base, "r", true)
				p.Until("welcome")
				if from == "logger" {
					harness.Get(t, base+"/rooms?nobody")
				}
				if from == "authorizer" {
					p.Send(`{"type":"typing"}`)
				}
				p.Send(`{"type":"message","message":"x"}`)
				p.Closed()
			}
			select {
			case <-returned:
			case <-time.After(harness.Patience):
				t.Fatalf("%s from %s waits for itself", closing, from)
			}
			harness.Eventually(t, "the end", func() bool { return srv.Stats().Connections == 0 })
		}
	}
}

// TestClosingBesideHook has a hook that starts a goroutine that closes the server, and waits for
// it. The server cannot know that the goroutine belongs to the hook. So it waits for the
// connection of that hook until its time limit.
func TestClosingBesideHook(t *testing.T) {
	for _, closing := range []string{"Shutdown", "Close"} {
		t.Run(closing, func(t *testing.T) {
			var srv *chat.Server
			var took time.Duration
			var failed error
			harness.InBubble(t, func(b *harness.Bubble) {
				srv = b.Server
				p := b.Dial("r", true, "")
				p.Until("welcome")
				p.Send(`{"type":"message","message":"x"}`)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if closing == "Shutdown" && (failed != context.DeadlineExceeded || took < 3*time.Second || took > 3500*time.Millisecond) {
					t.Errorf("%v after %v", failed, took)
				}
				if closing == "Close" && (failed != nil || took != 4*time.Second) {
					t.Errorf("%v after %v", failed, took)
				}
				if n := b.Stats().Connections; n != 0 {
					t.Errorf("%d connections", n)
				}
			}, harness.Quiet, chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error {
				start, done := time.Now(), make(chan struct{})
				go func() {
					defer close(done)
					if closing == "Close" {
						failed = srv.Close()
						return
					}
					ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
					defer cancel()
					failed = srv.Shutdown(ctx)
				}()
				<-done
				took = time.Since(start)
				return nil
			}))
		})
	}
}

// TestShutdownOfMany has cooperative, silent and stuck connections.
func TestShutdownOfMany(t *testing.T) {
	const members = 500                                                                                        // all answer within wsconn.CloseTimeout, also on busy machines
	srv, base := harness.Serve(t, chat.WithPing(harness.Patience, harness.Patience), chat.WithPresenceSize(1)) // otherwise notices are most of the work
	var peers []*harness.Peer
	for i := range members {
		peers = append(peers, harness.Dial(t, base, fmt.Sprint("room", i%7), i%2 == 0))
	}
	var wg sync.WaitGroup
	for i, p := range peers {
		if i%10 == 9 {
			continue // reads nothing, and does not answer a close
		}
		wg.Go(func() {
			bye := false
			for {
				o, err := p.Read()
				if err == nil {
					bye = bye || o.Type == "goodbye"
					continue
				}
				if code := harness.CloseCode(err); code != 1001 {
					t.Errorf("member %d: closed with %d (%v)", i, code, err)
				}
				if bye != (i%2 == 0) {
					t.Errorf("member %d: goodbye %v", i, bye)
				}
				return
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	start := time.Now()
	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	t.Logf("shutdown took %v", time.Since(start))
	wg.Wait()
	resp, err := http.Get(base + "/rooms")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("after shutdown: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	if err := srv.Shutdown(ctx); err != nil {
		t.Errorf("second Shutdown: %v", err)
	}
	if _, err := srv.Publish(ctx, "r", chat.Message{Text: "x"}); !errors.Is(err, chat.ErrServerClosed) {
		t.Errorf("Publish after Shutdown: %v", err)
	}
}

// TestLastWords has clients that send a message and a close frame and then drop the connection,
// with bytes unread. So the server's writes fail. The message is stored, and the members leave
// immediately.
func TestLastWords(t *testing.T) {
	const clients = 150
	srv, base := harness.Serve(t, harness.Quiet, chat.WithLeaveGrace(time.Hour), chat.WithHistory(0), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000})))
	for i := range clients {
		c := harness.RawDial(t, base, "/ws/r", harness.OfferV1)
		harness.Publish(t, srv, "r", "noise")
		c.Write(append(wsconf.Frame(wsconf.Fin|wsconf.Text, fmt.Sprintf(`{"type":"message","message":"last %d"}`, i)), wsconf.Frame(wsconf.Fin|wsconf.Close, "\x03\xe8")...))
		c.Close()
		harness.Publish(t, srv, "r", "noise")
	}
	harness.Eventually(t, "all members to leave", func() bool {
		_, n, err := srv.Members(t.Context(), "r", 0)
		return err == nil && n == 0
	})
	page, err := srv.History(t.Context(), "r", chat.Query{Before: 0, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(3 * clients); page.Position.Offset != want {
		t.Errorf("%d messages, want %d", page.Position.Offset, want)
	}
}
