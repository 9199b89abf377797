package client_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/client"
)

// TestManyToken has a connection with rooms renew its token, and come back when the server has
// said in its goodbye. What a connection is told concerns no room.
func TestManyToken(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		if got, want := p.r.Header.Get("Authorization"), fmt.Sprint("Bearer t", 2*n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		p.say(hello)
		if n > 0 {
			p.want("type", "join", "rooms", map[string]any{"a": "e:0"})
			p.say(welcomeIn("a", "e:0", resumed))
			for o := p.hear(); o != nil; o = p.hear() {
				if o["type"] == "ping" {
					p.say(`{"type":"pong"}`)
				} else {
					p.say(in("a", ack(o, 1)))
				}
			}
			return
		}
		p.want("type", "join", "room", "a")
		p.say(welcomeIn("a", "e:0", ""), `{"type":"error","code":"token_expiring","message":"soon"}`)
		p.want("type", "auth", "room", nil, "token", "t1")
		o := p.want("type", "ping", "room", nil)
		p.say(fmt.Sprintf(`{"type":"pong","id":%q}`, o["id"]), `{"type":"goodbye","reason":"shutdown","retry_after_ms":5000}`)
		p.close(1001, "shutdown")
	}, func(f *fake) {
		tokens := 0
		var waits []time.Duration
		var users []string
		c := f.connect(client.WithTokenSource(func(context.Context) (string, error) {
			tokens++
			return fmt.Sprint("t", tokens-1), nil
		}), client.OnDisconnect(func(_ error, wait time.Duration) { waits = append(waits, wait) }),
			client.OnConnect(func(w client.Welcome) { users = append(users, w.User+" in "+w.Room) }))
		a := f.enter(c, "a")
		time.Sleep(time.Minute)
		a.send("x")
		c.Close()
		if len(waits) != 1 || waits[0] != 5*time.Second || fmt.Sprint(users) != "[me in  me in ]" {
			t.Errorf("came back after %v as %q", waits, users)
		}
	})
}
