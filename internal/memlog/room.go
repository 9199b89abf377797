package memlog

import (
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

// roomState is the state of one room, guarded by its shard's lock.
type roomState struct {
	name  string
	epoch string
	entries
	ms int64 // time of the last entry

	ids      roomIDs
	markers  markers
	consumed map[string]uint64 // by consumer: the offset up to which it has handled the room
	watchers fanout.Watchers   // copied under the lock, pushed to without it
	users    map[string]*userState
	roster   []*userState // users by name
	version  uint64       // of the list of users; 0: no user

	idle idleRoom
}

const roomCost = 512 // bytes of a room without its entries

// stored returns the entry m. If it is no longer held, stored returns otherwise, with the offset
// and time of m.
func (r *roomState) stored(m idEntry, otherwise chatlog.Event) (e chatlog.Event) {
	if n := r.find(m.offset); n != nil {
		r.event(&e, m.offset, n)
		return e
	}
	otherwise.Offset, otherwise.Time = m.offset, time.UnixMilli(m.ms).UTC()
	return otherwise
}
