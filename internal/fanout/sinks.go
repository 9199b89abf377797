// Package fanout pushes a log's events to the servers in its process. The logs differ in
// how they learn of events. They have in common which sinks are open, which sinks watch a
// room, and how a sink is closed while events are pushed to it: this package does that.
package fanout

import (
	"sync"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Sinks is the table of a log's open sinks. The zero value is ready to use.
//
// The lock telling is taken before mu. A log may hold any of its own locks when it calls
// Get. When it calls another method, it must not hold a lock that a sink needs.
type Sinks struct {
	telling sync.Mutex    // held while sinks are told that the feed is interrupted or has resumed
	down    map[any]error // connections of the log that are lost, and their errors; guarded by telling

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

// Get returns the outlet of sink, or nil if it is not open. A caller that will add it to
// the watchers of a room holds the lock that guards these watchers: see Close.
func (s *Sinks) Get(sink chatlog.Sink) *Outlet {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[sink]
}

// Close removes sink and waits for the calls to it that are in progress; no call begins
// after that. It must not be called from within such a call. Before it waits, it calls
// leave, which removes the outlet from the watchers of all rooms. A caller that got the
// outlet before that, under the watchers' lock, has added it before leave can take that
// lock: so leave finds it. Close reports whether the sink was the last one open.
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

// Interrupted notes that pushes may be missing because of err, an error of by, which is one
// of the log's connections. The first connection that is lost interrupts the feed.
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

// Resumed notes that the connection by works again. When the last lost connection works
// again, the feed resumes.
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

// why returns the error that interrupted the feed, or nil. The caller holds telling.
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
