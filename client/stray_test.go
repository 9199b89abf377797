package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
)

// TestStrayWelcome has the service put the user into a room to which the client is about to
// come back. That welcome does not continue where the client was: the client leaves, and
// joins again at its place. It does so once, in case that no welcome names its join.
func TestStrayWelcome(t *testing.T) {
	place := map[string]any{"a": "e:1:1767323045001"}
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		if n == 0 {
			p.want("type", "join", "room", "a")
			p.say(welcomeIn("a", "e:1", ""), in("a", message(1, "one")))
			p.want("type", "typing", "room", "a")
			return
		}
		join := p.want("type", "join", "rooms", place)
		p.say(welcomeIn("a", "e:9", ""), in("a", message(9, "nine")), refuseIn("a", join, "bad_request"))
		p.want("type", "leave", "room", "a")
		p.say(left("a", 1000, ""))
		p.want("type", "join", "rooms", place)
		if n == 1 {
			p.say(welcomeIn("a", "e:9", resumed+`,"id":"client.join"`))
			for i := range 8 {
				p.say(in("a", message(i+2, "more")))
			}
			p.want("type", "typing", "room", "a")
			place["a"] = "e:9:1767323045009"
			return
		}
		p.say(welcomeIn("a", "e:20", gap), in("a", message(20, "twenty")))
		p.hearAll()
	}, func(f *fake) {
		c := f.connect()
		a := f.enter(c, "a")
		a.until(chat.TypeMessage)
		a.Typing(bg)
		for i := range 8 {
			if e := a.next(); e.Offset != uint64(i+2) {
				t.Errorf("got %+v", e)
			}
		}
		time.Sleep(3 * time.Second)
		a.Typing(bg)
		time.Sleep(3 * time.Second)
		if got, want := seen(a), []string{"gap e:9-e:20", "welcome e:20", "20 twenty"}; !cmp.Equal(got, want) {
			t.Error(cmp.Diff(want, got))
		}
		c.Close()
	})
}

// TestWelcomeTooLate has the service take the user out of a room while the client is coming
// back into it. The join is carried out afterwards, and nobody has a Room for it: the client
// leaves.
func TestWelcomeTooLate(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		if n == 0 {
			p.want("type", "join", "room", "a")
			p.say(welcomeIn("a", "e:0", ""))
			p.want("type", "typing")
			return
		}
		p.want("type", "join", "rooms", map[string]any{"a": "e:0"})
		p.say(welcomeIn("a", "e:0", resumed), left("a", 1000, "by the service"), welcomeIn("a", "e:0", `,"id":"client.join"`), in("a", message(1, "for nobody")))
		p.want("type", "leave", "room", "a", "back", nil)
		p.say(left("a", 1000, ""))
		p.want("type", "join", "room", "a")
		p.say(welcomeIn("a", "e:1", ""))
		p.hearAll()
	}, func(f *fake) {
		c := f.connect()
		a := f.enter(c, "a")
		a.Typing(bg)
		if err := a.ended(); closeOf(err) != 1000 {
			t.Errorf("ended with %v", err)
		}
		synctest.Wait()
		f.enter(c, "a") // waits for the end of the first
		short, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		if r, err := c.Accept(short); err != context.DeadlineExceeded {
			t.Errorf("Accept: %v, %v", r, err)
		}
		c.Close()
	})
}

// TestDisagreement has a server that takes the user to be in no room, and has not said so. The
// client leaves and joins, not too often, and sends again what was not stored.
func TestDisagreement(t *testing.T) {
	const times = 5
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		p.want("type", "join", "room", "a")
		p.say(welcomeIn("a", "e:0", ""))
		for i := range times {
			o := p.want("type", "message", "room", "a", "message", "x")
			p.say(refuseIn("a", o, "not_joined"))
			o = p.want("type", "leave", "room", "a")
			if i%2 == 0 {
				p.say(refuseIn("a", o, "not_joined"))
			} else {
				p.say(left("a", 1013, ""))
			}
			p.want("type", "join", "rooms", map[string]any{"a": "e:0"})
			p.say(welcomeIn("a", "e:0", resumed))
		}
		o := p.want("type", "message", "room", "a", "message", "x")
		p.say(in("a", ack(o, 1)))
		p.hearAll()
	}, func(f *fake) {
		c := f.connect()
		a := f.enter(c, "a")
		start := time.Now()
		a.send("x")
		if d := time.Since(start); d < times*50*time.Millisecond {
			t.Errorf("asked %d times in %v", times, d)
		}
		c.Close()
	})
}
