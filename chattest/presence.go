package chattest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// longTTL is longer than any test, so no lease ends in it.
const longTTL = 10 * time.Minute

// host is a server with users.
type host struct {
	t    testing.TB
	log  chatlog.Log
	name string
}

func newHost(t testing.TB, l chatlog.Log) *host {
	return &host{t, l, newName("server")}
}

func (h *host) enter(room, user, name string, conns int) (first bool) {
	h.t.Helper()
	first, err := h.log.Enter(within(h.t), h.name, room, chatlog.Member{UserID: user, Username: name, Connections: conns})
	if err != nil {
		h.t.Errorf("Enter: %v", err)
	}
	return first
}

func (h *host) leave(room, user string) (last bool) {
	h.t.Helper()
	last, err := h.log.Leave(within(h.t), h.name, room, user)
	if err != nil {
		h.t.Errorf("Leave: %v", err)
	}
	return last
}

func (h *host) beat(ttl time.Duration) (held bool, gone []chatlog.Departure) {
	h.t.Helper()
	p, err := h.log.Beat(within(h.t), h.name, ttl)
	if err != nil {
		h.t.Errorf("Beat: %v", err)
	}
	return p.Held, p.Gone
}

// members returns the members of room, each as user/name/connections, in order.
func (h *host) members(room string) string {
	h.t.Helper()
	list, err := h.log.Members(within(h.t), room, 1000)
	if err != nil || len(list.Members) != list.Total {
		h.t.Errorf("Members: %d of %d, %v", len(list.Members), list.Total, err)
	}
	var s []string
	for _, m := range list.Members {
		s = append(s, fmt.Sprintf("%s/%s/%d", m.UserID, m.Username, m.Connections))
		if p, ok, err := h.log.Present(within(h.t), room, m.UserID); err != nil || !ok || p != m {
			h.t.Errorf("member %+v is present as %+v, %t, %v", m, p, ok, err)
		}
	}
	slices.Sort(s)
	rooms, err := h.log.Rooms(within(h.t))
	if n, ok := rooms[room]; err != nil || n != list.Total || ok != (list.Total > 0) {
		h.t.Errorf("Rooms has %d users (listed: %t) for a room with %d, %v", n, ok, list.Total, err)
	}
	return strings.Join(s, " ")
}

// testEnter lets users come and go on two servers.
func testEnter(t *testing.T, open func() chatlog.Log) {
	a, b := newHost(t, open()), newHost(t, open())
	room := newName("enter")
	for i, step := range []struct {
		what    string
		got     func() bool
		changed bool
		members string
	}{
		{"nobody leaves", func() bool { return a.leave(room, "u1") }, false, ""},
		{"u1 to a", func() bool { return a.enter(room, "u1", "Alice", 1) }, true, "u1/Alice/1"},
		{"u1 to a again", func() bool { return a.enter(room, "u1", "Alice", 2) }, false, "u1/Alice/2"},
		{"u1 to b", func() bool { return b.enter(room, "u1", "Alice", 3) }, false, "u1/Alice/5"},
		{"u2 to b", func() bool { return b.enter(room, "u2", "Alice", 1) }, true, "u1/Alice/5 u2/Alice/1"},
		{"u1 on a has less", func() bool { return a.enter(room, "u1", "Alice", 1) }, false, "u1/Alice/4 u2/Alice/1"},
		{"u1 to another room", func() bool { return a.enter(room+"2", "u1", "Alice", 1) }, true, "u1/Alice/4 u2/Alice/1"},
		{"u1 off a", func() bool { return a.leave(room, "u1") }, false, "u1/Alice/3 u2/Alice/1"},
		{"u1 off a again", func() bool { return a.leave(room, "u1") }, false, "u1/Alice/3 u2/Alice/1"},
		{"u2 leaves a without being there", func() bool { return a.leave(room, "u2") }, false, "u1/Alice/3 u2/Alice/1"},
		{"u1 off b", func() bool { return b.leave(room, "u1") }, true, "u2/Alice/1"},
		{"u1 off b again", func() bool { return b.leave(room, "u1") }, false, "u2/Alice/1"},
		{"u1 to b", func() bool { return b.enter(room, "u1", "Alicia", 1) }, true, "u1/Alicia/1 u2/Alice/1"},
		{"u1 by another name", func() bool { return b.enter(room, "u1", "Al", 1) }, false, "u1/Al/1 u2/Alice/1"},
		{"u1 off b", func() bool { return b.leave(room, "u1") }, true, "u2/Alice/1"},
		{"u2 off b", func() bool { return b.leave(room, "u2") }, true, ""},
	} {
		if got := step.got(); got != step.changed {
			t.Errorf("step %d, %s: %t, want %t", i, step.what, got, step.changed)
		}
		for _, h := range []*host{a, b} {
			if got := h.members(room); got != step.members {
				t.Fatalf("step %d, %s: %q, want %q", i, step.what, got, step.members)
			}
		}
	}
	if got := b.members(room + "2"); got != "u1/Alice/1" {
		t.Errorf("the other room has %q", got)
	}
	a.leave(room+"2", "u1")
}

// testEnterConcurrently lets users enter and leave on all servers concurrently.
func testEnterConcurrently(t *testing.T, open func() chatlog.Log) {
	const servers, users = 4, 10
	var hosts []*host
	for range servers {
		hosts = append(hosts, newHost(t, open()))
	}
	room := newName("enter-at-once")
	var changed atomic.Int32
	for round := range 3 {
		changed.Store(0)
		runConcurrently(servers*users, func(i int) {
			if hosts[i%servers].enter(room, fmt.Sprint("u", i/servers), "Alice", 1) {
				changed.Add(1)
			}
		})
		if n := changed.Load(); n != users {
			t.Errorf("round %d: %d calls were the first, want %d", round, n, users)
		}
		if list, err := hosts[0].log.Members(within(t), room, 0); err != nil || list.Total != users {
			t.Errorf("round %d: %d users, %v", round, list.Total, err)
		}
		changed.Store(0)
		runConcurrently(servers*users, func(i int) {
			if hosts[i%servers].leave(room, fmt.Sprint("u", i/servers)) {
				changed.Add(1)
			}
		})
		if n := changed.Load(); n != users {
			t.Errorf("round %d: %d calls were the last, want %d", round, n, users)
		}
		if got := hosts[0].members(room); got != "" {
			t.Errorf("round %d: %q are left", round, got)
		}
	}
}

// testMembers asks for parts of a list of members.
func testMembers(t *testing.T, open func() chatlog.Log) {
	const users = 30
	a, b := newHost(t, open()), newHost(t, open())
	room := newName("members")
	want := map[string]chatlog.Member{}
	for i := range users {
		m := chatlog.Member{UserID: fmt.Sprint("u", i), Username: fmt.Sprint("n", i%7), Connections: 1}
		a.enter(room, m.UserID, m.Username, 1)
		if i%3 == 0 {
			b.enter(room, m.UserID, m.Username, 2)
			m.Connections = 3
		}
		want[m.UserID] = m
	}
	for _, limit := range []int{-1, 0, 1, 2, users - 1, users, users + 1, 1 << 30} {
		list, err := b.log.Members(within(t), room, limit)
		if err != nil || list.Total != users || len(list.Members) != min(max(limit, 0), users) {
			t.Errorf("limit %d: %d members of %d, %v", limit, len(list.Members), list.Total, err)
		}
		seen := map[string]bool{}
		for _, m := range list.Members {
			if m != want[m.UserID] || seen[m.UserID] {
				t.Errorf("limit %d: %+v, want %+v once", limit, m, want[m.UserID])
			}
			seen[m.UserID] = true
		}
	}
	if list, err := a.log.Members(within(t), newName("members"), 10); err != nil || list.Total != 0 || len(list.Members) != 0 {
		t.Errorf("a room without users: %+v, %v", list, err)
	}
	for _, at := range []struct{ room, user string }{{room, "nobody"}, {room, ""}, {newName("members"), "u1"}} {
		if m, ok, err := a.log.Present(within(t), at.room, at.user); err != nil || ok {
			t.Errorf("%+v: present as %+v, %v", at, m, err)
		}
	}
	for i := range users {
		a.leave(room, fmt.Sprint("u", i))
		b.leave(room, fmt.Sprint("u", i))
	}
}

// testRooms lists rooms. Entries and watchers alone make no room.
func testRooms(t *testing.T, open func() chatlog.Log) {
	a, b := newHost(t, open()), newHost(t, open())
	want := map[string]int{}
	for i := range 50 {
		room := newName("rooms")
		for u := range i % 4 {
			a.enter(room, fmt.Sprint("u", u), "Alice", 1)
			b.enter(room, fmt.Sprint("u", u+1), "Bob", 1)
			want[room] = u + 2
		}
		if i%5 == 0 {
			put(t, a.log, room, message("x"))
		}
	}
	written := newName("rooms")
	put(t, a.log, written, message("x"))
	connect(t, a.log, written)
	check := func() {
		t.Helper()
		rooms, err := b.log.Rooms(within(t))
		if err != nil {
			t.Fatalf("Rooms: %v", err)
		}
		for room, n := range want {
			if got, ok := rooms[room]; got != n || ok != (n > 0) {
				t.Errorf("%s has %d users (listed: %t), want %d", room, got, ok, n)
			}
		}
		if n, ok := rooms[written]; ok {
			t.Errorf("a room that is only written to and watched has %d users", n)
		}
	}
	check()
	for room, n := range want {
		for u := range n {
			user := fmt.Sprint("u", u)
			a.leave(room, user)
			b.leave(room, user)
		}
		want[room] = 0
	}
	check()
}

// testPresenceNames has rooms, users and usernames that are easy to confuse.
func testPresenceNames(t *testing.T, open func() chatlog.Log) {
	a, b := newHost(t, open()), newHost(t, open())
	unique := newName("")
	common := newName("presence-names")
	for _, s := range confusingNames {
		if !a.enter(s+unique, s, s, 1) || !a.enter(common, s, s, 1) {
			t.Errorf("%q is taken for another user", s)
		}
	}
	rooms, err := b.log.Rooms(within(t))
	if err != nil || rooms[common] != len(confusingNames) {
		t.Errorf("Rooms: %d users, %v, want %d", rooms[common], err, len(confusingNames))
	}
	for _, s := range confusingNames {
		want := chatlog.Member{UserID: s, Username: s, Connections: 1}
		if list, err := b.log.Members(within(t), s+unique, 10); err != nil || list.Total != 1 || len(list.Members) != 1 || list.Members[0] != want {
			t.Errorf("%q has the members %+q, %v", s+unique, list, err)
		}
		if m, ok, err := b.log.Present(within(t), common, s); err != nil || !ok || m != want {
			t.Errorf("%q is present as %+q, %t, %v", s, m, ok, err)
		}
		if n := rooms[s+unique]; n != 1 {
			t.Errorf("%q has %d users", s+unique, n)
		}
	}
	for _, s := range confusingNames {
		if b.leave(common, s) || !a.leave(common, s) || !a.leave(s+unique, s) {
			t.Errorf("%q is taken for another user", s)
		}
	}
}

// departures collects the departures that Beat reports in certain rooms.
type departures struct {
	prefix string
	mu     sync.Mutex
	all    []string
}

func (d *departures) add(gone []chatlog.Departure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range gone {
		if strings.HasPrefix(g.Room, d.prefix) {
			d.all = append(d.all, fmt.Sprintf("%s %s/%s", strings.TrimPrefix(g.Room, d.prefix), g.Member.UserID, g.Member.Username))
		}
	}
}

func (d *departures) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.Sort(d.all)
	return strings.Join(d.all, ", ")
}
