package chattest

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed-08328bfd/chat/chatlog"
)

// looksUp compares Lookup with the entries that have ids.
func (m *amended) looksUp(l chatlog.Log) {
	m.t.Helper()
	for id, at := range m.ids {
		got, epoch := lookedUp(m.t, l, m.room, id[0], id[1])
		r := m.at(at)
		want := m.entry(at, false)
		if r.gone || at < m.first && got.Type == "" {
			want = chatlog.Event{Offset: at, Time: r.own.Time, UserID: id[0], ID: id[1]}
		}
		if epoch != m.epoch || !m.matches(got, want) {
			m.t.Fatalf("looked up %+v in %s, want %+v", got, epoch, want)
		}
	}
}

// check reads the range r and compares.
func (m *amended) check(l chatlog.Log, r chatlog.Range) {
	m.t.Helper()
	first := m.first
	if r.Messages {
		first = m.oldest
	}
	var in []chatlog.Event
	for o := first; o <= m.last(); o++ {
		e := m.entry(o, r.Messages)
		if (!r.Messages || m.message(o) != nil) && (!r.Visible || e.VisibleTo(r.Reader)) {
			in = append(in, e)
		}
	}
	events, more := pageOf(in, r)
	p := read(m.t, l, m.room, r)
	if got, want := outline(p.Events, p.First, p.Position.Offset, p.More), outline(events, first, m.last(), more); got != want || p.Position.Epoch != m.epoch {
		m.t.Fatalf("%+v:\n got %s in %s\nwant %s in %s", r, got, p.Position.Epoch, want, m.epoch)
	}
	for i := range events {
		if !m.matches(p.Events[i], events[i]) {
			m.t.Fatalf("%+v:\n got %+v\nwant %+v", r, p.Events[i], events[i])
		}
	}
}

// checkRandom reads a random range.
func (m *amended) checkRandom(l chatlog.Log, rng *rand.Rand) {
	m.t.Helper()
	r := chatlog.Range{Messages: rng.IntN(3) > 0, Visible: rng.IntN(3) > 0, Limit: []int{-1, 0, 1, 2, 10, 50, 1000}[rng.IntN(7)]}
	r.Reader = visibleReaders[rng.IntN(len(visibleReaders))]
	switch edge := rng.Uint64N(m.last() + 4); rng.IntN(3) {
	case 0:
		r.From = edge
	case 1:
		r.Before = edge
	}
	m.check(l, r)
}

// matches reports whether got is want. The text of a TypeEdit may be its own or the current text
// of the message.
func (m *amended) matches(got, want chatlog.Event) bool {
	if want.Type == chatlog.TypeEdit {
		now := want
		now.Text, now.Data = m.at(want.Target).now.Text, m.at(want.Target).now.Data
		if sameAmended(got, now) {
			return true
		}
	}
	return sameAmended(got, want)
}

// sameAmended reports whether got is want. The reactions of want have all users.
func sameAmended(got, want chatlog.Event) bool {
	if len(got.Reactions) != len(want.Reactions) || !got.Edited.Equal(want.Edited) || got.Edited.Location() != want.Edited.Location() {
		return false
	}
	for i, x := range want.Reactions {
		g := got.Reactions[i]
		all := map[string]bool{}
		for _, user := range x.Users {
			all[user] = true
		}
		for _, user := range g.Users {
			if !all[user] {
				return false
			}
			delete(all, user)
		}
		if g.Reaction != x.Reaction || g.Count != x.Count || len(g.Users) != min(x.Count, chatlog.MaxReactionListed) {
			return false
		}
	}
	got.Reactions, want.Reactions, got.Edited = nil, nil, want.Edited
	if len(got.Data) == 0 && len(want.Data) == 0 {
		got.Data, want.Data = nil, nil
	}
	return same(got, want)
}

// random returns an event for a room. With the probability amends it amends a message.
func (m *amended) random(rng *rand.Rand, amends float64) (e chatlog.Event, moderator bool) {
	e = mixed(rng, 0.3)
	if rng.IntN(3) == 0 {
		e.Data = fmt.Appendf(nil, `{ "n":%d}`, rng.IntN(100))
	}
	if rng.IntN(4) == 0 {
		e.ID = fmt.Sprint("id", rng.IntN(40))
	}
	if m.last() == 0 || rng.Float64() > amends {
		if rng.IntN(3) == 0 {
			e.ReplyTo = rng.Uint64N(m.last() + 1)
		}
		return e, false
	}
	e.Target = m.last() - min(rng.Uint64N(20), m.last())
	for rng.IntN(8) > 0 && e.Target > 0 && m.message(e.Target) == nil {
		e.Target-- // most are messages
	}
	e.Type, e.To = []chatlog.Type{chatlog.TypeEdit, chatlog.TypeReaction, chatlog.TypeReaction, chatlog.TypeReaction, chatlog.TypeDelete}[rng.IntN(5)], ""
	if r := m.message(e.Target); r != nil && rng.IntN(6) > 0 {
		e.UserID = r.own.UserID
	}
	switch e.Type {
	case chatlog.TypeReaction:
		e.Text, e.Data, e.Reaction, e.Remove = "", nil, []string{"👍", ":x:", "👍🏽", ":X:"}[rng.IntN(4)], rng.IntN(3) == 0
	case chatlog.TypeDelete:
		e.Text, e.Data = "", nil
	}
	return e, rng.IntN(8) == 0
}
