package rooms

import (
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// When a server sees a TypeDelete, in its turn or before it, the message and what has amended
// it leave the server's memory: the stream, and the entries that wait for an earlier one.

// deletes reports whether the entry e is deleted by the later entry d.
func deletes(d, e *chatlog.Event) bool {
	return d.Type == chatlog.TypeDelete && e.Offset < d.Offset && (e.Offset == d.Target || e.Amends() && e.Target == d.Target)
}

// erase returns the place of e when it is deleted.
func erase(e *chatlog.Event) *chatlog.Event {
	return &chatlog.Event{Type: chatlog.TypePrivate, Offset: e.Offset, Time: e.Time}
}

// An erasure is a deletion that a room has seen: of the message target, by a later entry.
type erasure struct{ target, by uint64 }

// maxErasures is how many of its latest erasures a room remembers.
const maxErasures = 256

// eraseLocked carries out d, a TypeDelete.
func (r *room) eraseLocked(d *chatlog.Event) {
	if n := (erasure{d.Target, d.Offset}); len(r.erased) < maxErasures {
		r.erased = append(r.erased, n)
	} else {
		r.erased[r.erasures%maxErasures] = n
	}
	r.erasures++
	erased := r.stream.Erase(d.Target, d.Offset)
	for o, e := range r.outOfOrder {
		if deletes(d, &e.Event) {
			r.outOfOrder[o] = earlyEntry{e.epoch, *erase(&e.Event)}
			erased = true
		}
	}
	if erased {
		wsconn.ForgetDeflated()
	}
}

// eraseAheadLocked carries out the deletions among the entries that wait.
func (r *room) eraseAheadLocked() {
	for _, d := range r.outOfOrder {
		if d.Type == chatlog.TypeDelete && d.epoch == r.epoch {
			r.eraseLocked(&d.Event)
		}
	}
}

// deletedAheadLocked reports whether one of the entries that wait deletes e, of epoch.
func (r *room) deletedAheadLocked(epoch string, e *chatlog.Event) bool {
	for _, d := range r.outOfOrder {
		if d.epoch == epoch && deletes(&d.Event, e) {
			return true
		}
	}
	return false
}

// dropErased removes from page what the room has erased since it had seen so many erasures,
// which was before page was read. It reports false if those are too many to tell.
func (r *room) dropErased(page *chatlog.Page, since uint64) (ok bool) {
	r.mu.Lock()
	n := r.erasures - since
	if n == 0 || n > maxErasures {
		r.mu.Unlock()
		return n == 0
	}
	by := make(map[uint64]uint64, n)
	for ; since < r.erasures; since++ {
		d := r.erased[since%maxErasures]
		by[d.target] = d.by
	}
	r.mu.Unlock()
	var kept []chatlog.Event // the log may share what it has returned
	for i := range page.Events {
		e := &page.Events[i]
		if e.Offset < by[e.Offset] || e.Amends() && e.Offset < by[e.Target] {
			continue
		}
		kept = append(kept, *e)
	}
	page.Events = kept
	return true
}
