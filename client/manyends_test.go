package client_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/client"
)

// TestAccept has the service put the user into rooms. They are joined again after a lost
// connection, like those that the program has joined.
func TestAccept(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		if n == 0 {
			p.say(welcomeIn("a", "e:1", ""), in("a", message(1, "in a")))
			time.Sleep(10 * time.Second)
			p.say(welcomeIn("b", "e:1", ""), welcomeIn("gone", "e:1", ""), left("gone", 1000, "by the service"), welcomeIn("c", "e:1", ""), in("b", message(1, "in b")))
			p.want("type", "message", "room", "b")
			return
		}
		p.want("type", "join", "rooms", map[string]any{"a": "e:1:1767323045001", "b": "e:1:1767323045001", "c": ""})
		p.say(welcomeIn("a", "e:2", resumed), in("a", message(2, "again")), welcomeIn("b", "e:1", resumed), welcomeIn("c", "e:1", ""))
		o := p.want("type", "message", "room", "b")
		p.say(in("b", ack(o, 2)))
		p.hearAll()
	}, func(f *fake) {
		c := f.connect()
		a, err := c.Accept(bg)
		if err != nil || a.Welcome().Room != "a" {
			t.Fatalf("Accept: %v, %v", a, err)
		}
		short, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		if _, err := c.Accept(short); err != context.DeadlineExceeded {
			t.Errorf("Accept: %v", err)
		}
		b, err := c.Accept(bg)
		if err != nil || b.Welcome().Room != "b" {
			t.Fatalf("Accept: %v, %v", b, err)
		}
		synctest.Wait()
		room, err := c.Join(bg, "c") // instead of accepting it
		if err != nil || room.Welcome().Room != "c" {
			t.Fatalf("Join: %v, %v", room, err)
		}
		(&user{b, f.t}).send("hello")
		if got := (&user{a, f.t}).texts(2); !cmp.Equal(got, []string{"in a", "again"}) {
			t.Errorf("a has %q", got)
		}
		short, cancel = context.WithTimeout(bg, time.Second)
		defer cancel()
		if r, err := c.Accept(short); err != context.DeadlineExceeded {
			t.Errorf("Accept: %v, %v", r, err)
		}
		c.Close()
	})
}

// TestRoomClose leaves one room of a connection. What the server still says of it is not for
// the next Join of the room, which waits for the end of the first.
func TestRoomClose(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		p.want("type", "join", "room", "b")
		p.say(welcomeIn("b", "e:0", ""))
		p.want("type", "join", "room", "a")
		p.say(welcomeIn("a", "e:2", ""), in("a", message(1, "one")), in("a", message(2, "two")))
		p.want("type", "read", "room", "a", "offset", 1.0)
		p.want("type", "read", "room", "a", "offset", 2.0)
		p.want("type", "leave", "room", "a", "back", nil)
		p.say(in("a", message(3, "late")))
		time.Sleep(time.Second)
		p.say(in("a", message(4, "late")), left("a", 1000, ""), in("a", message(5, "too late")))
		p.want("type", "join", "room", "a", "since", nil)
		p.say(welcomeIn("a", "e:9", ""), in("a", message(9, "nine")))
		// A join that is given up while it is on its way.
		p.want("type", "join", "room", "c")
		p.want("type", "leave", "room", "c")
		p.say(welcomeIn("c", "e:1", ""), in("c", message(1, "not wanted")), left("c", 1000, ""))
		// One that is refused, though the program has given it up.
		refused := p.want("type", "join", "room", "c")
		o := p.want("type", "leave", "room", "c")
		p.say(refuseIn("c", refused, "forbidden"), refuseIn("c", o, "not_joined"))
		p.want("type", "join", "room", "c")
		p.say(welcomeIn("c", "e:1", ""))
		// A server that does not answer.
		p.want("type", "leave", "room", "c")
		if code := p.hearAll(); code != 1000 {
			t.Errorf("closed with %d", code)
		}
	}, func(f *fake) {
		c := f.connect()
		b := f.enter(c, "b")
		a := f.enter(c, "a")
		if got := a.texts(2); !cmp.Equal(got, []string{"one", "two"}) {
			t.Errorf("a has %q", got)
		}
		a.MarkRead(bg, 1)
		synctest.Wait()
		a.MarkRead(bg, 2)
		closed, start := make(chan time.Duration), time.Now()
		go func() {
			a.Close()
			closed <- time.Since(start)
		}()
		synctest.Wait()
		again := f.enter(c, "a")
		if d := <-closed; d != time.Second {
			t.Errorf("Close took %v", d)
		}
		if err := a.ended(); err != client.ErrClosed {
			t.Errorf("a ended with %v", err)
		}
		if _, err := a.Send(bg, "x"); err != client.ErrClosed {
			t.Errorf("Send after Close: %v", err)
		}
		if got := again.texts(1); got[0] != "nine" {
			t.Errorf("a has %q", got)
		}
		for range 2 {
			ctx, cancel := context.WithCancel(bg)
			go func() { synctest.Wait(); cancel() }()
			if _, err := c.Join(ctx, "c"); err != context.Canceled {
				t.Errorf("Join: %v", err)
			}
		}
		u := f.enter(c, "c")
		start = time.Now()
		u.Close()
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("Close took %v", d)
		}
		if err := b.Ping(bg); err != nil {
			t.Error(err)
		}
		c.Close()
	})
}

// TestRejoinsFit comes back into so many rooms that one object with all of them would be
// larger than the server takes.
func TestRejoinsFit(t *testing.T) {
	const rooms, limit = 100, 2*1000 + 100 + 2096 // of proto.FrameLimit
	name := func(i int) string { return strings.Repeat("ä", 60) + fmt.Sprint(i) }
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		for got := 0; got < rooms; {
			_, b, err := p.conn.Read(bg)
			if err != nil {
				t.Error(err)
				return
			}
			if n == 0 {
				p.say(welcomeIn(name(got), "e:0", ""))
				got++
				continue
			}
			if len(b) > limit || got == 0 && len(b) < limit/2 {
				t.Errorf("an object of %d bytes", len(b))
			}
			got += strings.Count(string(b), "e:0")
		}
		if n > 0 {
			p.hearAll()
		}
	}, func(f *fake) {
		c := f.connect()
		for i := range rooms {
			f.enter(c, name(i))
		}
		time.Sleep(time.Minute)
		c.Close()
	})
}

// TestRoomNames has a server write the names of rooms in its own way.
func TestRoomNames(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.say(hello)
		if n > 0 {
			p.want("rooms", map[string]any{"Café": "e:0", "staff": "e:0"})
			p.hearAll()
			return
		}
		p.want("type", "join", "room", "Cafe\u0301")
		p.say(welcomeIn("Café", "e:0", ""))
		p.want("type", "message", "room", "Café")
		o := p.want("type", "join", "room", "STAFF")
		p.say(welcomeIn("staff", "e:0", fmt.Sprintf(`,"id":%q`, o["id"])))
		o = p.want("type", "join", "room", "Staff")
		p.say(refuseIn("staff", o, "bad_request"))
		p.want("type", "message", "room", "staff")
	}, func(f *fake) {
		c := f.connect()
		u := f.enter(c, "Cafe\u0301")
		go u.Send(bg, "x")
		synctest.Wait()
		u = f.enter(c, "STAFF")
		if _, err := c.Join(bg, "Staff"); codeOf(err) != client.CodeBadRequest {
			t.Errorf("Join: %v", err)
		}
		go u.Send(bg, "x")
		time.Sleep(time.Minute)
		c.Close()
	})
}

// TestConnectRefused connects to servers that have no rooms that share a connection, or that
// say something else first.
func TestConnectRefused(t *testing.T) {
	inBubble(t, func(p *peer, n int) {
		p.say([]string{welcomeTo("e:0", ""), strings.Replace(hello, "user", "nobody", 1), "{"}[n])
		p.hearAll()
	}, func(f *fake) {
		for range 3 {
			if _, err := client.Connect(bg, "http://pipe", client.WithLogger(quiet), client.WithDialer(f.l.dial), client.WithDialRetry()); err == nil {
				t.Error("connected")
			}
		}
		f.serve = func(w http.ResponseWriter, r *http.Request, n int) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"code":"not_found","message":"no"}}`)
		}
		_, err := client.Connect(bg, "http://pipe", client.WithLogger(quiet), client.WithDialer(f.l.dial), client.WithDialRetry())
		if codeOf(err) != "not_found" {
			t.Errorf("Connect: %v", err)
		}
	})
}
