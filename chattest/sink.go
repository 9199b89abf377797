package chattest

import (
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A push is one push to a sink.
type push struct {
	room, epoch string
	event       chatlog.Event
}

// sink records its pushes.
type sink struct {
	log chatlog.Log

	mu     sync.Mutex
	pushes []push
	closed bool
	late   int // pushes after Close returned
}

func (s *sink) Push(room, epoch string, e chatlog.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes = append(s.pushes, push{room, epoch, e})
	if s.closed {
		s.late++
	}
}

func (s *sink) Interrupted(error) {}
func (s *sink) Resumed()          {}

// connect opens a sink on l until the test ends or it is closed.
func connect(t testing.TB, l chatlog.Log, rooms ...string) *sink {
	t.Helper()
	s := &sink{log: l}
	if err := l.Open(within(t), s); err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.close(t) })
	for _, room := range rooms {
		s.watch(t, room)
	}
	return s
}

func (s *sink) watch(t testing.TB, room string) {
	t.Helper()
	if err := s.log.Watch(within(t), s, room); err != nil {
		t.Fatalf("Watch of %q: %v", room, err)
	}
}

func (s *sink) close(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	if err := s.log.Close(s); err != nil {
		t.Errorf("Close: %v", err)
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

// find returns the first push that ok accepts.
func (s *sink) find(ok func(push) bool) (push, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pushes {
		if ok(p) {
			return p, true
		}
	}
	return push{}, false
}

// told reports whether s knows that room has reached offset.
func (s *sink) told(room string, offset uint64) bool {
	_, ok := s.find(func(p push) bool { return p.room == room && p.event.Offset >= offset })
	return ok
}

// allTold reports whether all sinks learn within a short time that room has reached offset.
func allTold(sinks []*sink, room string, offset uint64) bool {
	return pollFor(patience/10, func() bool {
		for _, s := range sinks {
			if !s.told(room, offset) {
				return false
			}
		}
		return true
	})
}

// signal returns the signal that was pushed to s for room.
func (s *sink) signal(room, id string) (chatlog.Event, bool) {
	p, ok := s.find(func(p push) bool { return p.room == room && p.event.Offset == 0 && p.event.ID == id })
	return p.event, ok
}
