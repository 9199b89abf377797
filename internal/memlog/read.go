package memlog

import (
	"context"
	"slices"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Read implements [chatlog.Store].
func (l *Log) Read(ctx context.Context, room string, rg chatlog.Range) (chatlog.Page, error) {
	if err := ctx.Err(); err != nil {
		return chatlog.Page{}, err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rooms[room]
	if r == nil {
		return chatlog.Page{Position: chatlog.Position{Epoch: l.epoch()}, First: 1}, nil
	}
	if r.idle.elem != nil {
		l.idle.add(r, l.clock())
	}
	p := chatlog.Page{Position: chatlog.Position{Epoch: r.epoch, Offset: r.last}, First: r.first}
	if rg.Messages {
		p.First = r.oldest
	}
	from, end := p.First, r.last+1 // the entries of the range, without the limit
	switch {
	case rg.From > 0:
		from = min(max(from, rg.From), end)
	case rg.Before > 0:
		end = max(min(end, rg.Before), from)
	}
	limit := min(max(rg.Limit, 0), len(r.ring)+len(r.older))
	var offsets []uint64 // at most one more than the limit
	switch {
	case rg.Visible && (len(r.index.private) > 0 || rg.Messages && r.index.amended):
		offsets = r.visible(rg, from, end, limit+1)
	case rg.Messages && r.index.amended:
		offsets = r.listed(rg.From > 0, from, end, limit+1)
	default:
		r.consecutive(&p, rg, from, end)
		return p, nil
	}
	p.More = len(offsets) > limit
	if rg.From > 0 {
		offsets = offsets[:min(limit, len(offsets))]
	} else {
		offsets = offsets[max(0, len(offsets)-limit):]
	}
	if len(offsets) > 0 {
		p.Events = make([]chatlog.Event, len(offsets))
	}
	for i, o := range offsets {
		r.show(&p.Events[i], rg, o, r.find(o))
	}
	return p, nil
}

// consecutive fills p with the entries from to end-1. All of them are wanted.
func (r *entries) consecutive(p *chatlog.Page, rg chatlog.Range, from, end uint64) {
	n := min(end-from, uint64(max(rg.Limit, 0)))
	if p.More = n < end-from; rg.From == 0 {
		from = end - n
	}
	if n > 0 {
		p.Events = make([]chatlog.Event, n)
	}
	for i := range p.Events {
		o := from + uint64(i)
		r.show(&p.Events[i], rg, o, r.at(o))
	}
}

// show puts n, the entry numbered offset, into e in the form that rg asks for.
func (r *entries) show(e *chatlog.Event, rg chatlog.Range, offset uint64, n *entry) {
	r.event(e, offset, n)
	if rg.Messages {
		n.fold(e)
	}
}

// visible returns the offsets, from first to below end, of the entries that the reader of rg may
// see. It returns at most n, the first ones or the last ones.
func (r *entries) visible(rg chatlog.Range, first, end uint64, n int) []uint64 {
	hidden := r.index.private
	var keep func(uint64) bool
	if rg.Messages && r.index.amended {
		hidden = r.index.unlisted
		keep = func(offset uint64) bool { return r.target(offset) != nil }
	}
	if rg.From > 0 {
		return r.index.next(hidden, rg.Reader, keep, first, end, n)
	}
	return r.index.newest(hidden, rg.Reader, keep, first, end, n)
}

// listed returns the offsets of the messages from first to below end. It returns at most n, the
// first ones or the last ones. The number of other entries between them is limited.
func (r *entries) listed(forward bool, first, end uint64, n int) (offsets []uint64) {
	split := min(max(first, r.first), end) // the older messages are before it
	i, j := r.searchOlder(first), r.searchOlder(split)
	if forward {
		for ; i < j && len(offsets) < n; i++ {
			offsets = append(offsets, r.older[i].offset)
		}
		for o := split; o < end && len(offsets) < n; o++ {
			if r.at(o).message() {
				offsets = append(offsets, o)
			}
		}
		return offsets
	}
	for o := end; o > split && len(offsets) < n; o-- {
		if r.at(o - 1).message() {
			offsets = append(offsets, o-1)
		}
	}
	for ; i < j && len(offsets) < n; j-- {
		offsets = append(offsets, r.older[j-1].offset)
	}
	slices.Reverse(offsets)
	return offsets
}
