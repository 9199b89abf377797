package chattest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// announced appends to room until every sink gets a push. Some pushes may be lost, but not all
// of them.
func announced(t *testing.T, l chatlog.Log, room string, sinks []*sink) {
	t.Helper()
	for range 10 {
		e, _ := put(t, l, room, message("in "+room))
		if allTold(sinks, room, e.Offset) {
			return
		}
	}
	t.Fatalf("not every sink received entries of %q", room)
}

// testAnnounce checks the pushes of entries to watching servers.
func testAnnounce(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	room, unseen := newName("announce"), newName("announce")
	sinks := []*sink{connect(t, a, room), connect(t, a, room), connect(t, b, room)}
	for i := range 20 {
		e := message(fmt.Sprint(i))
		if e.ID = e.Text; i%4 == 3 {
			e.Type, e.To, e.ToUsername = chatlog.TypePrivate, "u2", "Bob"
		}
		put(t, []chatlog.Log{a, b}[i%2], room, e)
		put(t, a, unseen, e)
	}
	announced(t, a, room, sinks)
	announced(t, b, room, sinks)
	p := read(t, a, room, chatlog.Range{From: 1, Limit: kept})
	for _, s := range sinks {
		s.find(func(got push) bool {
			if got.room != room {
				return false
			}
			if o := got.event.Offset; got.epoch != p.Position.Epoch || o < 1 || o > p.Position.Offset {
				t.Errorf("pushed %+v, but the room is at %v", got, p.Position)
			} else if got.event.Type != "" && !same(got.event, p.Events[o-1]) {
				t.Errorf("pushed %+v, read %+v", got.event, p.Events[o-1])
			}
			return false
		})
	}

	// A repetition is not pushed. An entry of the next room is.
	next := newName("announce")
	for _, s := range sinks {
		s.watch(t, next)
	}
	announced(t, a, next, sinks)
}

// testAnnounceNames watches rooms whose names are easy to confuse.
func testAnnounceNames(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	unique := newName("")
	s := connect(t, b)
	for _, name := range confusingNames {
		s.watch(t, name+unique)
	}
	for _, name := range confusingNames {
		announced(t, a, name+unique, []*sink{s})
	}
	s.find(func(p push) bool {
		if p.event.Type != "" && p.event.Text != "in "+p.room {
			t.Errorf("the sink of %q received %q", p.room, p.event.Text)
		}
		return false
	})
}

// signalled signals to room until every sink gets a push, and returns the event.
func signalled(t *testing.T, l chatlog.Log, room string, e chatlog.Event, sinks []*sink) chatlog.Event {
	t.Helper()
	for range 10 {
		e.ID = newName("signal")
		if err := l.Signal(within(t), room, e); err != nil {
			t.Fatalf("Signal to %q: %v", room, err)
		}
		if pollFor(patience/10, func() bool {
			for _, s := range sinks {
				if _, ok := s.signal(room, e.ID); !ok {
					return false
				}
			}
			return true
		}) {
			return e
		}
	}
	t.Fatalf("signals to %q do not reach all sinks", room)
	return e
}

// testSignal sends events that no log keeps.
func testSignal(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	room := newName("signal")
	sinks := []*sink{connect(t, a, room), connect(t, a, room), connect(t, b, room)}
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, e := range []chatlog.Event{
		{Type: chatlog.TypeTyping, UserID: "u1", Username: "Alice", Time: now},
		{Type: chatlog.TypeSystem, Kind: "join", UserID: "u1", Username: "Alice", Text: "Alice joined the room", Time: now},
		{Type: chatlog.TypeSystem, Kind: "disconnect", UserID: "u\"1", Username: "Al\x00ice", To: "a\u2028b", ToUsername: "😀", Text: "'\n\\", Time: now},
		{Type: chatlog.TypeTyping, Offset: 7, Time: now},
	} {
		e = signalled(t, a, room, e, sinks)
		e.Offset = 0
		for _, s := range sinks {
			if got, _ := s.signal(room, e.ID); !same(got, e) {
				t.Errorf("signalled %+v, pushed %+v", e, got)
			}
		}
	}
	if p := read(t, a, room, chatlog.Range{Limit: 10}); p.Position.Offset != 0 || len(p.Events) != 0 {
		t.Errorf("signals were stored: %+v", p)
	}
	// A signal to a room that nobody watches is no error.
	if err := a.Signal(within(t), newName("signal"), chatlog.Event{Type: chatlog.TypeTyping}); err != nil {
		t.Errorf("Signal to an unwatched room: %v", err)
	}
	for _, name := range confusingNames {
		name += newName("")
		for _, s := range sinks {
			s.watch(t, name)
		}
		signalled(t, b, name, chatlog.Event{Type: chatlog.TypeTyping, UserID: name, Time: now}, sinks)
	}
}

// testUnwatch stops watching.
func testUnwatch(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	room, other := newName("unwatch"), newName("unwatch")
	leaver, neighbour, far := connect(t, a, room, other), connect(t, a, room), connect(t, b, room)
	signalled(t, b, room, chatlog.Event{Type: chatlog.TypeTyping}, []*sink{leaver, neighbour, far})
	a.Unwatch(leaver, room)
	quiet := 0
	eventually(t, "pushes to end after Unwatch", func() bool {
		e := signalled(t, b, room, chatlog.Event{Type: chatlog.TypeTyping}, []*sink{neighbour, far})
		if _, ok := leaver.signal(room, e.ID); ok {
			quiet = 0
		} else {
			quiet++
		}
		return quiet == 3
	})
	// Other rooms and sinks still get pushes. So does this room when it is watched again.
	announced(t, b, room, []*sink{neighbour, far})
	announced(t, b, other, []*sink{leaver})
	leaver.watch(t, room)
	signalled(t, b, room, chatlog.Event{Type: chatlog.TypeTyping}, []*sink{leaver, neighbour, far})
	a.Unwatch(leaver, newName("never-watched"))
}

// testClose disconnects a sink while it is pushed to.
func testClose(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	room := newName("close")
	for range 3 {
		leaver, stayer := connect(t, a, room), connect(t, a, room)
		announced(t, b, room, []*sink{leaver, stayer})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				l := []chatlog.Log{a, b}[i]
				for {
					select {
					case <-stop:
						return
					default:
					}
					if _, err := l.Append(within(t), room, message("x")); err != nil {
						t.Errorf("Append: %v", err)
						return
					}
					if err := l.Signal(within(t), room, chatlog.Event{Type: chatlog.TypeTyping}); err != nil {
						t.Errorf("Signal: %v", err)
						return
					}
				}
			})
		}
		from := positionOf(t, a, room).Offset
		allTold([]*sink{leaver}, room, from+5)
		leaver.close(t)
		from = positionOf(t, a, room).Offset
		if !pollFor(patience, func() bool { return stayer.told(room, from+20) }) {
			t.Errorf("another sink gets no pushes after Close")
		}
		close(stop)
		wg.Wait()
		stayer.close(t)
		leaver.mu.Lock()
		if leaver.late > 0 {
			t.Errorf("%d pushes after Close", leaver.late)
		}
		// A server whose start failed opens the same sink again.
		leaver.closed, leaver.pushes = false, nil
		leaver.mu.Unlock()
		if err := a.Open(within(t), leaver); err != nil {
			t.Fatalf("Open after Close: %v", err)
		}
		leaver.watch(t, room)
		announced(t, b, room, []*sink{leaver})
		leaver.close(t)
	}
}
