package chattest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// testBeat tests a server that does not extend its lease in time.
func testBeat(t *testing.T, open func() chatlog.Log) {
	a, b, c := newHost(t, open()), newHost(t, open()), newHost(t, open())
	d := &departures{prefix: newName("beat")}
	beat := func(h *host) {
		t.Helper()
		held, gone := h.beat(longTTL)
		if d.add(gone); !held {
			t.Errorf("a server that beats in time is not held")
		}
	}
	room := func(s string) string { return d.prefix + s }
	// A server that has entered users has a lease before its first Beat.
	a.enter(room("1"), "u1", "Alice", 2)
	beat(b)
	if got := b.members(room("1")); got != "u1/Alice/2" || d.String() != "" {
		t.Fatalf("before the first Beat of a server: members %q, departures %q", got, d)
	}
	beat(c)
	a.enter(room("1"), "u2", "Bob", 1)
	b.enter(room("1"), "u2", "Bob", 1)
	a.enter(room("2"), "u1", "Alice", 1)
	a.enter(room("3"), "u3", "Carol", 1)
	a.leave(room("3"), "u3")
	beat(a)
	beat(b)
	if d.String() != "" {
		t.Fatalf("departures %q with all servers alive", d)
	}

	const want = "1 u1/Alice, 2 u1/Alice"
	if held, gone := a.beat(200 * time.Millisecond); !held || len(gone) > 0 {
		t.Fatalf("the last Beat of a: held %t, gone %v", held, gone)
	}
	eventually(t, "the users of a dead server to be removed", func() bool {
		time.Sleep(20 * time.Millisecond)
		beat(b)
		beat(c)
		return len(d.String()) >= len(want)
	})
	for range 5 {
		beat(c)
		beat(b)
	}
	if d.String() != want {
		t.Fatalf("departures %q, want %q", d, want)
	}
	if got := c.members(room("1")); got != "u2/Bob/1" {
		t.Errorf("members %q", got)
	}
	if got := c.members(room("2")); got != "" {
		t.Errorf("members %q", got)
	}
	if !b.leave(room("1"), "u2") {
		t.Errorf("a user on no other live server left, but not as the last")
	}
	if held, _ := a.beat(longTTL); held {
		t.Errorf("a removed server is still held")
	}
}

// testBeatConcurrently lets several servers find several dead servers concurrently.
func testBeatConcurrently(t *testing.T, open func() chatlog.Log) {
	const users = 40
	var alive, dead []*host
	for range 3 {
		alive, dead = append(alive, newHost(t, open())), append(dead, newHost(t, open()))
	}
	d := &departures{prefix: newName("beat-at-once")}
	for i := range users {
		for _, h := range dead[:1+i%3] {
			h.enter(d.prefix, fmt.Sprint("u", i), "Alice", 1)
		}
	}
	alive[0].enter(d.prefix, "u0", "Alice", 1)
	for _, h := range alive {
		_, gone := h.beat(longTTL)
		d.add(gone)
	}
	for _, h := range dead {
		_, gone := h.beat(time.Millisecond) // this Beat may find the previous server dead
		d.add(gone)
	}
	alive[0].leave(d.prefix, "u0") // now u0 is on dead servers only, or on none
	count := func() (n int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.all)
	}
	for range 20 {
		time.Sleep(2 * time.Millisecond)
		runConcurrently(3*len(alive), func(i int) {
			_, gone := alive[i%len(alive)].beat(longTTL)
			d.add(gone)
		})
	}
	eventually(t, "all users to be removed", func() bool {
		_, gone := alive[0].beat(longTTL)
		d.add(gone)
		return alive[0].members(d.prefix) == ""
	})
	// u0 may have left by Leave. Every other user is reported once.
	seen := map[string]int{}
	for _, s := range d.all {
		seen[s]++
	}
	for i := 1; i < users; i++ {
		if n := seen[fmt.Sprintf(" u%d/Alice", i)]; n != 1 {
			t.Errorf("u%d was reported %d times", i, n)
		}
	}
	if n := count(); n > users {
		t.Errorf("%d departures of %d users", n, users)
	}
}

// testReturn tests a server that returns after it was removed. It has a new name, and meanwhile
// the users of the old name are removed.
func testReturn(t *testing.T, open func() chatlog.Log) {
	a, b := newHost(t, open()), newHost(t, open())
	d := &departures{prefix: newName("return")}
	a.enter(d.prefix, "u1", "Alice", 1)
	a.enter(d.prefix, "u2", "Bob", 1)
	a.beat(time.Millisecond)
	eventually(t, "the users of a dead server to be removed", func() bool {
		time.Sleep(5 * time.Millisecond)
		_, gone := b.beat(longTTL)
		d.add(gone)
		return b.members(d.prefix) == ""
	})
	if want := " u1/Alice,  u2/Bob"; d.String() != want {
		t.Errorf("departures %q, want %q", d, want)
	}
	if held, _ := a.beat(longTTL); held {
		t.Fatal("a removed server is still held")
	}
	// Calls under the old name arrive late, and must change nothing.
	if a.enter(d.prefix, "u3", "Carol", 1) || b.members(d.prefix) != "" {
		t.Errorf("a removed server has entered %q", b.members(d.prefix))
	}
	again := newHost(t, a.log)
	if !again.enter(d.prefix, "u1", "Alice", 1) {
		t.Error("a removed user returned, but not as the first")
	}
	if held, gone := again.beat(longTTL); !held {
		t.Errorf("a new name is not held, gone %v", gone)
	}
	if again.enter(d.prefix, "u1", "Alice", 2) {
		t.Error("a user was the first twice")
	}
	for range 3 {
		_, gone := b.beat(longTTL)
		d.add(gone)
	}
	if got := b.members(d.prefix); got != "u1/Alice/2" {
		t.Errorf("members %q", got)
	}
	if want := " u1/Alice,  u2/Bob"; d.String() != want {
		t.Errorf("departures %q, want %q", d, want)
	}
	again.leave(d.prefix, "u1")
}

// testContext calls every method with contexts that have ended.
func testContext(t *testing.T, open func() chatlog.Log) {
	l := open()
	room := newName("context")
	s := connect(t, l)
	put(t, l, room, message("x"))
	h := newHost(t, l)
	h.enter(room, "u1", "Alice", 1)
	defer h.leave(room, "u1")
	for _, call := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"Append", func(ctx context.Context) error {
			_, err := l.Append(ctx, room, message("y"))
			return err
		}},
		{"Read", func(ctx context.Context) error {
			_, err := l.Read(ctx, room, chatlog.Range{Limit: 1})
			return err
		}},
		{"Positions", func(ctx context.Context) error {
			_, err := l.Positions(ctx, []string{room})
			return err
		}},
		{"Renew", func(ctx context.Context) error {
			_, err := l.Renew(ctx, room, "x")
			return err
		}},
		{"Open", func(ctx context.Context) error {
			s := &sink{log: l}
			err := l.Open(ctx, s)
			if err == nil {
				s.close(t)
			}
			return err
		}},
		{"Watch", func(ctx context.Context) error { return l.Watch(ctx, s, room) }},
		{"Signal", func(ctx context.Context) error { return l.Signal(ctx, room, chatlog.Event{Type: chatlog.TypeTyping}) }},
		{"Enter", func(ctx context.Context) error {
			_, err := l.Enter(ctx, h.name, room, chatlog.Member{UserID: "u1", Username: "Alice", Connections: 1})
			return err
		}},
		{"Leave", func(ctx context.Context) error {
			_, err := l.Leave(ctx, h.name, room, "u2")
			return err
		}},
		{"Members", func(ctx context.Context) error {
			_, err := l.Members(ctx, room, 1)
			return err
		}},
		{"Present", func(ctx context.Context) error {
			_, _, err := l.Present(ctx, room, "u1")
			return err
		}},
		{"Versions", func(ctx context.Context) error {
			_, err := l.Versions(ctx, []string{room})
			return err
		}},
		{"Rooms", func(ctx context.Context) error {
			_, err := l.Rooms(ctx)
			return err
		}},
		{"Beat", func(ctx context.Context) error {
			_, err := l.Beat(ctx, h.name, longTTL)
			return err
		}},
	} {
		cancelled, cancel := context.WithCancel(context.Background())
		cancel()
		expired, cancel := context.WithTimeout(context.Background(), -time.Second)
		defer cancel()
		for _, ctx := range []context.Context{cancelled, expired} {
			done := make(chan error, 1)
			go func() { done <- call.do(ctx) }()
			select {
			case err := <-done:
				if err == nil {
					t.Errorf("%s: no error, although its context has ended", call.name)
				}
			case <-time.After(patience):
				t.Errorf("%s does not return, although its context has ended", call.name)
			}
		}
		if err := call.do(within(t)); err != nil {
			t.Errorf("the next %s after a context has ended: %v", call.name, err)
		}
	}
}
