package memlog

import (
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
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

	ids    map[idHash]idEntry // since turned
	oldIDs map[idHash]idEntry // in the idWindow before
	turned time.Duration

	watchers []*sinkState // what is in it never changes: read without the lock
	users    map[string]*userState
	roster   []*userState // users by name
	version  uint64       // of users; 0: nobody

	idle idleRoom
}

const (
	idWindow  = 5 * time.Minute
	maxIDs    = 1 << 18 // a room in one idWindow
	entryCost = 200     // bytes an entry takes beside its text
	idCost    = 64      // bytes an id takes
	roomCost  = 512     // bytes a room takes beside its entries
)

// idHash stands for a user and an id by their hash, which takes less memory
// and none of the garbage collector's time.
type idHash [16]byte

func idOf(user, id string) (k idHash) {
	var buf [256]byte
	b := strconv.AppendInt(buf[:0], int64(len(user)), 10)
	b = append(append(append(b, ':'), user...), id...)
	sum := sha256.Sum256(b)
	copy(k[:], sum[:])
	return k
}

// idEntry is what remains known of an entry with an id.
type idEntry struct {
	offset uint64
	ms     int64
}

// turnIDs forgets the ids that are old enough.
func (r *roomState) turnIDs(now time.Duration) {
	switch age := now - r.turned; {
	case age >= 2*idWindow:
		r.ids, r.oldIDs, r.turned = nil, nil, now
	case age >= idWindow:
		r.ids, r.oldIDs, r.turned = nil, r.ids, r.turned+idWindow
	case len(r.ids) >= maxIDs:
		r.ids, r.oldIDs, r.turned = nil, r.ids, now
	}
}

func (r *roomState) known(id idHash) (idEntry, bool) {
	m, ok := r.ids[id]
	if !ok {
		m, ok = r.oldIDs[id]
	}
	return m, ok
}

// stored returns the entry m. If it is no longer held, that is otherwise with the
// offset and time of the first.
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

// keep adds the entry numbered last to the ring, and drops the oldest while there
// are too many.
func (r *roomState) keep(e chatlog.Event, entries, bytes int) {
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
	*r.at(e.Offset) = e
	if e.Type == chatlog.TypePrivate {
		r.index.add(&e)
	}
	for r.size += eventCost(&e); r.size > bytes; {
		r.drop()
	}
}

// visible fills p with what the reader may see of the entries from..end-1.
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
