package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/client"
)

// TestManyRooms joins two rooms over one connection, loses it, and comes back into both with
// one object, each at its place. What was not acknowledged is sent again, each to its room and
// in its order.
func TestManyRooms(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		if p.r.URL.Path != "/chat/ws" || p.r.URL.Query().Has("since") {
			t.Errorf("asked for %s", p.r.URL)
		}
		p.say(hello)
		switch n {
		case 0:
			p.want("type", "join", "room", "a", "since", nil)
			p.say(welcomeIn("a", "e:1", ""), in("a", message(1, "a1")))
			p.want("type", "join", "room", "b", "since", "f:7")
			p.say(welcomeIn("b", "f:8", resumed), in("b", message(8, "b8")), in("c", message(1, "not joined")), in("a", message(2, "a2")), message(3, "of no room"))
			for _, room := range []string{"a", "a", "b"} {
				p.want("type", "message", "room", room)
			}
		case 1:
			p.want("type", "join", "room", nil, "rooms", map[string]any{"a": "e:2:1767323045002", "b": "f:8:1767323045008"})
			p.say(welcomeIn("b", "f:9", resumed), in("b", message(9, "b9")))
			o := p.want("type", "message", "room", "b", "message", "to b")
			p.say(in("b", ack(o, 10)), welcomeIn("a", "e:3", resumed), in("a", message(2, "a2 again")), in("a", message(3, "a3")))
			for i, text := range []string{"to a 0", "to a 1"} {
				o := p.want("type", "message", "room", "a", "message", text)
				p.say(in("a", ack(o, 4+i)))
			}
			p.hearAll()
		}
	}, func(f *fake) {
		c := f.connect()
		a := f.enter(c, "a")
		b := f.enter(c, "b", client.WithSince(chat.Position{Epoch: "f", Offset: 7}))
		if w := c.Welcome(); w.User != "me" || w.Session != "s1" || w.Limits.Rooms != 100 || !c.Connected() {
			t.Errorf("welcome %+v, connected %t", w, c.Connected())
		}
		offsets := make(chan uint64, 3)
		for i := range 2 {
			go func() { offsets <- a.send(fmt.Sprint("to a ", i)) }()
			synctest.Wait()
		}
		go func() { offsets <- b.send("to b") }()
		if got := a.texts(3); !cmp.Equal(got, []string{"a1", "a2", "a3"}) {
			t.Errorf("a has %q", got)
		}
		if got := b.texts(2); !cmp.Equal(got, []string{"b8", "b9"}) {
			t.Errorf("b has %q", got)
		}
		sum := uint64(0)
		for range 3 {
			sum += <-offsets
		}
		if sum != 10+4+5 {
			t.Errorf("the offsets make %d", sum)
		}
		if n := len(f.gaps()); n != 1 {
			t.Errorf("%d reconnects", n)
		}
		c.Close()
		if a.ended() != client.ErrClosed || b.ended() != client.ErrClosed || c.Connected() {
			t.Error("a room goes on after Close")
		}
		if _, err := c.Join(context.Background(), "a"); err != client.ErrClosed {
			t.Errorf("Join after Close: %v", err)
		}
		if _, err := c.Accept(context.Background()); err != client.ErrClosed {
			t.Errorf("Accept after Close: %v", err)
		}
	})
}

// TestLeft has the server end the visit of one room. The other room does not notice.
func TestLeft(t *testing.T) {
	for name, tc := range map[string]struct {
		code  int
		wait  time.Duration // at most; 0: it does not come back
		final int
	}{
		"slow":            {1013, 100 * time.Millisecond, 0},
		"removed":         {1008, time.Second, 0},
		"broken":          {1011, time.Second, 0},
		"forbidden":       {4003, 0, 4003},
		"expired":         {4001, 0, 4001},
		"by the service":  {1000, 0, 1000},
		"without a code":  {0, 0, 1000},
		"an unknown code": {4999, time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(p *peer, n int) {
				p.say(hello)
				p.want("room", "a")
				p.say(welcomeIn("a", "e:0", ""))
				p.want("room", "b")
				p.say(welcomeIn("b", "e:0", ""), in("a", message(1, "one")))
				o := p.want("type", "message", "room", "a")
				start := time.Now()
				p.say(left("a", tc.code, "why"), in("a", message(2, "late")), in("b", message(1, "meanwhile")), refuseIn("a", o, "not_joined"))
				if tc.wait > 0 {
					p.want("type", "join", "rooms", map[string]any{"a": "e:1:1767323045001"})
					if d := time.Since(start); d > tc.wait {
						t.Errorf("came back after %v", d)
					}
					p.say(refuseIn("a", o, "not_joined")) // however late it comes
					p.say(welcomeIn("a", "e:2", resumed), in("a", message(2, "two")))
					o = p.want("type", "message", "room", "a", "id", o["id"])
					p.say(in("a", ack(o, 3)))
				}
				p.hearAll()
			}, func(f *fake) {
				c := f.connect()
				a, b := f.enter(c, "a"), f.enter(c, "b")
				_, err := a.Send(context.Background(), "x")
				if got := b.texts(1); got[0] != "meanwhile" {
					t.Errorf("b has %q", got)
				}
				if tc.wait > 0 {
					if got := a.texts(2); err != nil || !cmp.Equal(got, []string{"one", "two"}) {
						t.Errorf("a has %q: %v", got, err)
					}
				} else {
					if closeOf(err) != tc.final || !errors.Is(err, client.ErrUncertain) {
						t.Errorf("Send: %v", err)
					}
					if got := a.texts(1); got[0] != "one" {
						t.Errorf("a has %q", got)
					}
					if err := a.ended(); closeOf(err) != tc.final {
						t.Errorf("a ended with %v", err)
					}
					time.Sleep(time.Hour)
				}
				c.Close()
			})
		})
	}
}

// TestJoinRefused has the server refuse a room, which does not concern the others.
func TestJoinRefused(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		if n == 0 {
			p.want("room", "a")
			p.say(welcomeIn("a", "e:0", ""))
			for _, code := range []string{"forbidden", "too_many", "unavailable", "bad_request", "bad_room"} {
				o := p.want("type", "join", "room", "b")
				p.say(refuseIn("b", o, code))
			}
			for i := range 3 { // with WithDialRetry
				o := p.want("type", "join", "room", "c")
				p.say([]string{refuseIn("c", o, "unavailable"), refuseIn("c", o, "rate_limited"), welcomeIn("c", "e:0", "")}[i])
			}
			p.say(in("a", message(1, "still here")))
			p.want("type", "typing", "room", "a")
			return
		}
		// When it comes back, what is for good ends a room, and what may pass does not.
		o := p.want("type", "join", "rooms", map[string]any{"a": "e:1:1767323045001", "c": "e:0"})
		p.say(refuseIn("a", o, "unavailable"), refuseIn("c", o, "unavailable"))
		for range 2 { // each after its own pause
			o := p.want("type", "join")
			if rooms, _ := o["rooms"].(map[string]any); rooms["a"] != nil {
				p.say(refuseIn("a", o, "forbidden"))
			}
		}
		p.say(welcomeIn("c", "e:1", resumed), in("c", message(1, "back")))
		p.hearAll()
	}, func(f *fake) {
		c := f.connect()
		a := f.enter(c, "a")
		for _, code := range []string{client.CodeForbidden, client.CodeTooMany, client.CodeUnavailable, client.CodeBadRequest, "bad_room"} {
			if r, err := c.Join(bg, "b"); r != nil || codeOf(err) != code {
				t.Errorf("Join: %v, want %s", err, code)
			}
		}
		if _, err := c.Join(bg, "a"); codeOf(err) != client.CodeBadRequest {
			t.Errorf("Join again: %v", err)
		}
		for _, bad := range []string{"", ".", "..", "\xff"} {
			if _, err := c.Join(bg, bad); err == nil {
				t.Errorf("Join %q", bad)
			}
		}
		u := f.enter(c, "c", client.WithDialRetry())
		if got := a.texts(1); got[0] != "still here" {
			t.Errorf("a has %q", got)
		}
		a.Typing(bg)
		if err := a.ended(); codeOf(err) != client.CodeForbidden {
			t.Errorf("a ended with %v", err)
		}
		if got := u.texts(1); got[0] != "back" {
			t.Errorf("c has %q", got)
		}
		c.Close()
	})
}
