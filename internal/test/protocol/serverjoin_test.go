package protocol

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
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// users takes the user from the parameter as, and calls before first.
func users(before func()) chat.Option {
	return chat.WithAuthenticator(func(r *http.Request) (chat.User, error) {
		before()
		return chat.User{ID: r.URL.Query().Get("as")}, nil
	})
}

// present returns the number of users in a room.
func present(t testing.TB, srv *chat.Server, room string) int {
	t.Helper()
	_, n, err := srv.Members(context.Background(), room, 0)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestServerJoin has the server's program put users into rooms, and take them out.
func TestServerJoin(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	runProtocol(t, []sentence{
		{"the client gets a welcome that it has not asked for, and no question is put to the authorizer", func(t *testing.T) {
			var asked atomic.Int64
			k := newTalk(t, harness.UserByHeader, chat.WithAuthorizer(func(context.Context, chat.User, string, chat.Action) error {
				asked.Add(1)
				return chat.Refuse("no")
			}))
			harness.Publish(t, k.srv, "a", "one")
			p := harness.Dial(t, k.base, harness.Many, true, "as", "u1/Ann")
			p.Until("hello")
			if err := k.srv.Join(ctx, "u1", " a "); !errors.Is(err, chat.ErrBadName) {
				t.Error(err)
			}
			if err := k.srv.Join(ctx, "u1", "a"); err != nil {
				t.Error(err)
			}
			w := p.Text()
			if !strings.HasPrefix(w, `{"type":"welcome","room":"a",`) || strings.Contains(w, `"id"`) {
				t.Error(w)
			}
			harness.Expect(t, "history", in(p.Next()), "a: message 1 one")
			harness.Expect(t, "questions", asked.Load(), 0)
			k.srv.Join(ctx, "u1", "a") // a second time changes nothing
			k.srv.Leave(ctx, "u2", "a")
			k.srv.Leave(ctx, "u1", "b")
			harness.Publish(t, k.srv, "a", "two")
			harness.Expect(t, "live", in(p.Next()), "a: message 2 two")
			k.srv.Leave(ctx, "u1", "a")
			harness.Expect(t, "left", p.Text(), `{"type":"left","room":"a","code":1000,"reason":""}`)
			harness.Eventually(t, "u1 to be out", func() bool { return present(t, k.srv, "a") == 0 })
		}},
		{"every connection with many rooms joins, and no other", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader)
			one := harness.Dial(t, k.base, "b", true, "as", "u1")
			other := harness.Dial(t, k.base, harness.Many, true, "as", "u2")
			var mine []*harness.Peer
			for range 3 {
				p := harness.Dial(t, k.base, harness.Many, true, "as", "u1")
				p.Until("hello")
				mine = append(mine, p)
			}
			k.srv.Join(ctx, "u1", "a")
			k.srv.Join(ctx, "nobody", "a")
			for _, p := range mine {
				p.Until("welcome")
			}
			list, n, err := k.srv.Members(ctx, "a", 10)
			if err != nil || n != 1 || list[0].Connections != 3 {
				t.Errorf("%+v, %d, %v", list, n, err)
			}
			for _, p := range []*harness.Peer{one, other} {
				for _, o := range settle(p) {
					if o.Room == "a" {
						t.Errorf("%+v", o)
					}
				}
			}
			k.srv.Leave(ctx, "u1", "b")
			harness.Expect(t, "a connection in one room is closed with", one.Closed(), 1000)
		}},
		{"over a shared log, the user may be on any server", func(t *testing.T) {
			log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})
			near, far := newTalk(t, harness.UserByHeader, chat.WithLog(log)), newTalk(t, harness.UserByHeader, chat.WithLog(log))
			p := harness.Dial(t, far.base, harness.Many, true, "as", "u1")
			p.Until("hello")
			harness.Publish(t, near.srv, "a", "one")
			near.srv.Join(ctx, "u1", "a")
			p.Until("welcome")
			harness.Expect(t, "history", in(p.Next()), "a: message 1 one")
			near.srv.Leave(ctx, "u1", "a")
			p.Until("left")
			near.srv.Join(ctx, "u1", "a")
			p.Until("welcome")
			far.srv.Disconnect(ctx, "u1", chat.Disconnect{Room: "a", Code: chat.CloseForbidden})
			harness.Expect(t, "left", in(p.Until("left")), `a: left 4003 4003 ""`)
		}},
		{"at the limit of rooms the client is told, and stays as it is", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader, chat.WithMaxJoinedRooms(2))
			p := harness.Dial(t, k.base, harness.Many, true, "as", "u1")
			p.Until("hello")
			for _, room := range []string{"a", "b"} {
				k.srv.Join(ctx, "u1", room)
				p.Until("welcome")
			}
			k.srv.Join(ctx, "u1", "c")
			harness.Expect(t, "answer", in(p.Next()), "c: error too_many")
			harness.Expect(t, "in c", present(t, k.srv, "c"), 0)
			does(p, `{"type":"message","room":"a","message":"m"}`, "message 1 m")
		}},
		{"the presence hook is told of it", func(t *testing.T) {
			changes := make(chan string, 10)
			k := newTalk(t, harness.UserByHeader, chat.WithPresenceHook(func(_ context.Context, room string, m chat.Member, here bool) {
				changes <- fmt.Sprint(room, " ", m.UserID, " ", here)
			}))
			p := harness.Dial(t, k.base, harness.Many, true, "as", "u1")
			p.Until("hello")
			k.srv.Join(ctx, "u1", "a")
			harness.Expect(t, "change", <-changes, "a u1 true")
			k.srv.Leave(ctx, "u1", "a")
			harness.Expect(t, "change", <-changes, "a u1 false")
		}},
		{"commands count in their order", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				p := b.Dial(harness.Many, true, "as=u1")
				p.Until("hello")
				for i := range 20 {
					b.Server.Join(ctx, "u1", "a")
					b.Server.Leave(ctx, "u1", "a")
					synctest.Wait()
					if n := present(t, b.Server, "a"); n != 0 {
						t.Fatalf("round %d: %d users after a Leave", i, n)
					}
					b.Server.Join(ctx, "u1", "a")
					b.Server.Leave(ctx, "u1", "a")
					b.Server.Join(ctx, "u1", "a")
					synctest.Wait()
					if n := present(t, b.Server, "a"); n != 1 {
						t.Fatalf("round %d: %d users after a Join", i, n)
					}
					b.Server.Leave(ctx, "u1", "a")
					b.Server.Join(ctx, "u1", "a")
					b.Server.Disconnect(ctx, "u1", chat.Disconnect{Room: "a"})
					synctest.Wait()
					if n := present(t, b.Server, "a"); n != 0 {
						t.Fatalf("round %d: %d users after a Disconnect", i, n)
					}
				}
				p.Send(`{"type":"ping","id":"end"}`)
				for o := p.Next(); o.Type != "pong"; o = p.Next() {
					if o.Type != "welcome" && o.Type != "left" {
						t.Errorf("%+v", o)
					}
				}
			}, harness.UserByHeader)
		}},
		{"commands during a handshake count in their order, and are no limit to it", func(t *testing.T) {
			inside, goOn := make(chan bool), make(chan bool)
			var held atomic.Bool
			k := newTalk(t, users(func() {
				if held.Load() {
					inside <- true
					<-goOn
				}
			}))
			const rooms = 30
			long := strings.Repeat("x", 10_000)
			for i := range rooms {
				harness.Publish(t, k.srv, fmt.Sprint("r", i), long)
			}
			held.Store(true)
			dialed := make(chan *harness.Peer, 1)
			go func() {
				p, _, err := harness.TryDial(t, k.base, harness.Many, true, "as", "u1")
				if err != nil {
					t.Error(err)
				}
				dialed <- p
			}()
			<-inside
			for i := range rooms {
				k.srv.Join(ctx, "u1", fmt.Sprint("r", i))
			}
			k.srv.Leave(ctx, "u1", "r0")
			goOn <- true
			var p *harness.Peer
			select {
			case p = <-dialed:
			case <-time.After(harness.Patience / 4):
				t.Fatal("the handshake hangs")
			}
			p.Until("hello")
			for range rooms - 1 {
				p.Until("welcome")
			}
			harness.Eventually(t, "u1 to be out of the first room", func() bool { return present(t, k.srv, "r0") == 0 })
		}},
		{"while the client comes and goes itself, one of the two wins", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader)
			p := harness.Dial(t, k.base, harness.Many, true, "as", "u1")
			p.Until("hello")
			var wg sync.WaitGroup
			for _, do := range []func(context.Context, string, string) error{k.srv.Join, k.srv.Leave} {
				wg.Go(func() {
					for range 200 {
						do(ctx, "u1", "a")
					}
				})
			}
			wg.Go(func() {
				for i := range 90 {
					p.Send(`{"type":"join","room":"a"}`)
					p.Send(fmt.Sprintf(`{"type":"message","room":"a","message":"m","id":"%d"}`, i))
					p.Send(`{"type":"leave","room":"a"}`)
					p.Send(`{"type":"ping"}`) // an answer without error
				}
				wg.Done()
			})
			wg.Add(1)
			go func() {
				wg.Wait()
				p.Send(`{"type":"ping","id":"end"}`)
			}()
			inside := false
			for o := p.Next(); o.ID != "end"; o = p.Next() {
				switch o.Type {
				case "welcome":
					if inside {
						t.Error("a welcome twice")
					}
					inside = true
				case "left":
					if !inside {
						t.Error("left twice")
					}
					inside = false
				case "message", "system", "ack":
					if !inside {
						t.Errorf("%+v comes after left", o)
					}
				}
			}
			k.srv.Leave(ctx, "u1", "a")
			harness.Eventually(t, "u1 to be out", func() bool { return present(t, k.srv, "a") == 0 && k.srv.Stats().Members == 0 })
		}},
		{"while the server shuts down nobody joins", func(t *testing.T) {
			k := newTalk(t, harness.UserByHeader)
			p := harness.Dial(t, k.base, harness.Many, true, "as", "u1")
			p.Until("hello")
			done := make(chan error, 1)
			go func() { done <- k.srv.Shutdown(ctx) }()
			var err error
			for i := 0; err == nil; i++ {
				err = k.srv.Join(ctx, "u1", fmt.Sprint("r", i))
			}
			if !errors.Is(err, chat.ErrServerClosed) {
				t.Error(err)
			}
			p.Until("goodbye")
			harness.Expect(t, "code", p.Closed(), 1001)
			if err := <-done; err != nil {
				t.Error(err)
			}
			harness.Expect(t, "members", k.srv.Stats().Members, 0)
		}},
	})
}
