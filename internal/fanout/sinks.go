// Package fanout carries what a log announces to the servers in its process. The
// logs differ in how they hear of events; who is open, who watches a room, and how a
// sink is closed while others push to it is the same, and is here.
package fanout

import (
	"sync"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Sinks is the table of the open sinks of a log. It is ready as it is.
//
// Its locks are its own: telling comes before mu, and a log may hold any of its locks
// when it calls Get, but none that a sink needs when it calls another method.
type Sinks struct {
	telling sync.Mutex    // held while sinks are told that the feed is down or back
	down    map[any]error // what has lost its connection, and why; guarded by telling

	mu   sync.RWMutex
	open map[chatlog.Sink]*Outlet // guarded by mu
}

// Open adds sink, unless it is open already. If the feed is interrupted, the sink is
// told before Open returns.
func (s *Sinks) Open(sink chatlog.Sink) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	o := s.open[sink]
	isNew := o == nil
	if isNew {
		if s.open == nil {
			s.open = map[chatlog.Sink]*Outlet{}
		}
		o = newOutlet(sink)
		s.open[sink] = o
	}
	s.mu.Unlock()
	if err := s.why(); isNew && err != nil {
		o.interrupted(err)
	}
}

// Get returns the outlet of sink, or nil if it is not open. Who means to add it to
// the watchers of a room holds the lock that guards them: see Close.
func (s *Sinks) Get(sink chatlog.Sink) *Outlet {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[sink]
}

// Close removes sink and waits for the calls to it that are under way; none begins
// after that. It must not be called from within such a call. In between it calls
// leave, which takes the outlet from the watchers of all rooms: whoever Gets it before
// that, under the watchers' lock, has added it by the time leave holds that lock. Close
// reports whether the sink was the last one open.
func (s *Sinks) Close(sink chatlog.Sink, leave func(*Outlet)) (last bool) {
	s.mu.Lock()
	o := s.open[sink]
	delete(s.open, sink)
	last = o != nil && len(s.open) == 0
	s.mu.Unlock()
	if o == nil {
		return false
	}
	leave(o)
	o.close()
	return last
}

// Interrupted notes that pushes may be missing because of err, which happened to by,
// one of the connections of a log. The first one that is lost interrupts the feed.
func (s *Sinks) Interrupted(by any, err error) {
	s.telling.Lock()
	defer s.telling.Unlock()
	first := len(s.down) == 0
	if s.down == nil {
		s.down = map[any]error{}
	}
	s.down[by] = err
	if !first {
		return
	}
	for _, o := range s.all() {
		o.interrupted(err)
	}
}

// Resumed notes that by is in order. The last one that is back resumes the feed.
func (s *Sinks) Resumed(by any) {
	s.telling.Lock()
	defer s.telling.Unlock()
	was := len(s.down)
	delete(s.down, by)
	if was == 0 || len(s.down) > 0 {
		return
	}
	for _, o := range s.all() {
		o.resumed()
	}
}

// why returns why the feed is interrupted, or nil. The caller holds telling.
func (s *Sinks) why() error {
	for _, err := range s.down {
		return err
	}
	return nil
}

func (s *Sinks) all() []*Outlet {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Outlet, 0, len(s.open))
	for _, o := range s.open {
		all = append(all, o)
	}
	return all
}
