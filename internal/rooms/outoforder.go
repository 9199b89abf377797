package rooms

import "github.com/seed-08328bfd/chat/chatlog"

// earlyEntry is an entry that waits for an earlier one.
type earlyEntry struct {
	epoch string
	chatlog.Event
}

// maxOutOfOrder limits the entries that wait for an earlier one.
const maxOutOfOrder = 64

func (r *room) keepOutOfOrderLocked(epoch string, e chatlog.Event) {
	old, taken := r.outOfOrder[e.Offset]
	if e.Type == "" || len(r.outOfOrder) >= maxOutOfOrder || taken && old.epoch != epoch {
		r.missedPush = true // a read of the log gets it
		return
	}
	if r.outOfOrder == nil {
		r.outOfOrder = map[uint64]earlyEntry{}
	}
	r.outOfOrder[e.Offset] = earlyEntry{epoch, e}
}

// appendInOrderLocked appends the waiting entries whose turn has come. It drops entries of
// another epoch: a read of the log tells which epoch is right.
func (r *room) appendInOrderLocked() {
	for o, e := range r.outOfOrder {
		if e.epoch != r.epoch {
			delete(r.outOfOrder, o)
			r.missedPush = true
		}
	}
	for len(r.outOfOrder) > 0 {
		e, ok := r.outOfOrder[r.last.Offset+1]
		if !ok {
			break
		}
		delete(r.outOfOrder, e.Offset)
		r.appendLocked(&e.Event)
	}
	for o := range r.outOfOrder {
		if o <= r.last.Offset {
			delete(r.outOfOrder, o)
		}
	}
}
