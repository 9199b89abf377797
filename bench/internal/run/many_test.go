//go:build linux

package run

import (
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/bench/internal/load"
)

// sharing are the servers that take connections with many rooms.
var sharing = []Peer{
	{"chat", "chat", nil},
	{"centrifuge", "centrifuge", nil},
	{"centrifuge-presence", "centrifuge", []string{"-presence"}},
}

// few is a plan of 20 users in 5 rooms each.
var few = load.Plan{Rooms: 10, Members: 10, Joined: 5, Text: 80}

// Every message comes once over each connection that is in its room, and over no other.
func TestManyExact(t *testing.T) {
	for _, p := range sharing {
		t.Run(p.Name, func(t *testing.T) {
			s, err := Start(binary, append([]string{"-kind", p.Kind}, p.Args...)...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Stop(); err != nil {
					t.Errorf("server: %v", err)
				}
				if log := s.stderr.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
					t.Error(log)
				}
			}()
			plan := few
			plan.Addr, plan.Centrifuge = s.Addr, p.Kind == "centrifuge"
			l, err := load.New(plan)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if _, err := l.Join(patience); err != nil {
				t.Fatal(err)
			}
			if err := l.Sync(patience); err != nil {
				t.Fatal(err)
			}
			const each = 20
			got, err := l.Exchange(each, 8, patience)
			if err != nil {
				t.Fatal(err)
			}
			if want := int64(plan.Rooms * plan.Members * plan.Members * each); got != want {
				t.Errorf("%d deliveries, want %d", got, want)
			}
			if lost := l.Run(0).Lost; lost != 0 {
				t.Errorf("%d connections or rooms lost", lost)
			}
		})
	}
}

// A run with many rooms gives what a user costs and what a delivery does.
func TestManyOne(t *testing.T) {
	c := Case{Name: "many", Sort: Many, Peers: sharing, Plan: few}
	c.Plan.Rate = 200
	o := Options{Binary: binary, Time: 300 * time.Millisecond, Warm: 10 * time.Millisecond}
	for _, p := range sharing {
		t.Run(p.Name, func(t *testing.T) {
			var res Result
			var err error
			for range 10 { // one that gets no processor for so long delivers nothing
				if res, err = One(&c, p, o); err != nil || res.Rate > 0 {
					break
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if res.Rate <= 0 || res.Joins <= 0 || res.Heap <= 0 || res.Stack <= 0 || res.RSSConn <= 0 || res.Lost != 0 {
				t.Errorf("strange figures: %+v", res)
			}
		})
	}
}

// Users in many rooms cost more than users in one, and less than a connection each would.
func TestJoin(t *testing.T) {
	chat := sharing[0]
	one, err := Join(chat, load.Plan{V1: true, Rooms: 10, Members: 10}, binary, "")
	if err != nil {
		t.Fatal(err)
	}
	many, err := Join(chat, load.Plan{Joined: 5, Rooms: 50, Members: 10}, binary, t.TempDir()+"/heap")
	if err != nil {
		t.Fatal(err)
	}
	if one.Heap <= 0 || many.Heap <= one.Heap || many.Stack >= 5*one.Stack || many.Released <= 0 {
		t.Errorf("strange figures: one room %+v, many %+v", one, many)
	}
}

// A server that does not let users into all their rooms is told, not waited for.
func TestManyRefused(t *testing.T) {
	s, err := Start(binary, "-kind", "chat")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	l, err := load.New(load.Plan{Addr: s.Addr, Rooms: 101, Members: 101, Joined: 101, Text: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Join(patience); err == nil || !strings.Contains(err.Error(), "too_many") {
		t.Errorf("101 rooms of one connection: %v", err)
	}
}
