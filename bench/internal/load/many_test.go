//go:build linux

package load

import (
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
	"testing"
)

// Every room has its members, all different, and each member finds the room among its own.
func TestRoomsOfClients(t *testing.T) {
	for _, p := range []Plan{
		{Rooms: 10, Members: 10, Joined: 5}, {Rooms: 7, Members: 6, Joined: 3}, {Rooms: 5, Members: 5, Joined: 5},
		{Rooms: 4, Members: 3, Joined: 1}, {Rooms: 4, Members: 3},
	} {
		p.Addr, p.Text = "127.0.0.1:1", 80
		l, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		memberships := 0
		for room := range p.Rooms {
			seen := map[int]bool{}
			for k := range p.Members {
				c := l.member(room, k)
				seen[c.index] = true
				in := 0
				for j := range max(1, p.Joined) {
					if l.roomOf(c, j) == room {
						in++
					}
				}
				if in != 1 {
					t.Errorf("%+v: client %d is %d times in room %d", p, c.index, in, room)
				}
			}
			if len(seen) != p.Members {
				t.Errorf("%+v: room %d has %d members", p, room, len(seen))
			}
			memberships += len(seen)
		}
		if want := p.Conns() * max(1, p.Joined); memberships != want {
			t.Errorf("%+v: %d members in all rooms, want %d", p, memberships, want)
		}
	}
}

func TestPlanCheck(t *testing.T) {
	for _, p := range []Plan{
		{Rooms: 10, Members: 9, Joined: 5}, {Rooms: 4, Members: 10, Joined: 5}, {Rooms: 10, Members: 10, Joined: -1},
		{Rooms: 10, Members: 10, Joined: 5, Stalled: 0.5}, {Rooms: 10, Members: 10, Joined: 5, Deflate: true},
	} {
		p.Addr = "127.0.0.1:1"
		if l, err := New(p); err == nil {
			l.Close()
			t.Errorf("%+v: no error", p)
		}
	}
}

// Each client shares out its messages evenly over its rooms, and names them.
func TestMessagesNameRooms(t *testing.T) {
	for _, centrifuge := range []bool{false, true} {
		l, err := New(Plan{Addr: "127.0.0.1:1", Rooms: 10, Members: 10, Joined: 5, Text: 80, Window: 100, Centrifuge: centrifuge})
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		const each = 3
		l.limited, l.budget = true, each*l.plan.Joined
		l.refillAll() // the sockets are closed, so it stays in out
		name := regexp.MustCompile(`"(?:room|channel)":"r(\d+)"`)
		for i := range l.conns {
			c := &l.conns[i]
			got := map[string]int{}
			for len(c.out) > 0 {
				size, n := parseHeader(c.out)
				mask, payload := c.out[size:size+4], c.out[size+4:size+4+n]
				for i := range payload {
					payload[i] ^= mask[i%4]
				}
				if !json.Valid(payload) {
					t.Fatalf("not JSON: %s", payload)
				}
				if m := name.FindSubmatch(payload); m != nil {
					got[string(m[1])]++
				}
				c.out = c.out[size+4+n:]
			}
			want := map[string]int{}
			for j := range l.plan.Joined {
				want[strconv.Itoa(l.roomOf(c, j))] = each
			}
			if !maps.Equal(got, want) {
				t.Errorf("client %d sent to rooms %v, want %v", i, got, want)
			}
		}
	}
}

// A client is ready with the last welcome, and not before; what is refused ends it.
func TestGreeted(t *testing.T) {
	l, err := New(Plan{Addr: "127.0.0.1:1", Rooms: 2, Members: 2, Joined: 2, Text: 80})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := &l.conns[0]
	l.greet(c)
	for i, payload := range []string{`{"type":"hello"}`, `{"type":"welcome","room":"r0"}`, `{"type":"join","room":"r0"}`, `{"type":"welcome","room":"r1"}`} {
		if c.state != connecting {
			t.Fatalf("state %d before object %d", c.state, i)
		}
		l.greeted(c, []byte(payload))
	}
	if c.state != open || l.ready != 1 || l.failed != nil {
		t.Errorf("state %d, %d ready, %v", c.state, l.ready, l.failed)
	}
	for i, payload := range []string{`{"type":"error","code":"too_many"}`, `{"type":"left","code":1013}`} {
		c := &l.conns[1]
		c.state, l.failed = connecting, nil
		if l.greeted(c, []byte(payload)); c.state != ended || l.failed == nil {
			t.Errorf("refusal %d: state %d, %v", i, c.state, l.failed)
		}
	}
}
