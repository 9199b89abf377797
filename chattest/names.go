package chattest

import (
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// testEnterNames enters a user on several servers by different names. The list must have the
// name of the last Enter, and no name from a server that the user has left.
func testEnterNames(t *testing.T, open func() chatlog.Log) {
	a, b, c := newHost(t, open()), newHost(t, open()), newHost(t, open())
	room := newName("enter-names")
	seen := map[uint64]string{}
	for i, step := range []struct {
		what    string
		do      func()
		members string
	}{
		{"to a", func() { a.enter(room, "u1", "A", 1) }, "u1/A/1"},
		{"to b", func() { b.enter(room, "u1", "B", 1) }, "u1/B/2"},
		{"to c", func() { c.enter(room, "u1", "C", 1) }, "u1/C/3"},
		{"off c", func() { c.leave(room, "u1") }, "u1/B/2"},
		{"to a again", func() { a.enter(room, "u1", "A", 1) }, "u1/A/2"},
		{"to c again", func() { c.enter(room, "u1", "C", 1) }, "u1/C/3"},
		{"off a", func() { a.leave(room, "u1") }, "u1/C/2"},
		{"off c", func() { c.leave(room, "u1") }, "u1/B/1"},
		{"off b", func() { b.leave(room, "u1") }, ""},
	} {
		step.do()
		members := b.members(room)
		if members != step.members {
			t.Fatalf("step %d, %s: %q, want %q", i, step.what, members, step.members)
		}
		v, err := b.log.Versions(within(t), []string{room})
		if err != nil || len(v) != 1 {
			t.Fatalf("Versions: %v, %v", v, err)
		}
		if before, ok := seen[v[0]]; ok && before != members {
			t.Errorf("step %d, %s: %q has the version %d, as %q had", i, step.what, members, v[0], before)
		}
		seen[v[0]] = members
	}
}
