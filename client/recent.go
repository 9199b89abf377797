package client

import (
	"hash/maphash"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// recent has hashes of the latest entries of the log, to recognise them when a log begins
// a new epoch and still has them. Guarded by Conn.mu.
type recent struct {
	seed  maphash.Seed
	marks []mark // at most maxMarks; the oldest is replaced
	n     int    // of all that were added, plus 1; 0 before the first mark
}

// maxMarks bounds the entries that are recognised: the latest.
const maxMarks = 256

// A mark is what an entry is recognised by.
type mark struct {
	entry uint64 // of what never changes
	whole uint64 // of everything
}

// mark returns the mark of e. It covers the type, so an entry that amends a message is
// never taken for a message.
func (r *recent) mark(e *chat.Event) mark {
	if r.n == 0 {
		r.seed = maphash.MakeSeed()
		r.n = 1
	}
	type entry struct {
		typ      chatlog.Type
		offset   uint64
		ms       int64
		user, id string
	}
	type whole struct {
		entry
		text, data      string
		replyTo, target uint64
		reaction        string
		remove          bool
	}
	it := entry{e.Type, e.Offset, e.Time.UnixMilli(), e.UserID, e.ID}
	return mark{
		entry: maphash.Comparable(r.seed, it),
		whole: maphash.Comparable(r.seed, whole{it, e.Text, string(e.Data), e.ReplyTo, e.Target, e.Reaction, e.Remove}),
	}
}

func (r *recent) add(m mark) {
	if len(r.marks) < maxMarks {
		r.marks = append(r.marks, m)
	} else {
		r.marks[(r.n-1)%maxMarks] = m
	}
	r.n++
}

// known is what may be recognised on one connection. The nil known has nothing.
type known struct{ entries, wholes map[uint64]struct{} }

func (r *recent) all() *known {
	k := &known{map[uint64]struct{}{}, map[uint64]struct{}{}}
	for _, m := range r.marks {
		k.entries[m.entry] = struct{}{}
		k.wholes[m.whole] = struct{}{}
	}
	return k
}

// has reports whether e, with the mark m, came before. A message that was amended may have
// another text by now. One that was not amended and has another text is another message.
func (k *known) has(e *chat.Event, m mark) (ok bool) {
	switch {
	case k == nil:
	case e.Amended > 0:
		_, ok = k.entries[m.entry]
	default:
		_, ok = k.wholes[m.whole]
	}
	return ok
}
