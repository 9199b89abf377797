package fanout

import (
	"slices"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Watchers is the sinks that watch a room. A log keeps it beside what else it knows of
// the room, and guards it with the same lock. What a copy of it holds never changes:
// so it is copied under the lock, and pushed to without.
type Watchers []*Outlet

// Add has o watch the room. first says that nobody did before.
func (w *Watchers) Add(o *Outlet) (first bool) {
	if slices.Contains(*w, o) {
		return false
	}
	*w = append(*w, o)
	return len(*w) == 1
}

// Remove ends what Add began. last says that nobody watches the room now, and that
// somebody did.
func (w *Watchers) Remove(o *Outlet) (last bool) {
	i := slices.Index(*w, o)
	if i < 0 {
		return false
	}
	*w = slices.Concat((*w)[:i], (*w)[i+1:]) // not in place: copies are being read
	return len(*w) == 0
}

// Push pushes e to all of them. No lock may be held that a sink needs, and a server
// may hold one in a call of Unwatch that its Push needs: so none of the log's.
func (w Watchers) Push(room, epoch string, e *chatlog.Event) {
	for _, o := range w {
		o.Push(room, epoch, e)
	}
}
