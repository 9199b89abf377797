package fanout

import (
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// TestLast closes sinks, and checks which close is reported as the last.
func TestLast(t *testing.T) {
	var s Sinks
	a, b := &server{feed: &feed{t: t}}, &server{feed: &feed{t: t}}
	left := 0
	leave := func(*Outlet) { left++ }
	for range 2 {
		s.Open(a)
		s.Open(b)
		for i, x := range []struct {
			sink *server
			last bool
		}{{a, false}, {a, false}, {b, true}, {b, false}} {
			if last := s.Close(x.sink, leave); last != x.last {
				t.Errorf("close %d was the last: %v, want %v", i, last, x.last)
			}
		}
	}
	if left != 4 {
		t.Errorf("%d have left, want 4", left)
	}
}

// TestPushAllocates checks the allocations of a push.
func TestPushAllocates(t *testing.T) {
	var s Sinks
	var w Watchers
	for range 3 {
		sink := &quiet{}
		s.Open(sink)
		w.Add(s.Get(sink))
	}
	e := chatlog.Event{Type: chatlog.TypeMessage, Text: "hi"}
	if n := testing.AllocsPerRun(1000, func() { w.Push("r", "e", &e) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

type quiet struct{ told int }

func (q *quiet) Push(string, string, chatlog.Event) { q.told++ }
func (q *quiet) Interrupted(error)                  {}
func (q *quiet) Resumed()                           {}
