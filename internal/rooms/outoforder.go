package rooms

import "github.com/seed-08328bfd/chat/chatlog"

// earlyEntry is an entry that waits for an earlier one.
type earlyEntry struct {
	epoch string
	chatlog.Event
}

// maxOutOfOrder limits the entries that wait for an earlier one.
const maxOutOfOrder = 64

// maxDeletesAhead limits them when the next one is a TypeDelete, which is carried out at
// once, and is kept so that what it deletes does not come after it.
const maxDeletesAhead = 4 * maxOutOfOrder

func (r *room) keepOutOfOrderLocked(epoch string, e chatlog.Event) {
	limit := maxOutOfOrder
	if e.Type == chatlog.TypeDelete {
		limit = maxDeletesAhead
		if r.ready && epoch == r.epoch {
			r.eraseLocked(&e)
		}
	}
	old, taken := r.outOfOrder[e.Offset]
	if e.Type == "" || len(r.outOfOrder) >= limit || taken && old.epoch != epoch {
		r.missedPush = true // a read of the log gets it
		return
	}
	if r.outOfOrder == nil {
		r.outOfOrder = map[uint64]earlyEntry{}
	}
	if r.deletedAheadLocked(epoch, &e) {
		e = *erase(&e)
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
