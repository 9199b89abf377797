package memlog

import (
	"encoding/json"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// entry is an entry of a room as the log keeps it: less than half as large as an Event.
type entry struct {
	typ        chatlog.Type
	userID     string
	username   string
	to         string
	toUsername string
	text       string // of a message; of a reaction entry, the reaction
	id         string
	ms         int64
	ref        uint64 // the offset of the entry that a message replies to, or that another entry amends
	flags      flags
	more       *more // of a message that needs it
}

// flags say what an entry is. A public message has none.
type flags uint8

const (
	private  flags = 1 << iota // for its two users only, or for nobody
	amending                   // amends a message
	removing                   // a reaction that is taken back
	erased                     // only ms is left; also private
)

// more has the fields that only few messages need.
type more struct {
	data      json.RawMessage
	edited    int64 // when the message was last edited; 0: never
	amended   uint64
	amendedMS int64    // the time of the entry amended
	by        []uint64 // the entries in the ring that edit the message or react to it, in order
	reactions []reaction
	shown     []chatlog.Reaction // the reactions as reads return them; nil: not made since they changed
}

const (
	entryCost = 200 // bytes of an entry without its text
	moreCost  = 128 // bytes of a more without the data that it refers to
)

// flagsOf returns the flags of e.
func flagsOf(e *chatlog.Event) (f flags) {
	switch e.Type {
	case chatlog.TypeMessage:
		return 0
	case chatlog.TypePrivate:
		return private
	case chatlog.TypeEdit, chatlog.TypeDelete, chatlog.TypeReaction:
		if f = amending; e.To != "" {
			f |= private
		}
		if e.Remove {
			f |= removing
		}
	}
	return f
}

// set sets n, which is zero, to e with the flags f.
func (n *entry) set(e *chatlog.Event, f flags) {
	n.typ, n.userID, n.username, n.to, n.toUsername, n.id = e.Type, e.UserID, e.Username, e.To, e.ToUsername, e.ID
	n.ms, n.flags = e.Time.UnixMilli(), f
	switch {
	case f&amending == 0:
		n.text, n.ref = e.Text, e.ReplyTo
		if len(e.Data) > 0 {
			n.more = &more{data: e.Data}
		}
	case e.Type == chatlog.TypeReaction:
		n.text, n.ref = e.Reaction, e.Target
	default: // the text of an edit is that of its message
		n.ref = e.Target
	}
}

// is reports whether e has one of the flags f.
func (e *entry) is(f flags) bool { return e.flags&f != 0 }

// message reports whether e is a message, and was not deleted.
func (e *entry) message() bool { return !e.is(amending | erased) }

// visibleTo is [chatlog.Event.VisibleTo].
func (e *entry) visibleTo(user string) bool {
	return !e.is(private) || user != "" && (user == e.userID || user == e.to)
}

// cost returns the approximate size of e in bytes.
func (e *entry) cost() int {
	n := entryCost + len(e.userID) + len(e.username) + len(e.to) + len(e.toUsername) + len(e.text) + len(e.id)
	if e.flags&(private|erased) == private {
		n += indexCost
	}
	if e.more != nil {
		n += moreCost + len(e.more.data)
		for i := range e.more.reactions {
			n += e.more.reactions[i].cost()
		}
	}
	return n
}

// event puts the entry n numbered offset into e, which is zero.
func (r *entries) event(e *chatlog.Event, offset uint64, n *entry) {
	e.Type, e.Offset, e.Time = n.typ, offset, time.UnixMilli(n.ms).UTC()
	if n.is(erased) {
		return
	}
	e.UserID, e.Username, e.To, e.ToUsername, e.ID = n.userID, n.username, n.to, n.toUsername, n.id
	switch n.typ {
	case chatlog.TypeEdit:
		e.Target = n.ref
		if m := r.find(n.ref); m != nil {
			e.Text = m.text
			if m.more != nil {
				e.Data = m.more.data
			}
		}
	case chatlog.TypeDelete:
		e.Target = n.ref
	case chatlog.TypeReaction:
		e.Target, e.Reaction, e.Remove = n.ref, n.text, n.is(removing)
	default:
		e.Text, e.ReplyTo = n.text, n.ref
		if n.more != nil {
			e.Data = n.more.data
		}
	}
}

// fold adds to e, which is the message n, its current state.
func (n *entry) fold(e *chatlog.Event) {
	m := n.more
	if m == nil {
		return
	}
	e.Amended = m.amended
	if m.edited != 0 {
		e.Edited = time.UnixMilli(m.edited).UTC()
	}
	if m.shown == nil && len(m.reactions) > 0 {
		m.shown = make([]chatlog.Reaction, len(m.reactions))
		for i := range m.reactions {
			m.shown[i] = m.reactions[i].shown()
		}
	}
	e.Reactions = m.shown
}
