package memlog

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// countSink counts pushes, and does something in each.
type countSink struct {
	n  atomic.Int64
	do func(room string)
}

func (s *countSink) Push(room, _ string, _ chatlog.Event) {
	if s.n.Add(1); s.do != nil {
		s.do(room)
	}
}
func (s *countSink) Interrupted(error) {}
func (s *countSink) Resumed()          {}

// TestMemoryLogCloseWaits closes a sink during a slow push.
func TestMemoryLogCloseWaits(t *testing.T) {
	l := New(10, 1<<20, time.Hour)
	begun, end := make(chan bool), make(chan bool)
	s := &countSink{do: func(string) {
		begun <- true
		<-end
	}}
	l.Open(bg, s)
	l.Watch(bg, s, "r")
	late := l.sinks.Get(s)
	go l.Append(bg, "r", chatlog.Event{Type: chatlog.TypeMessage})
	<-begun
	closed := make(chan bool)
	go func() {
		l.Close(s)
		close(closed)
	}()
	// The room has no watcher before Close waits.
	for l.watched("r") {
		time.Sleep(time.Millisecond)
	}
	say(t, l, "r", "")
	select {
	case <-closed:
		t.Fatal("Close returned during a push")
	case <-time.After(10 * time.Millisecond):
	}
	close(end)
	<-closed
	late.Push("r", "", &chatlog.Event{}) // like the push of an Append that began before Close
	if n := s.n.Load(); n != 1 {
		t.Errorf("%d pushes, want 1", n)
	}
}

func (l *Log) watched(room string) bool {
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rooms[room]
	return r != nil && len(r.watchers) > 0
}

// TestMemoryLogPushComesBack has sinks that use the log inside Push, while other sinks close.
func TestMemoryLogPushComesBack(t *testing.T) {
	l := New(10, 1<<20, time.Hour)
	for range 50 {
		var depth atomic.Int32
		s := &countSink{}
		s.do = func(room string) {
			if depth.Add(1) < 50 {
				l.Signal(bg, room, chatlog.Event{Type: chatlog.TypeTyping})
				l.Append(bg, room, chatlog.Event{Type: chatlog.TypeMessage})
				l.Watch(bg, s, room+"2")
				l.Unwatch(s, room+"2")
				l.Leave(bg, "s1", room, "u")
			}
		}
		l.Open(bg, s)
		l.Watch(bg, s, "r")
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for range 10 {
					l.Append(bg, "r", chatlog.Event{Type: chatlog.TypeMessage})
				}
			})
		}
		l.Close(s)
		n := s.n.Load()
		wg.Wait()
		if s.n.Load() != n {
			t.Fatal("a push after Close")
		}
	}
}

// TestAppendAllocates checks the allocations of a message's way through the log.
func TestAppendAllocates(t *testing.T) {
	l := New(100, 1<<20, time.Hour)
	for range 2 {
		s := &countSink{}
		l.Open(bg, s)
		l.Watch(bg, s, "r")
	}
	e := chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Username: "U", Text: "hi"}
	if n := testing.AllocsPerRun(1000, func() { l.Append(bg, "r", e) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
	e.ID = "x"
	if n := testing.AllocsPerRun(1000, func() { l.Append(bg, "r", e) }); n > 0 {
		t.Errorf("%v allocations for a repetition, want none", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	text := fmt.Sprintf("%100d", 1)
	for _, bb := range []struct {
		name    string
		watched bool
		ids     bool
	}{{"unwatched", false, false}, {"watched", true, false}, {"watched with ids", true, true}} {
		b.Run(bb.name, func(b *testing.B) {
			l := New(256, 1<<20, time.Hour)
			if bb.watched {
				s := &countSink{}
				l.Open(bg, s)
				l.Watch(bg, s, "r")
			}
			var ids []string
			for i := range 1 << 16 {
				ids = append(ids, fmt.Sprintf("c%d", i))
			}
			e := chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Username: "U", Text: text}
			b.ReportAllocs()
			user, n := 0, 0
			for b.Loop() {
				if bb.ids {
					if n++; n == len(ids) {
						n = 0
						user++
						e.UserID = fmt.Sprint(user)
					}
					e.ID = ids[n]
				}
				l.Append(bg, "r", e)
			}
		})
	}
	b.Run("many rooms concurrently", func(b *testing.B) {
		l := New(256, 1<<20, time.Hour)
		s := &countSink{}
		l.Open(bg, s)
		var next atomic.Int32
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			room := fmt.Sprint("r", next.Add(1))
			l.Watch(bg, s, room)
			e := chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Username: "U", Text: text}
			for pb.Next() {
				l.Append(bg, room, e)
			}
		})
	})
}

func BenchmarkMembers(b *testing.B) {
	l := New(256, 1<<20, time.Hour)
	for i := range 10_000 {
		l.Enter(bg, "s1", "r", chatlog.Member{UserID: fmt.Sprint("u", i), Username: fmt.Sprint("n", i%100), Connections: 1})
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Members(bg, "r", 100)
	}
}

func BenchmarkRooms(b *testing.B) {
	l := New(256, 1<<20, time.Hour)
	for i := range 100_000 {
		l.Enter(bg, "s1", fmt.Sprint("r", i), chatlog.Member{UserID: "u", Username: "U", Connections: 1})
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Rooms(bg)
	}
}
