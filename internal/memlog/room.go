package memlog

import (
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

// roomState is the state of one room, guarded by its shard's lock. Entry n is at
// ring[n%len(ring)], and entries first to last are there.
type roomState struct {
	name  string
	epoch string
	ring  []chatlog.Event
	first uint64
	last  uint64
	size  int // bytes of the entries
	index privateIndex
	ms    int64 // time of the last entry

	ids      roomIDs
	watchers fanout.Watchers // copied under the lock, pushed to without it
	users    map[string]*userState
	roster   []*userState // users by name
	version  uint64       // of the list of users; 0: no user

	idle idleRoom
}

const (
	entryCost = 200 // bytes of an entry without its text
	roomCost  = 512 // bytes of a room without its entries
)

// stored returns the entry m. If the ring no longer holds it, stored returns otherwise with
// the offset and time of m.
func (r *roomState) stored(m idEntry, otherwise chatlog.Event) chatlog.Event {
	if m.offset >= r.first {
		return *r.at(m.offset)
	}
	otherwise.Offset, otherwise.Time = m.offset, time.UnixMilli(m.ms).UTC()
	return otherwise
}

func (r *roomState) at(offset uint64) *chatlog.Event {
	return &r.ring[offset%uint64(len(r.ring))]
}

// keep adds e, the entry numbered last, to the ring, and drops the oldest entries while
// there are too many.
func (r *roomState) keep(e *chatlog.Event, entries, bytes int) {
	for r.first < r.last && r.last-r.first >= uint64(entries) {
		r.drop()
	}
	if entries == 0 {
		r.first = r.last + 1
		return
	}
	if int(r.last-r.first) >= len(r.ring) {
		old := *r
		r.ring = make([]chatlog.Event, min(max(8, 2*len(r.ring)), entries))
		for o := r.first; o < r.last; o++ {
			*r.at(o) = *old.at(o)
		}
	}
	*r.at(e.Offset) = *e
	if e.Type == chatlog.TypePrivate {
		r.index.add(e)
	}
	for r.size += eventCost(e); r.size > bytes; {
		r.drop()
	}
}

// visible fills p with those of the entries from to end-1 that the reader may see.
func (r *roomState) visible(p *chatlog.Page, rg chatlog.Range, from, end uint64) {
	limit := min(max(rg.Limit, 0), len(r.ring))
	if rg.From > 0 {
		seen := r.index.next(rg.Reader, from, end, limit+1)
		p.More = len(seen) > limit
		r.fill(p, seen[:min(limit, len(seen))])
		return
	}
	seen := r.index.newest(rg.Reader, from, end, limit+1)
	p.More = len(seen) > limit
	r.fill(p, seen[max(0, len(seen)-limit):])
}

func (r *roomState) fill(p *chatlog.Page, offsets []uint64) {
	for _, o := range offsets {
		p.Events = append(p.Events, *r.at(o))
	}
}

func (r *roomState) drop() {
	e := r.at(r.first)
	r.size -= eventCost(e)
	if e.Type == chatlog.TypePrivate {
		r.index.drop(e)
	}
	*e = chatlog.Event{}
	r.first++
}

// eventCost returns about how many bytes e takes.
func eventCost(e *chatlog.Event) int {
	n := entryCost + len(e.UserID) + len(e.Username) + len(e.To) + len(e.ToUsername) + len(e.Text) + len(e.ID)
	if e.Type == chatlog.TypePrivate {
		n += indexCost
	}
	return n
}
