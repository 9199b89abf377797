package fanout

import (
	"slices"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Watchers are the sinks that watch a room. A log keeps them in its state of the room,
// under the room's lock. The elements of a copy never change: so copy it under the lock,
// and push to the copy without the lock.
type Watchers []*Outlet

// Add adds o to the watchers. first says that it is the only one.
func (w *Watchers) Add(o *Outlet) (first bool) {
	if slices.Contains(*w, o) {
		return false
	}
	*w = append(*w, o)
	return len(*w) == 1
}

// Remove removes o from the watchers. last says that o was the only one.
func (w *Watchers) Remove(o *Outlet) (last bool) {
	i := slices.Index(*w, o)
	if i < 0 {
		return false
	}
	*w = slices.Concat((*w)[:i], (*w)[i+1:]) // not in place: copies are being read
	return len(*w) == 0
}

// Trace tells all of them of the trace of an entry that is about to be pushed, under the
// conditions of Push. It does nothing if trace is empty.
func (w Watchers) Trace(room, epoch string, offset uint64, trace string) {
	if trace == "" {
		return
	}
	for _, o := range w {
		o.trace(room, epoch, offset, trace)
	}
}

// Push pushes e to all of them. The caller must not hold any lock of the log: a server may
// call Unwatch under a lock that its Push needs, and Unwatch needs the log's lock.
func (w Watchers) Push(room, epoch string, e *chatlog.Event) {
	for _, o := range w {
		o.Push(room, epoch, e)
	}
}
