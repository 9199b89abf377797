package client

import (
	"slices"
	"sync"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	defaultView = 1000 // messages
	// maxAmendments is the number of the latest amendments that a View remembers, for
	// the messages of pages that were read before them.
	maxAmendments = 256
)

// A View is the messages of a room as they are now. Give it every event of [Room.Events],
// in order, with Apply, and pages of [Room.History], for older messages, with Merge.
//
// An edit gives its message another text and other data, a reaction is counted once, and a
// deleted message goes; what replies to it stays, and Message of its ReplyTo finds nothing.
// An amendment is applied only to a message that does not reflect it yet: one with an
// Amended below the amendment's offset. That of a message which the View does not hold does
// nothing.
//
// After a gap, or in another epoch, the View begins anew, because what was amended in the
// gap is not known. It then holds the messages that the server sends first, and older ones
// if they are merged again.
//
// A View holds a number of messages, the newest. Its methods may be called concurrently. The
// zero View is ready for use and holds 1000 messages.
type View struct {
	mu         sync.Mutex // guards what follows
	limit      int        // 0: defaultView
	epoch      string     // that the offsets are of; empty as long as it is not known
	gap        bool       // TypeGap has come, and not yet its welcome
	user       string
	read       uint64
	messages   []chat.Event // by offset
	amendments []chat.Event // the latest, in the order in which they came
}

// NewView returns a View that holds at most limit messages. Zero or less means 1000.
func NewView(limit int) *View { return &View{limit: max(limit, 0)} }

// Apply takes the next event, of any type. It reports whether the View has changed: its
// messages or the marker. Events must come in the order in which the Conn yields them;
// one that comes twice changes nothing.
func (v *View) Apply(e Event) (changed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e.Type == TypeGap {
		v.gap = true
		return v.clearLocked()
	}
	if e.Position.Epoch != "" && e.Offset > 0 {
		changed = v.enterLocked(e.Position.Epoch)
	}
	switch e.Type {
	case TypeWelcome:
		return v.welcomeLocked(e.Welcome) || changed
	case chat.TypeRead:
		if e.UserID != v.user || e.Target <= v.read {
			return changed
		}
		v.read = e.Target
		return true
	case TypeUpdate:
		if e.Type = chat.TypeMessage; e.To != "" {
			e.Type = chat.TypePrivate
		}
		return v.putLocked(e.Event) || changed
	case chat.TypeMessage, chat.TypePrivate:
		return v.putLocked(e.Event) || changed
	case chat.TypeEdit, chat.TypeDelete, chat.TypeReaction:
		v.amendments = append(v.amendments, e.Event)
		if n := len(v.amendments); n >= 2*maxAmendments {
			v.amendments = slices.Clone(v.amendments[n-maxAmendments:])
		}
		return v.amendLocked(&e.Event) || changed
	}
	return changed
}

// Merge adds the messages of a page of the room's history. Messages that the View holds
// already, and amendments that came while the page was on its way, are taken into account,
// up to 256 of these. So merge a page soon, and after a gap none that was asked for before.
// A page whose Position is of another epoch than the View's is ignored. Merge reports
// whether the messages have changed. A View that is full takes no older messages.
func (v *View) Merge(p chat.Page) (changed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if p.Position.Epoch != "" && v.epoch != "" && p.Position.Epoch != v.epoch {
		return false
	}
	for _, e := range slices.Backward(p.Events) { // the oldest may be too many
		changed = v.putLocked(e) || changed
	}
	return changed
}

// Messages returns the messages, oldest first, each with Edited, Reactions and Amended as
// they are now. The slice is the caller's; what is in Data, Reactions and Users is shared
// and must not be changed. It is empty, not nil, if there are none.
//
// The Count of a reaction is exact. Its Users are at most 50, and may be fewer than both 50
// and Count after one of more than 50 has taken the reaction back.
func (v *View) Messages() []chat.Event {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append(make([]chat.Event, 0, len(v.messages)), v.messages...)
}

// Message returns the message at an offset, if the View holds one.
func (v *View) Message(offset uint64) (m chat.Event, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i, ok := v.findLocked(offset)
	if ok {
		m = v.messages[i]
	}
	return m, ok
}

// Unread returns the user's marker, 0 if there is none, and the number of messages after
// it that are from others. Only those that the View holds are counted: for more, there is
// [Welcome.Unread].
func (v *View) Unread() (read uint64, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := len(v.messages) - 1; i >= 0 && v.messages[i].Offset > v.read; i-- {
		if v.messages[i].UserID != v.user {
			n++
		}
	}
	return v.read, n
}

func (v *View) welcomeLocked(w *Welcome) (changed bool) {
	if w == nil {
		return false
	}
	changed = v.enterLocked(w.Position.Epoch)
	if w.Gap && !v.gap {
		changed = v.clearLocked() || changed
	}
	v.gap = false
	changed = changed || v.user != w.User || w.Read > v.read
	v.user, v.read = w.User, max(v.read, w.Read)
	return changed
}

// enterLocked says in which epoch offsets count from now on.
func (v *View) enterLocked(epoch string) (changed bool) {
	was := v.epoch
	if v.epoch = epoch; was == "" || was == epoch {
		return false
	}
	changed = v.read > 0
	v.read = 0
	return v.clearLocked() || changed
}

func (v *View) clearLocked() (changed bool) {
	changed = len(v.messages) > 0
	v.messages, v.amendments = nil, nil
	return changed
}

func (v *View) findLocked(offset uint64) (int, bool) {
	return slices.BinarySearchFunc(v.messages, offset, func(m chat.Event, offset uint64) int {
		switch {
		case m.Offset < offset:
			return -1
		case m.Offset > offset:
			return 1
		}
		return 0
	})
}

// putLocked takes a message as it was at some time.
func (v *View) putLocked(m chat.Event) (changed bool) {
	m.Position = chat.Position{}
	i, held := v.findLocked(m.Offset)
	if held {
		if m.Amended <= v.messages[i].Amended {
			return false
		}
	} else if limit := v.limitLocked(); i == 0 && len(v.messages) >= limit {
		return false // older than what the View holds
	}
	for j := range v.amendments {
		if a := &v.amendments[j]; a.Target == m.Offset && !fold(&m, a) {
			return false // it has been deleted since
		}
	}
	if held {
		v.messages[i] = m
		return true
	}
	v.messages = slices.Insert(v.messages, i, m)
	if len(v.messages) > v.limitLocked() {
		v.messages[0] = chat.Event{}
		v.messages = v.messages[1:]
	}
	return true
}

func (v *View) limitLocked() int {
	if v.limit == 0 {
		return defaultView
	}
	return v.limit
}

// amendLocked applies an amendment to its message.
func (v *View) amendLocked(a *chat.Event) (changed bool) {
	i, held := v.findLocked(a.Target)
	if !held {
		return false
	}
	was := v.messages[i].Amended
	if !fold(&v.messages[i], a) {
		v.messages = slices.Delete(v.messages, i, i+1)
		return true
	}
	return v.messages[i].Amended > was
}

// fold applies the amendment a to the message m, unless m reflects it already. It returns
// false if m is deleted.
func fold(m, a *chat.Event) (kept bool) {
	if a.Offset <= m.Amended {
		return true
	}
	switch a.Type {
	case chat.TypeDelete:
		return false
	case chat.TypeEdit:
		m.Text, m.Data, m.Edited = a.Text, a.Data, a.Time
	case chat.TypeReaction:
		m.Reactions = react(m.Reactions, a)
	}
	m.Amended = a.Offset
	return true
}

// react returns rs after the reaction a, without changing what rs shares. The server stores
// only reactions that change something, so each counts, also if Users does not have all.
func react(rs []chat.Reaction, a *chat.Event) []chat.Reaction {
	rs = slices.Clone(rs)
	i := slices.IndexFunc(rs, func(r chat.Reaction) bool { return r.Reaction == a.Reaction })
	if i < 0 {
		if a.Remove {
			return rs
		}
		return append(rs, chat.Reaction{Reaction: a.Reaction, Count: 1, Users: []string{a.UserID}})
	}
	r := &rs[i]
	at := slices.Index(r.Users, a.UserID)
	switch {
	case a.Remove && (at >= 0 || r.Count > len(r.Users)):
		if at >= 0 {
			r.Users = slices.Delete(slices.Clone(r.Users), at, at+1)
		}
		if r.Count--; r.Count == 0 && len(rs) == 1 {
			return nil
		} else if r.Count == 0 {
			return slices.Delete(rs, i, i+1)
		}
	case !a.Remove && at < 0:
		r.Count++
		if len(r.Users) < chatlog.MaxReactionListed {
			r.Users = append(slices.Clone(r.Users), a.UserID)
		}
	}
	return rs
}
