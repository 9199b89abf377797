package rooms

import "github.com/seed-08328bfd/chat/chatlog"

// stashed is an entry that waits for an earlier one.
type stashed struct {
	epoch string
	chatlog.Event
}

// stashSize bounds the entries that wait for an earlier one.
const stashSize = 64

func (r *room) stashLocked(epoch string, e chatlog.Event) {
	old, taken := r.stash[e.Offset]
	if e.Type == "" || len(r.stash) >= stashSize || taken && old.epoch != epoch {
		r.missed = true // reading the log brings it
		return
	}
	if r.stash == nil {
		r.stash = map[uint64]stashed{}
	}
	r.stash[e.Offset] = stashed{epoch, e}
}

// unstashLocked appends what has its turn now. What is of another epoch is let go:
// reading the log tells which of the two it is in.
func (r *room) unstashLocked() {
	for o, e := range r.stash {
		if e.epoch != r.epoch {
			delete(r.stash, o)
			r.missed = true
		}
	}
	for len(r.stash) > 0 {
		e, ok := r.stash[r.last.Offset+1]
		if !ok {
			break
		}
		delete(r.stash, e.Offset)
		r.appendLocked(&e.Event)
	}
	for o := range r.stash {
		if o <= r.last.Offset {
			delete(r.stash, o)
		}
	}
}
