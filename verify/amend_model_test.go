package verify

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// A change is a call of a log whose messages can change. Each call that writes has a new id,
// unless it repeats another call.
type change struct {
	room, kind string // of call
	user, id   string
	to         string // of an append: the receiver of a private message
	text       string // of an append or an edit
	target     uint64 // of an amendment; the offset of a mark
	reaction   string
	remove     bool
	limit      int // of a read
}

// An answer is the answer to a change.
type answer struct {
	offset   uint64 // of the entry; for a read and unread, the log's last offset
	repeated bool   // the call stored nothing
	refused  bool   // there is no such message
	unsure   bool   // an earlier attempt failed, so repeated and raised may come from that attempt
	messages string // of a read: see amendable.String
	read     uint64 // of mark and unread
	raised   bool
	unread   int
}

// An amendable is a message as it is after some changes. It never changes.
type amendable struct {
	offset         uint64
	user, to, text string
	edited         bool
	reactions      []string // each a reaction and a user, sorted
	newest         uint64   // the last entry that has amended it, or 0
}

func (m *amendable) visible(user string) bool {
	return m.to == "" || user == m.user || user == m.to
}

func (m *amendable) String() string {
	return fmt.Sprintf("%d %s>%s %q %t %v %d", m.offset, m.user, m.to, m.text, m.edited, m.reactions, m.newest)
}

// A written is a stored entry, with the entries before it.
type written struct {
	before *written
	id     string // with the user
	offset uint64
}

// An amendedRoom is the state of a room. It never changes.
type amendedRoom struct {
	last     uint64
	messages []*amendable // without the deleted ones
	ids      *written
	marks    map[string]uint64
	log      uint64 // a hash of all stored entries, in order
	marked   uint64 // a hash of marks
}

func (r *amendedRoom) find(id string) uint64 {
	for w := r.ids; w != nil; w = w.before {
		if w.id == id {
			return w.offset
		}
	}
	return 0
}

// stored returns the room after one more entry, with messages in place of its own.
func (r *amendedRoom) stored(c change, messages []*amendable) *amendedRoom {
	next := *r
	next.last++
	next.messages = messages
	next.ids = &written{r.ids, c.user + "/" + c.id, next.last}
	next.log = maphash.Comparable(hashSeed, [2]any{r.log, c.user + "/" + c.id})
	return &next
}

// amend amends a message, and returns the answer.
func (r *amendedRoom) amend(c change) (*amendedRoom, answer) {
	if offset := r.find(c.user + "/" + c.id); offset > 0 {
		return r, answer{offset: offset, repeated: true}
	}
	next := r.last + 1
	if c.kind == "append" {
		m := &amendable{offset: next, user: c.user, to: c.to, text: c.text}
		return r.stored(c, append(slices.Clip(r.messages), m)), answer{offset: next}
	}
	i, found := slices.BinarySearchFunc(r.messages, c.target, func(m *amendable, o uint64) int { return cmp.Compare(m.offset, o) })
	if !found || !r.messages[i].visible(c.user) || c.kind != "reaction" && r.messages[i].user != c.user {
		return r, answer{refused: true}
	}
	m := *r.messages[i]
	newest := cmp.Or(m.newest, m.offset)
	m.newest = next
	messages := slices.Clone(r.messages)
	messages[i] = &m
	switch c.kind {
	case "edit":
		m.text, m.edited = c.text, true
	case "delete":
		messages = slices.Delete(messages, i, i+1)
	case "reaction":
		one := c.reaction + " " + c.user
		at, there := slices.BinarySearch(m.reactions, one)
		if there != c.remove {
			return r, answer{offset: newest, repeated: true}
		}
		if m.reactions = slices.Clone(m.reactions); c.remove {
			m.reactions = slices.Delete(m.reactions, at, at+1)
		} else {
			m.reactions = slices.Insert(m.reactions, at, one)
		}
	}
	return r.stored(c, messages), answer{offset: next}
}

// visible returns the newest messages that a user may see.
func (r *amendedRoom) visible(user string, limit int) string {
	var seen []string
	for _, m := range slices.Backward(r.messages) {
		if m.visible(user) && len(seen) < limit {
			seen = append(seen, m.String())
		}
	}
	slices.Reverse(seen)
	return strings.Join(seen, "\n")
}

func (r *amendedRoom) unread(user string) (n int) {
	for _, m := range r.messages {
		if m.offset > r.marks[user] && m.visible(user) && m.user != user {
			n++
		}
	}
	return min(n, 100)
}

func (r *amendedRoom) mark(user string, offset uint64) (*amendedRoom, answer) {
	offset = min(offset, r.last)
	had := r.marks[user]
	if offset <= had {
		return r, answer{read: had}
	}
	next := *r
	next.marks = map[string]uint64{user: offset}
	for k, v := range r.marks {
		if k != user {
			next.marks[k] = v
		}
	}
	next.marked = 0
	for k, v := range next.marks {
		next.marked ^= maphash.Comparable(hashSeed, [2]any{k, v})
	}
	return &next, answer{read: offset, raised: true}
}

// amendModel is a room whose messages can change.
var amendModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		rooms := map[string][]porcupine.Operation{}
		for _, op := range history {
			room := op.Input.(change).room
			rooms[room] = append(rooms[room], op)
		}
		for _, part := range rooms {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return &amendedRoom{} },
	Equal: func(a, b any) bool {
		x, y := a.(*amendedRoom), b.(*amendedRoom)
		return x.log == y.log && x.marked == y.marked
	},
	Step: func(state, in, out any) (bool, any) {
		r, c, got := state.(*amendedRoom), in.(change), out.(answer)
		next, want := r, answer{offset: r.last}
		switch c.kind {
		case "read":
			want.messages = r.visible(c.user, c.limit)
		case "unread":
			want.read, want.unread = r.marks[c.user], r.unread(c.user)
		case "mark":
			next, want = r.mark(c.user, c.target)
		default:
			next, want = r.amend(c)
		}
		if got.unsure {
			want.repeated, want.raised = got.repeated, got.raised
		}
		got.unsure = false
		return got == want, next
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
	DescribeState:     func(state any) string { return fmt.Sprint(state.(*amendedRoom).last) },
}
