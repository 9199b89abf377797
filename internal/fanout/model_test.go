package fanout

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// feed acts as a log with rooms and one lock. It records each action with the time of a clock
// that ticks with every step. At the end all records are checked.
type feed struct {
	t     *testing.T
	sinks Sinks
	clock atomic.Int64

	mu    sync.Mutex
	rooms [4]struct {
		watchers   Watchers
		who        map[*Outlet]bool // the expected watchers
		subscribed bool             // by the results of first and last
	}
	pushes []span // the offset of a push is its index here plus one
}

// span is the time of an action.
type span struct {
	room       int
	begin, end int64
}

// watch is the time in which a sink watched a room: surely from in to out, and perhaps from
// called to returned.
type watch struct {
	room                         int
	inCalled, in, outCalled, out int64
}

// server is a sink, with the only goroutine that opens and closes it.
type server struct {
	*feed
	random *rand.Rand
	open   atomic.Bool // from before Open to after Close
	down   atomic.Int64
	depth  atomic.Int64
	back   atomic.Bool // Push calls the feed

	opened  bool
	now     map[int]watch // by room
	watches []watch       // ended watches

	got sync.Map // of *atomic.Int64: offset to number of pushes
}

func (s *server) Push(room, epoch string, e chatlog.Event) {
	if !s.open.Load() {
		s.t.Errorf("a push after Close")
	}
	n, _ := s.got.LoadOrStore(e.Offset, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	if runtime.Gosched(); s.back.Load() && s.depth.Add(1) < 20 {
		s.push(int(e.Offset) % len(s.rooms))
	}
	if !s.open.Load() {
		s.t.Errorf("Close returned during a push")
	}
}

func (s *server) Interrupted(err error) { s.told(+1) }
func (s *server) Resumed()              { s.told(-1) }

func (s *server) told(d int64) {
	if !s.open.Load() {
		s.t.Errorf("the sink is called after Close")
	}
	if n := s.down.Add(d); n != 0 && n != 1 {
		s.t.Errorf("the feed is interrupted %d times", n)
	}
}

// push pushes to a room.
func (f *feed) push(room int) {
	p := span{room: room, begin: f.clock.Add(1)}
	f.mu.Lock()
	watchers := f.rooms[room].watchers
	f.pushes = append(f.pushes, p)
	offset := len(f.pushes)
	f.mu.Unlock()
	runtime.Gosched()
	watchers.Push(fmt.Sprint(room), "", &chatlog.Event{Offset: uint64(offset)})
	end := f.clock.Add(1)
	f.mu.Lock()
	f.pushes[offset-1].end = end
	f.mu.Unlock()
}

// change adds or removes o, and compares first and last with the model.
func (f *feed) change(room int, o *Outlet, add bool) {
	r := &f.rooms[room]
	if r.who == nil {
		r.who = map[*Outlet]bool{}
	}
	before := len(r.who)
	if add {
		r.who[o] = true
		if first := r.watchers.Add(o); first != (before == 0) {
			f.t.Errorf("first is %t, of %d", first, before)
		} else if first {
			f.subscribe(room, true)
		}
	} else {
		delete(r.who, o)
		if last := r.watchers.Remove(o); last != (before == 1 && len(r.who) == 0) {
			f.t.Errorf("last is %t, of %d and now %d", last, before, len(r.who))
		} else if last {
			f.subscribe(room, false)
		}
	}
	if len(r.watchers) != len(r.who) || r.subscribed != (len(r.who) > 0) {
		f.t.Errorf("%d watchers, subscribed %t, want %d", len(r.watchers), r.subscribed, len(r.who))
	}
}

func (f *feed) subscribe(room int, on bool) {
	if r := &f.rooms[room]; r.subscribed == on {
		f.t.Errorf("subscribed became %t twice", on)
	} else {
		r.subscribed = on
	}
}

// step does one random action of a server.
func (s *server) step() {
	room := s.random.IntN(len(s.rooms))
	w, watching := s.now[room]
	switch n := s.random.IntN(20); {
	case n < 3 && !s.opened:
		s.open.Store(true)
		s.sinks.Open(s)
		s.sinks.Open(s) // changes nothing
		s.opened = true
	case n < 8:
		called := s.clock.Add(1)
		s.mu.Lock()
		o := s.sinks.Get(s)
		if (o != nil) != s.opened {
			s.t.Errorf("the sink is open: %t, want %t", o != nil, s.opened)
		}
		if o != nil {
			s.change(room, o, true)
		}
		s.mu.Unlock()
		if o != nil && !watching {
			s.now[room] = watch{room: room, inCalled: called, in: s.clock.Add(1)}
		}
	case n < 12:
		w.outCalled = s.clock.Add(1)
		s.mu.Lock()
		s.change(room, s.sinks.Get(s), false)
		s.mu.Unlock()
		if watching {
			w.out = s.clock.Add(1)
			s.watches = append(s.watches, w)
			delete(s.now, room)
		}
	case n < 13:
		s.close()
	case n < 14:
		s.depth.Store(0)
		s.back.Store(!s.back.Load())
	default:
		s.push(room)
	}
}

// close closes the sink, while another goroutine lets it watch a room.
func (s *server) close() {
	called := s.clock.Add(1)
	late := s.random.IntN(len(s.rooms))
	var other sync.WaitGroup
	other.Go(func() {
		for range 10 {
			s.mu.Lock()
			if o := s.sinks.Get(s); o != nil {
				s.change(late, o, true)
			}
			s.mu.Unlock()
			runtime.Gosched()
		}
	})
	s.sinks.Close(s, func(o *Outlet) {
		for room := range s.rooms {
			s.mu.Lock()
			s.change(room, o, false)
			s.mu.Unlock()
			runtime.Gosched()
		}
	})
	out := s.clock.Add(1)
	s.open.Store(false)
	other.Wait()
	s.opened = false
	s.down.Store(0)
	for _, w := range s.now {
		w.outCalled, w.out = called, out
		s.watches = append(s.watches, w)
	}
	clear(s.now)
	s.watches = append(s.watches, watch{room: late, inCalled: called, in: out, outCalled: called, out: out})
}

// check compares the pushes to the sink with the times of its watches.
func (s *server) check() {
	for i, p := range s.pushes {
		var n int64
		if v, ok := s.got.Load(uint64(i + 1)); ok {
			n = v.(*atomic.Int64).Load()
		}
		must, may := false, false
		for _, w := range s.watches {
			must = must || w.room == p.room && w.in < p.begin && p.end < w.outCalled
			may = may || w.room == p.room && w.inCalled < p.end && p.begin < w.out
		}
		if must && n != 1 || n > 1 || n == 1 && !may {
			s.t.Errorf("got %d pushes to room %d; required: %t, allowed: %t", n, p.room, must, may)
		}
	}
}

// TestModel lets servers open, watch, unwatch, push and close, while connections are lost and
// come back. It compares their pushes with a plain model.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		if t.Failed() {
			t.Fatalf("with seed %d", seed-1)
		}
		f := &feed{t: t}
		servers := make([]*server, 6)
		var wg sync.WaitGroup
		for i := range servers {
			s := &server{feed: f, random: rand.New(rand.NewPCG(seed, uint64(i))), now: map[int]watch{}}
			servers[i] = s
			wg.Go(func() {
				for range 400 {
					s.step()
				}
			})
		}
		var down [3]bool
		for i := range down {
			random := rand.New(rand.NewPCG(seed, uint64(100+i)))
			wg.Go(func() {
				for range 200 {
					if down[i] = random.IntN(2) == 0; down[i] {
						f.sinks.Interrupted(i, errors.New("lost"))
					} else {
						f.sinks.Resumed(i)
					}
					runtime.Gosched()
				}
			})
		}
		wg.Wait()
		for i, s := range servers {
			if isDown := s.down.Load() == 1; s.opened && isDown != (down != [3]bool{}) {
				t.Errorf("sink %d is interrupted: %t, but the lost connections are: %v", i, isDown, down)
			}
			s.close()
		}
		for _, s := range servers {
			s.check()
		}
		for i := range f.rooms {
			if r := &f.rooms[i]; len(r.watchers) > 0 || r.subscribed {
				t.Errorf("room %d is still watched after all sinks are closed", i)
			}
		}
	}
}
