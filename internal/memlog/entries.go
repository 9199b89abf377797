package memlog

import (
	"math"
	"sort"

	"github.com/seed-08328bfd/chat/chatlog"
)

// entries are the entries of a room. Entry n is at ring[n%len(ring)], and entries first to last
// are there: messages, entries that amend, and the places of erased ones. When too many of them
// are no messages, the first of those are removed, with all entries before them. The messages
// among the removed entries are kept in older.
type entries struct {
	ring  []entry
	first uint64
	last  uint64
	older []olderMessage // in the order of their offsets, which are below first

	oldest   uint64 // every message from this offset on is held, or was deleted
	messages int    // held messages
	others   int    // other entries in the ring
	size     int    // bytes of the entries
	index    index
}

type olderMessage struct {
	offset uint64
	entry
}

// limits says how much of a room is kept.
type limits struct {
	messages int
	others   int // entries in the ring that are no messages
	bytes    int
}

// limitsOf returns limits for this many messages. At most half of the others are the places of
// messages, each before the entry that has deleted it. So at least 256 entries amend.
func limitsOf(messages, bytes int) limits {
	messages = min(max(messages, 0), math.MaxInt/4) // so that no sum of the limits is too large for an int
	return limits{messages, 2 * max(messages, 256), max(bytes, 0)}
}

func (r *entries) at(offset uint64) *entry {
	return &r.ring[offset%uint64(len(r.ring))]
}

// find returns the entry numbered offset, or nil if it is not held or erased.
func (r *entries) find(offset uint64) *entry {
	var e *entry
	if offset >= r.first {
		if offset > r.last {
			return nil
		}
		e = r.at(offset)
	} else {
		i := r.searchOlder(offset)
		if i == len(r.older) || r.older[i].offset != offset {
			return nil
		}
		e = &r.older[i].entry
	}
	if e.is(erased) {
		return nil
	}
	return e
}

// searchOlder returns the index of the first of the older messages from offset on.
func (r *entries) searchOlder(offset uint64) int {
	return sort.Search(len(r.older), func(i int) bool { return r.older[i].offset >= offset })
}

// target returns the message numbered offset, or nil.
func (r *entries) target(offset uint64) *entry {
	if e := r.find(offset); e != nil && e.message() {
		return e
	}
	return nil
}

// keep adds e, the entry numbered last, to the ring, and drops the oldest messages and
// other entries while there are too many.
func (r *entries) keep(e *chatlog.Event, most limits) {
	if most.messages == 0 {
		r.first, r.oldest = r.last+1, r.last+1
		return
	}
	f := flagsOf(e)
	if f&amending != 0 {
		r.others++
	} else {
		for r.messages >= most.messages {
			r.dropMessage()
		}
		r.messages++
	}
	if int(r.last-r.first) >= len(r.ring) {
		r.grow(most)
	}
	n := r.at(r.last)
	n.set(e, f)
	if f != 0 {
		r.index.add(r.last, n)
	}
	if r.size += n.cost(); r.size > most.bytes || r.others > most.others {
		r.trim(most)
	}
}

// grow makes the ring larger.
func (r *entries) grow(most limits) {
	n := most.messages
	if r.others > 0 {
		n += most.others + 1
	}
	old := *r
	r.ring = make([]entry, max(min(max(8, 2*len(r.ring)), n), int(r.last-r.first)+1))
	for o := r.first; o < r.last; o++ {
		*r.at(o) = *old.at(o)
	}
}

// trim removes what is over the limits other than the number of messages.
func (r *entries) trim(most limits) {
	for r.others > most.others {
		r.shift()
	}
	for r.size > most.bytes {
		r.drop()
	}
}

// shift takes the first entry out of the ring. It keeps a message among the older ones.
func (r *entries) shift() {
	e := r.at(r.first)
	if !e.message() {
		r.dropFirst()
		return
	}
	r.older = append(r.older, olderMessage{r.first, *e})
	*e = entry{}
	r.first++
	r.index.private = r.index.private.cut(r.first)
}

// drop drops the oldest entry.
func (r *entries) drop() {
	if len(r.older) > 0 {
		r.dropMessage()
	} else {
		r.dropFirst()
	}
}

// dropMessage drops the oldest message, and all entries before it in the ring.
func (r *entries) dropMessage() {
	if len(r.older) > 0 {
		o := r.older[0]
		r.older[0] = olderMessage{}
		if r.older = r.older[1:]; len(r.older) == 0 {
			r.older = nil
		}
		r.drops(o.offset, &o.entry)
		return
	}
	for n := r.messages; r.messages == n; {
		r.dropFirst()
	}
}

// dropFirst drops the first entry of the ring.
func (r *entries) dropFirst() {
	e := r.at(r.first)
	r.first++
	if len(r.index.private) > 0 {
		r.index.private = r.index.private.cut(r.first)
	}
	r.drops(r.first-1, e)
	*e = entry{}
}

// drops notes that e, which was numbered offset, is no longer held.
func (r *entries) drops(offset uint64, e *entry) {
	r.size -= e.cost()
	if e.flags&(private|erased) == private {
		r.index.forget(offset, e)
	}
	if e.message() {
		r.messages--
		r.oldest = offset + 1
		r.eraseAmending(e)
	} else {
		r.others--
		if m := r.find(e.ref); m != nil && e.typ != chatlog.TypeDelete && !e.is(erased) {
			m.more.by = m.more.by[1:]
		}
	}
	if !r.index.amended {
		return
	}
	r.index.unlisted = r.index.unlisted.cut(r.oldest)
	if r.others == 0 && len(r.older) == 0 {
		r.index.amended, r.index.unlisted = false, nil
		r.oldest = r.first
	}
}

// eraseAmending erases the content of the entries that have amended the deleted message m.
func (r *entries) eraseAmending(m *entry) {
	if m.more == nil {
		return
	}
	for _, offset := range m.more.by {
		r.erase(offset, r.at(offset))
	}
}

// erase removes everything of e, the entry numbered offset in the ring, except its place.
func (r *entries) erase(offset uint64, e *entry) {
	r.size -= e.cost()
	if e.is(private) {
		r.index.forget(offset, e)
	}
	*e = entry{typ: chatlog.TypePrivate, ms: e.ms, flags: private | erased}
	r.size += e.cost()
	r.index.private = r.index.private.insert(offset)
}

// remove deletes the message numbered offset, and erases the entries that have amended it.
func (r *entries) remove(offset uint64) {
	m := *r.find(offset)
	r.eraseAmending(&m)
	r.messages--
	r.index.unlisted = r.index.unlisted.insert(offset)
	if offset >= r.first {
		r.others++
		r.erase(offset, r.at(offset))
		return
	}
	i := r.searchOlder(offset)
	r.size -= m.cost()
	if m.is(private) {
		r.index.forget(offset, &m)
	}
	copy(r.older[i:], r.older[i+1:])
	r.older[len(r.older)-1] = olderMessage{}
	r.older = r.older[:len(r.older)-1]
}

// clear drops all entries.
func (r *entries) clear() {
	*r = entries{first: r.last + 1, last: r.last, oldest: r.last + 1}
}
