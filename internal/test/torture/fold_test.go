package torture

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// A folded is a message as a client has it from the objects that it got.
type folded struct {
	text      string
	reactions map[string]bool // each a reaction and a user
	amended   uint64
}

func (f *folded) String() string {
	return fmt.Sprintf("%q %v", f.text, slices.Sorted(maps.Keys(f.reactions)))
}

// fold applies objects in the order in which they came.
func fold(seen []harness.Object) map[uint64]*folded {
	all := map[uint64]*folded{}
	for i := range seen {
		o := &seen[i]
		if o.Target == 0 {
			all[o.Offset] = newFolded(o.Message, o.Reactions, o.Amended)
			continue
		}
		f := all[o.Target]
		if f == nil || o.Offset <= f.amended {
			continue
		}
		f.amended = o.Offset
		switch one := o.Reaction + " " + o.User; {
		case o.Type == "delete":
			delete(all, o.Target)
		case o.Type == "edit":
			f.text = o.Message
		case f.reactions[one] != o.Remove:
			f.text += " with a reaction that changes nothing"
		case o.Remove:
			delete(f.reactions, one)
		default:
			f.reactions[one] = true
		}
	}
	return all
}

func newFolded(text string, reactions []chat.Reaction, amended uint64) *folded {
	f := &folded{text: text, reactions: map[string]bool{}, amended: amended}
	for _, r := range reactions {
		for _, user := range r.Users {
			if one := r.Reaction + " " + user; f.reactions[one] {
				f.text += " with a reaction twice"
			} else {
				f.reactions[one] = true
			}
		}
		if r.Count != len(r.Users) {
			f.text += " with a wrong count"
		}
	}
	return f
}

// checkFolds compares what every client has in the end with the messages that are there.
func checkFolds(truth map[uint64]*chat.Event, clients []*tortured) (found []string) {
	bad := func(format string, args ...any) {
		if len(found) < 20 {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	for _, c := range clients {
		if c.failed != nil || len(c.segments) == 0 || c.kind == plainSocket {
			continue
		}
		seen := c.segments[len(c.segments)-1]
		if len(seen) == 0 {
			continue
		}
		has := fold(seen)
		for offset, f := range has {
			if truth[offset] == nil {
				bad("%s: has %d %s, which is no longer there", c.name, offset, f)
			}
		}
		for offset, e := range truth {
			if offset < seen[0].Offset || !e.VisibleTo(c.user) {
				continue
			}
			want := newFolded(e.Text, e.Reactions, e.Amended)
			if f := has[offset]; f == nil || f.String() != want.String() {
				bad("%s: has %d as %v instead of %s", c.name, offset, f, want)
			}
		}
	}
	return found
}
