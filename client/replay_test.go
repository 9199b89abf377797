package client_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// A replay over a slow network takes minutes. Meanwhile the server sends answers, which the
// client must not mistake for the end of the replay.

// slowPipe is a connection from which rate bytes per second can be read.
type slowPipe struct {
	net.Conn
	rate int
}

func (c slowPipe) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), 4<<10)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(c.rate))
	return n, err
}

// TestRepliesDuringReplay has requests answered before the rest of the replay, early and
// late, and then the connection cut.
func TestRepliesDuringReplay(t *testing.T) {
	for name, ask := range map[string]func(c *client.Room) error{
		"ping": func(c *client.Room) error { return c.Ping(context.Background()) },
		"auth": func(c *client.Room) error { return c.Auth(context.Background(), "fresh") },
		"history": func(c *client.Room) error {
			_, err := c.History(context.Background(), chat.Query{})
			return err
		},
		"send": func(c *client.Room) error { _, err := c.Send(context.Background(), "x"); return err },
	} {
		for _, late := range []time.Duration{0, 6 * time.Second, time.Hour} {
			t.Run(fmt.Sprint(name, late), func(t *testing.T) {
				var since []string
				inBubble(t, func(p *peer, n int) {
					since = append(since, p.since())
					p.welcome("e:9", resumed)
					if n == 0 {
						p.say(message(3, "a"))
					}
					for o := p.hear(); o != nil; o = p.hear() {
						switch o["type"] {
						case "ping":
							id, _ := o["id"].(string)
							p.say(fmt.Sprintf(`{"type":"pong","id":%q}`, id))
						case "history":
							p.say(fmt.Sprintf(`{"type":"history","messages":[%s],"first":1,"more":false,"request":%q}`, message(9, "z"), o["id"]))
						case "message":
							p.say(ack(o, 10))
						}
						if n == 0 && o["id"] != nil && o["type"] != "auth" {
							return // cut, which may lose the answer
						}
					}
				}, func(f *fake) {
					u := f.join(client.WithToken("t"), client.WithSince(chat.Position{Epoch: "e", Offset: 2}))
					time.Sleep(late)
					if err := ask(u.Room); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Minute)
					u.Close()
				})
				if want := "[e:2 e:3]"; fmt.Sprint(since) != want {
					t.Errorf("asked for %v, want %s", since, want)
				}
			})
		}
	}
}

// TestSlowReplay has a real server replay 5,000 entries over a slow link, while the
// client pings, sends fresh tokens and asks for history, and is cut off again and again.
func TestSlowReplay(t *testing.T) {
	const n, size, rate = 5000, 4000, 1 << 20
	synctest.Test(t, func(t *testing.T) {
		srv := chat.New(chat.WithLogger(quiet), chat.WithHistory(n+10), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: n + 10, Bytes: 1 << 30})),
			chat.WithAuthenticator(func(*http.Request) (chat.User, error) { return chat.User{ID: "u1"}, nil }))
		defer srv.Close()
		filling := strings.Repeat("x", size)
		for i := range n {
			if _, err := srv.Publish(t.Context(), "r", chat.Message{Text: fmt.Sprint(i, " ", filling)}); err != nil {
				t.Fatal(err)
			}
		}
		f := &fake{t: t}
		f.run(http.StripPrefix("/chat", srv), func(f *fake) {
			var mu sync.Mutex
			var conns []net.Conn
			c, err := f.dial(client.WithDialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := f.l.dial(ctx, network, addr)
				if err == nil {
					mu.Lock()
					conns = append(conns, conn)
					mu.Unlock()
					conn = slowPipe{conn, rate}
				}
				return conn, err
			}), client.WithToken("t"), client.OnGap(func(g client.Gap) { t.Errorf("gap %v", g) }))
			if err != nil {
				t.Fatal(err)
			}
			u := &user{c, t}
			ctx, cancel := context.WithCancel(t.Context())
			asked := make(chan struct{})
			go func() {
				defer close(asked)
				for ctx.Err() == nil {
					time.Sleep(6 * time.Second)
					c.Ping(ctx)
					c.Auth(ctx, "t")
					c.History(ctx, chat.Query{Limit: 1})
					mu.Lock()
					conns[len(conns)-1].Close()
					mu.Unlock()
				}
			}()
			for i := range n {
				if e := u.next(); !strings.HasPrefix(e.Text, fmt.Sprint(i, " ")) || e.Offset != uint64(i+1) {
					t.Fatalf("event %d is %.20q at %d", i, e.Text, e.Offset)
				}
			}
			cancel()
			<-asked
			mu.Lock()
			dialed := len(conns)
			mu.Unlock()
			if dialed < 3 {
				t.Errorf("%d connections", dialed)
			}
			// The last connection was cut just now. Fake time stands still while the websocket
			// library waits for a mutex, so no slow read may be under way when Close takes it.
			time.Sleep(time.Minute)
			c.Close()
		})
	})
}

// TestPlaceHasTime checks that the position of a reconnecting Conn has the time of its
// message, from the message or, if the Conn may not see it, from the welcome. So a server
// notices that its log has another message there.
func TestPlaceHasTime(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		since := p.r.URL.Query().Get("since")
		switch n {
		case 0:
			p.welcome("e:3", "")
			p.say(message(3, "x"))
		case 1:
			if want := "e:3:1767323045003"; since != want {
				t.Errorf("since %q, want %q", since, want)
			}
			p.welcome("e:9", resumed+`,"time":"2026-01-02T03:04:05.009Z"`)
			p.say(`{"type":"position","position":"e:9"}`)
		case 2:
			if want := "e:9:1767323045009"; since != want {
				t.Errorf("since %q, want %q", since, want)
			}
			p.welcome("e:9", resumed)
			p.hearAll()
			return
		}
		p.conn.CloseNow()
	}, func(f *fake) {
		u := f.join()
		time.Sleep(time.Minute)
		if at := u.Welcome().Position; at.Offset != 9 {
			t.Errorf("the Conn is at %v", at)
		}
		u.Close()
	})
}
