package chattest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// testRepeats makes every call twice, as a server does after a lost answer.
func testRepeats(t *testing.T, open func() chatlog.Log) {
	a, b := newHost(t, open()), newHost(t, open())
	room := newName("repeats")
	for i, step := range []struct {
		do      func() bool
		changed bool
		members string
	}{
		{func() bool { return a.enter(room, "u1", "Alice", 2) }, true, "u1/Alice/2"},
		{func() bool { return b.enter(room, "u1", "Alice", 1) }, false, "u1/Alice/3"},
		{func() bool { return a.enter(room, "u1", "Al", 1) }, false, "u1/Al/2"},
		{func() bool { return a.leave(room, "u1") }, false, "u1/*/1"},
		{func() bool { return b.enter(room, "u1", "Bob", 1) }, false, "u1/Bob/1"},
		{func() bool { return b.leave(room, "u1") }, true, ""},
		{func() bool { return a.enter(room, "u1", "Alice", 1) }, true, "u1/Alice/1"},
		{func() bool { return a.leave(room, "u1") }, true, ""},
	} {
		for n := range 3 {
			// Only the first of the two calls has an effect.
			if got := step.do(); got != (step.changed && n == 0) {
				t.Errorf("step %d, call %d: %t, want %t", i, n, got, step.changed && n == 0)
			}
			// If a user has two names and has left one server, either name is right.
			if got := b.members(room); got != step.members && (step.members != "u1/*/1" || got != "u1/Al/1" && got != "u1/Alice/1") {
				t.Fatalf("step %d, call %d: %q, want %q", i, n, got, step.members)
			}
		}
	}
}

// testVersions checks that versions change if and only if the users change.
func testVersions(t *testing.T, open func() chatlog.Log) {
	a, b := newHost(t, open()), newHost(t, open())
	var rooms []string
	for range 700 {
		rooms = append(rooms, newName("versions"))
	}
	room, other := rooms[350], rooms[699]
	versions := func() []uint64 {
		t.Helper()
		v, err := b.log.Versions(within(t), rooms)
		if err != nil || len(v) != len(rooms) {
			t.Fatalf("Versions: %d of %d, %v", len(v), len(rooms), err)
		}
		return v
	}
	if v := versions(); slices.Max(v) != 0 {
		t.Errorf("versions of rooms without users: %v", v)
	}
	a.enter(other, "u0", "Alice", 1)
	was := versions()
	seen := map[uint64]string{0: ""}
	for i, step := range []func(){
		func() { a.enter(room, "u1", "Alice", 1) },
		func() { b.enter(room, "u2", "Bob", 1) },
		func() { a.enter(room, "u1", "Al", 1) },
		func() { a.enter(room, "u3", "Carol", 1) },
		func() { a.leave(room, "u1") },
		func() { b.enter(room, "u3", "Carol", 1) },
		func() { b.leave(room, "u2") },
		func() { b.leave(room, "u3") },
		func() { a.leave(room, "u3") },
		func() { b.enter(room, "u4", "Dave", 1) },
		func() { b.leave(room, "u4") },
		func() { b.enter(room, "u5", "Eve", 1) },
	} {
		step()
		v, members := versions(), b.members(room)
		if before, ok := seen[v[350]]; ok && before != members {
			t.Errorf("step %d: %q has the version %d, as %q had", i, members, v[350], before)
		}
		if (v[350] == 0) != (members == "") {
			t.Errorf("step %d: %q has the version %d", i, members, v[350])
		}
		seen[v[350]] = members
		again := versions()
		v[350], again[350] = 0, again[350]-v[350]
		if again[350] != 0 || !slices.Equal(v, was) {
			t.Errorf("step %d: versions change although no user has come or gone", i)
		}
	}
	b.leave(room, "u5")
	a.leave(other, "u0")
}

// testAllServersSilent stops the Beats of all servers for longer than their leases, as if the
// log were down. No server is removed for that. A server that then stays silent alone is
// removed.
func testAllServersSilent(t *testing.T, open func() chatlog.Log) {
	const ttl = time.Second
	var hosts []*host
	d := &departures{prefix: newName("nobody-beats")}
	for i := range 3 {
		h := newHost(t, open())
		h.enter(d.prefix, fmt.Sprint("u", i), "Alice", 1)
		hosts = append(hosts, h)
		_, gone := h.beat(ttl)
		d.add(gone)
		time.Sleep(ttl / 10)
	}
	for range 2 {
		time.Sleep(ttl * 3 / 2)
		for _, h := range hosts {
			held, gone := h.beat(ttl)
			if d.add(gone); !held {
				t.Error("a server was removed although no server could beat")
			}
		}
	}
	if d.String() != "" {
		t.Errorf("users were removed although no server could beat: %q", d)
	}
	eventually(t, "the users of the only silent server to be removed", func() bool {
		time.Sleep(ttl / 20)
		for _, h := range hosts[1:] {
			held, gone := h.beat(ttl)
			if d.add(gone); !held {
				t.Error("a server that beats is not held")
			}
		}
		return d.String() != ""
	})
	if want := " u0/Alice"; d.String() != want {
		t.Errorf("gone: %q, want %q", d, want)
	}
	for i, h := range hosts {
		h.leave(d.prefix, fmt.Sprint("u", i))
	}
}
