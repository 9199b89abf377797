package chattest

import (
	"errors"
	"slices"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// amended is a model of a room with amended messages. It knows how a log must answer.
type amended struct {
	t       testing.TB
	room    string
	epoch   string
	records []record // by offset, from 1
	ids     map[[2]string]uint64
	first   uint64 // the first held offset of all entries
	oldest  uint64 // the first held offset of the messages
}

// record is an entry and its current state.
type record struct {
	own  chatlog.Event // as it was stored
	now  chatlog.Event // its current state; reactions have all users, in the order of their entries
	gone bool          // only the place is left
}

func newAmended(t testing.TB, name string) *amended {
	return &amended{t: t, room: newName(name), ids: map[[2]string]uint64{}, first: 1, oldest: 1}
}

func (m *amended) last() uint64 { return uint64(len(m.records)) }

func (m *amended) at(offset uint64) *record { return &m.records[offset-1] }

// entry returns the entry at offset as a read returns it.
func (m *amended) entry(offset uint64, messages bool) chatlog.Event {
	r := m.at(offset)
	if r.gone {
		return chatlog.Event{Type: chatlog.TypePrivate, Offset: offset, Time: r.own.Time}
	}
	e := r.now
	if !messages {
		e.Edited, e.Reactions, e.Amended = r.own.Edited, nil, 0
	}
	return e
}

// message returns the message at offset, or nil.
func (m *amended) message(offset uint64) *record {
	if offset < m.oldest || offset > m.last() || m.at(offset).gone || m.at(offset).own.Amends() {
		return nil
	}
	return m.at(offset)
}

// judge returns what the log must do with e: return an error, or repeat the entry at an offset,
// or otherwise store e.
func (m *amended) judge(e *chatlog.Event, moderator bool) (at uint64, err error) {
	if at := m.ids[[2]string{e.UserID, e.ID}]; at > 0 && e.ID != "" {
		return at, nil
	}
	r := m.message(e.Target)
	if r == nil || !r.own.VisibleTo(e.UserID) {
		return 0, chatlog.ErrNoSuchMessage
	}
	if e.Type != chatlog.TypeReaction {
		if r.own.UserID != e.UserID && !(e.Type == chatlog.TypeDelete && moderator) {
			return 0, chatlog.ErrNoSuchMessage
		}
		return 0, nil
	}
	i := slices.IndexFunc(r.now.Reactions, func(x chatlog.Reaction) bool { return x.Reaction == e.Reaction })
	given := i >= 0 && slices.Contains(r.now.Reactions[i].Users, e.UserID)
	switch {
	case given != e.Remove:
		return max(e.Target, r.now.Amended), nil
	case i < 0 && len(r.now.Reactions) == chatlog.MaxReactions:
		return 0, chatlog.ErrTooManyReactions
	}
	return 0, nil
}

// stored returns e as the log must store it next.
func (m *amended) stored(e chatlog.Event) chatlog.Event {
	e.Offset, e.To, e.ToUsername = m.last()+1, "", ""
	if r := m.at(e.Target); r.own.Type == chatlog.TypePrivate {
		for _, e.To = range []string{r.own.UserID, r.own.To, e.UserID} {
			if e.To != "" && e.To != e.UserID {
				break
			}
		}
	}
	return e
}

// add notes that e was stored.
func (m *amended) add(e chatlog.Event) {
	m.records = append(m.records, record{own: e, now: e})
	if e.ID != "" {
		m.ids[[2]string{e.UserID, e.ID}] = e.Offset
	}
	if !e.Amends() {
		return
	}
	r := m.at(e.Target)
	switch r.now.Amended = e.Offset; e.Type {
	case chatlog.TypeEdit:
		r.now.Text, r.now.Data, r.now.Edited = e.Text, e.Data, e.Time
	case chatlog.TypeReaction:
		r.now.Reactions = reacted(r.now.Reactions, e)
	case chatlog.TypeDelete:
		r.gone = true
		for i := range m.records {
			if o := &m.records[i]; o.own.Amends() && o.own.Target == e.Target && o.own.Offset < e.Offset {
				o.gone = true
			}
		}
	}
}

// reacted returns the reactions after e, which were all before it.
func reacted(all []chatlog.Reaction, e chatlog.Event) []chatlog.Reaction {
	all = slices.Clone(all)
	i := slices.IndexFunc(all, func(x chatlog.Reaction) bool { return x.Reaction == e.Reaction })
	if i < 0 {
		return append(all, chatlog.Reaction{Reaction: e.Reaction, Count: 1, Users: []string{e.UserID}})
	}
	x := &all[i]
	if !e.Remove {
		x.Users = append(slices.Clone(x.Users), e.UserID)
	} else {
		x.Users = slices.DeleteFunc(slices.Clone(x.Users), func(user string) bool { return user == e.UserID })
	}
	if x.Count = len(x.Users); x.Count == 0 {
		return slices.Delete(all, i, i+1)
	}
	return all
}

// append appends e to the log, or repeats it.
func (m *amended) append(l chatlog.Log, e chatlog.Event) {
	m.t.Helper()
	at := m.ids[[2]string{e.UserID, e.ID}]
	a, err := l.Append(within(m.t), m.room, e)
	if err != nil {
		m.t.Fatalf("Append of %+v: %v", e, err)
	}
	if at > 0 && e.ID != "" {
		m.repeated(a, e, at)
		return
	}
	e.Offset, e.Time = m.last()+1, a.Event.Time
	m.keeps(a, e)
}

// amend amends a message, and checks the answer. It reports whether the entry was stored.
func (m *amended) amend(l chatlog.Log, e chatlog.Event, moderator bool) bool {
	m.t.Helper()
	at, refused := m.judge(&e, moderator)
	a, err := l.(chatlog.Amender).Amend(within(m.t), m.room, e, moderator)
	switch {
	case refused != nil:
		if !errors.Is(err, refused) {
			m.t.Fatalf("%+v with moderator %t is answered with %+v, %v; want %v", e, moderator, a, err, refused)
		}
	case err != nil:
		m.t.Fatalf("%+v by a moderator (%t): %v", e, moderator, err)
	case at > 0:
		m.repeated(a, e, at)
	default:
		e = m.stored(e)
		e.Time = a.Event.Time
		m.keeps(a, e)
		return true
	}
	return false
}

// keeps compares the stored entry with e, and adds it to the model.
func (m *amended) keeps(a chatlog.Appended, e chatlog.Event) {
	m.t.Helper()
	if m.epoch == "" {
		m.epoch = a.Epoch
	}
	if a.Repeated || a.Epoch != m.epoch || !sameAmended(a.Event, e) {
		m.t.Fatalf("stored in %s:\n got %+v, Repeated %t, in %s\nwant %+v", m.epoch, a.Event, a.Repeated, a.Epoch, e)
	}
	if n := m.last(); n > 0 && e.Time.Before(m.at(n).own.Time) {
		m.t.Fatalf("entry %d has the time %v, the one before has %v", e.Offset, e.Time, m.at(n).own.Time)
	}
	m.add(e)
}

// repeated compares the answer to e with the entry at an offset.
func (m *amended) repeated(a chatlog.Appended, e chatlog.Event, at uint64) {
	m.t.Helper()
	r := m.at(at)
	if !a.Repeated || a.Epoch != m.epoch || a.Event.Offset != at || !a.Event.Time.Equal(r.own.Time) || a.Event.UserID != e.UserID || a.Event.ID != e.ID {
		m.t.Fatalf("%+v is answered with %+v, want a repetition of %+v", e, a, r.own)
	}
	if byID := e.ID != "" && r.own.UserID == e.UserID && r.own.ID == e.ID; byID && !r.gone && at >= m.first && !m.matches(a.Event, m.entry(at, false)) {
		m.t.Fatalf("%+v is answered with %+v, want %+v", e, a.Event, m.entry(at, false))
	}
	if r.gone && a.Event.Text != "" && a.Event.Text != e.Text {
		m.t.Fatalf("a deleted message is returned: %+v", a.Event)
	}
}
