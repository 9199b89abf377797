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

// eraseLocked carries out d, a TypeDelete.
func (r *room) eraseLocked(d *chatlog.Event) {
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

// erasedSince reports whether the room has seen a deletion since there were so many.
func (r *room) erasedSince(erasures uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.erasures != erasures
}
