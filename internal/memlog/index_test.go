package memlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/chatlog"
)

// checkEntries compares the counts and the index of a room with the entries that it holds.
func checkEntries(t *testing.T, l *Log, r *roomState) {
	t.Helper()
	var size, messages, others int
	var hidden, unlisted runs
	users := map[string][]uint64{}
	by := map[uint64][]uint64{}
	note := func(offset uint64, e *entry) {
		if size += e.cost(); e.message() {
			messages++
		}
		for _, u := range slices.Compact([]string{e.userID, e.to}) {
			if u != "" && e.flags&(private|erased) == private {
				users[u] = append(users[u], offset)
			}
		}
		if (e.typ == chatlog.TypeEdit || e.typ == chatlog.TypeReaction) && !e.is(erased) {
			by[e.ref] = append(by[e.ref], offset)
		}
	}
	public := map[uint64]bool{} // messages
	for i := range r.older {
		o := &r.older[i]
		if note(o.offset, &o.entry); o.offset >= r.first || !o.message() || i > 0 && r.older[i-1].offset >= o.offset {
			t.Fatalf("%d, %+v, is among the older messages before %d", o.offset, o.entry, r.first)
		}
		public[o.offset] = !o.is(private)
	}
	for o := r.first; o <= r.last; o++ {
		e := r.at(o)
		if note(o, e); !e.message() {
			others++
		}
		if e.is(private) {
			hidden = hidden.push(o)
		}
		public[o] = e.message() && !e.is(private)
	}
	for o := r.oldest; o <= r.last && r.index.amended; o++ {
		if !public[o] {
			unlisted = unlisted.push(o)
		}
	}
	type counts struct{ Size, Messages, Others int }
	if d := cmp.Diff(counts{size, messages, others}, counts{r.size, r.messages, r.others}); d != "" {
		t.Fatalf("%s (-held +counted):\n%s", r.name, d)
	}
	if size > l.limits.bytes || messages > l.limits.messages || others > l.limits.others {
		t.Fatalf("%s holds %d messages and %d others with %d bytes", r.name, messages, others, size)
	}
	if !slices.Equal(r.index.private, hidden) || !slices.Equal(r.index.unlisted, unlisted) || r.index.amended != (others > 0 || len(r.older) > 0) {
		t.Fatalf("%s: indexed %v and %v, want %v and %v", r.name, r.index.private, r.index.unlisted, hidden, unlisted)
	}
	if d := cmp.Diff(users, r.index.users); d != "" && len(users)+len(r.index.users) > 0 {
		t.Fatalf("%s: users (-want +indexed):\n%s", r.name, d)
	}
	for o := range public {
		if m := r.target(o); m != nil && m.more != nil && !slices.Equal(m.more.by, by[o]) {
			t.Fatalf("%s: %d was amended by %d, want %d", r.name, o, m.more.by, by[o])
		}
		delete(by, o)
	}
	if len(by) > 0 {
		t.Fatalf("%s: removed messages were amended by %v", r.name, by)
	}
}

// wanted returns the expected result of a read of r, found without the index.
func wanted(r *entries, rg chatlog.Range) (events []chatlog.Event, more bool) {
	add := func(offset uint64, n *entry) {
		var e chatlog.Event
		r.event(&e, offset, n)
		if rg.Messages {
			n.fold(&e)
		}
		if (rg.Visible && !e.VisibleTo(rg.Reader)) || rg.Messages && !n.message() || offset < rg.From || rg.Before > 0 && offset >= rg.Before {
			return
		}
		events = append(events, e)
	}
	for i := range r.older {
		if rg.Messages {
			add(r.older[i].offset, &r.older[i].entry)
		}
	}
	for o := r.first; o <= r.last; o++ {
		add(o, r.at(o))
	}
	n := min(len(events), max(rg.Limit, 0))
	if more = n < len(events); rg.From > 0 {
		return events[:n], more
	}
	return events[len(events)-n:], more
}

// TestEntryCost compares the size of an entry with the constant for it.
func TestEntryCost(t *testing.T) {
	if n := unsafe.Sizeof(entry{}); n > 144 {
		t.Errorf("an entry takes %d bytes of the ring", n)
	}
	if n := unsafe.Sizeof(more{}); n > moreCost {
		t.Errorf("the optional part of an entry takes %d bytes, counted as %d", n, moreCost)
	}
	if n := unsafe.Sizeof(reaction{}); n > reactionCost {
		t.Errorf("a reaction takes %d bytes, counted as %d", n, reactionCost)
	}
}

// TestEntries makes random messages and amendments, and checks all counts and indexes after
// each.
func TestEntries(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, most := range []limits{{20, 512, 1 << 20}, {20, 30, 1 << 20}, {20, 30, 9000}, {100, 20, 1 << 20}, {1, 3, 1 << 20}, {3, 8, 1500}, {0, 9, 1 << 20}, {5, 9, 0}} {
		l := New(1, 1, time.Hour)
		l.limits = most
		for i := range 1300 {
			step(t, l, rng, i)
			r := l.shard("r").rooms["r"]
			if i%7 == 0 {
				checkEntries(t, l, r)
			}
			rg := chatlog.Range{Limit: rng.IntN(30) - 1, Visible: rng.IntN(3) > 0, Messages: rng.IntN(3) > 0, Reader: fmt.Sprint("u", rng.IntN(4))}
			edge := uint64(max(0, int(r.last)+2-rng.IntN(1+rng.IntN(600))))
			switch rng.IntN(3) {
			case 0:
				rg.From = edge
			case 1:
				rg.Before = edge
			}
			p, err := l.Read(bg, "r", rg)
			if err != nil {
				t.Fatal(err)
			}
			want, more := wanted(&r.entries, rg)
			if d := cmp.Diff(want, p.Events); d != "" && len(want)+len(p.Events) > 0 || p.More != more {
				t.Fatalf("step %d, %+v: More %t, want %t (-want +got):\n%s", i, rg, p.More, more, d)
			}
		}
	}
}

// step does one random action in the room r. As i grows, private messages and amendments become
// more and then less frequent.
func step(t *testing.T, l *Log, rng *rand.Rand, i int) {
	user := fmt.Sprint("u", rng.IntN(4))
	e := chatlog.Event{Type: chatlog.TypeMessage, UserID: user, Text: string(make([]byte, rng.IntN(50)))}
	if rng.IntN(900) > i%1000 {
		e.Type, e.To = chatlog.TypePrivate, []string{"", user, "u1", fmt.Sprint("made up ", i)}[rng.IntN(4)]
	}
	if rng.IntN(10) == 0 {
		e.Data = []byte(`{"a":1}`)
	}
	if rng.IntN(1300) < i%1300 && i > 0 {
		last := l.shard("r").rooms["r"].last
		e.Target = last - min(uint64(rng.IntN(1+rng.IntN(200))), last-1)
		e.Type = []chatlog.Type{chatlog.TypeEdit, chatlog.TypeReaction, chatlog.TypeReaction, chatlog.TypeDelete}[rng.IntN(4)]
		e.Reaction, e.Remove = fmt.Sprint(rng.IntN(3)), rng.IntN(2) == 0
		if _, err := l.Amend(bg, "r", e, rng.IntN(2) == 0); err != nil && !errors.Is(err, chatlog.ErrNoSuchMessage) {
			t.Fatal(err)
		}
		return
	}
	if _, err := l.Append(bg, "r", e); err != nil {
		t.Fatal(err)
	}
}
