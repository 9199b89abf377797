package rooms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A fold is what a client makes of what it gets: the messages as they are now.
type fold struct {
	t        *testing.T
	name     string
	messages map[uint64]*folded
	from     uint64 // every message from there on that the user may see is held
	last     uint64 // the greatest offset seen
}

type folded struct {
	text      string
	amended   uint64
	reactions map[string]bool // "👍 user"
}

func (f *fold) reset(last uint64) {
	f.messages, f.from, f.last = map[uint64]*folded{}, last+1, last
}

// apply takes an entry, or a message as it is now.
func (f *fold) apply(e *chatlog.Event) {
	if e.Offset == 0 {
		return
	}
	if e.Offset <= f.last {
		f.t.Errorf("%s: %s %d comes after %d", f.name, e.Type, e.Offset, f.last)
	}
	f.last = e.Offset
	m := f.messages[e.Target]
	switch {
	case e.Type == chatlog.TypeMessage || e.Type == chatlog.TypePrivate:
		m = &folded{e.Text, e.Amended, map[string]bool{}}
		for _, r := range e.Reactions {
			for _, user := range r.Users {
				m.reactions[r.Reaction+" "+user] = true
			}
			if r.Count != len(r.Users) {
				f.t.Errorf("%s: %+v", f.name, r)
			}
		}
		f.messages[e.Offset] = m
		f.from = min(f.from, e.Offset)
	case m == nil || e.Offset <= m.amended:
	case e.Type == chatlog.TypeDelete:
		delete(f.messages, e.Target)
	case e.Type == chatlog.TypeEdit:
		m.text, m.amended = e.Text, e.Offset
	case e.Type == chatlog.TypeReaction:
		key := e.Reaction + " " + e.UserID
		if m.reactions[key] == !e.Remove {
			f.t.Errorf("%s: the reaction %d, %q, changes nothing: amended %d", f.name, e.Offset, key, m.amended)
		}
		if m.amended = e.Offset; e.Remove {
			delete(m.reactions, key)
		} else {
			m.reactions[key] = true
		}
	}
}

// show returns what is held from an offset on.
func (f *fold) show(from uint64) string {
	var b strings.Builder
	for _, o := range slices.Sorted(maps.Keys(f.messages)) {
		if m := f.messages[o]; o >= from {
			fmt.Fprintln(&b, o, len(m.text), strings.TrimRight(m.text, "x"), slices.Sorted(maps.Keys(m.reactions)))
		}
	}
	return b.String()
}
