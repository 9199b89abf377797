//go:build unix

package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A folded is a message as a client has it, after the history and all later entries.
type folded struct {
	text      string
	reactions map[string]bool // each a reaction and a user
	amended   uint64
}

func (f *folded) String() string {
	if f == nil {
		return "nothing"
	}
	return fmt.Sprintf("%.20q %v", f.text, slices.Sorted(maps.Keys(f.reactions)))
}

func newFolded(text string, reactions []chatlog.Reaction, amended uint64) *folded {
	f := &folded{text: text, reactions: map[string]bool{}, amended: amended}
	for _, r := range reactions {
		if r.Count != len(r.Users) {
			f.text = "with a wrong count: " + f.text
		}
		for _, user := range r.Users {
			f.reactions[r.Reaction+" "+user] = true
		}
	}
	return f
}

// apply applies an entry to the messages of the client. m.mu is held.
func (m *clusterMember) apply(o *wireObject) {
	if o.Target == 0 {
		m.fold[o.Offset] = newFolded(o.Message, o.Reactions, o.Amended)
		if o.Type == "message" {
			m.others = append(m.others, o.Offset)
		}
		return
	}
	f := m.fold[o.Target]
	if f == nil || o.Offset <= f.amended {
		return
	}
	f.amended = o.Offset
	switch one := o.Reaction + " " + o.User; {
	case o.Type == "delete":
		delete(m.fold, o.Target)
	case o.Type == "edit":
		f.text = o.Message
	case f.reactions[one] != o.Remove:
		m.bad("a reaction to %d that changes nothing, at %d", o.Target, o.Offset)
	case o.Remove:
		delete(f.reactions, one)
	default:
		f.reactions[one] = true
	}
}

// change edits or deletes one of the member's own messages, or reacts to any message.
func (m *clusterMember) change(v *visit) {
	m.mu.Lock()
	if len(m.unacked) > 20 || len(m.own) == 0 || len(m.others) == 0 {
		m.mu.Unlock()
		return
	}
	m.sent++
	id := fmt.Sprint(m.sent)
	o := map[string]any{"id": id, "target": m.own[m.rng.IntN(len(m.own))]}
	c := content{user: v.user, id: id}
	switch what := m.rng.IntN(10); {
	case what < 4:
		c.kind = "edit"
		o["message"] = fmt.Sprintf("%s-%d edit", m.base, m.sent)
	case what < 5:
		c.kind = "delete"
	default:
		c.kind = "reaction"
		o["target"] = m.others[len(m.others)-1-m.rng.IntN(min(len(m.others), 10))]
		o["reaction"] = []string{"👍", ":no:"}[m.rng.IntN(2)]
		o["remove"] = m.rng.IntN(3) == 0
	}
	o["type"], c.target = c.kind, o["target"].(uint64)
	frame, _ := json.Marshal(o)
	p := &pending{c, frame, time.Now(), time.Now(), false, false}
	m.unacked = append(m.unacked, p)
	m.said = append(m.said, p)
	m.mu.Unlock()
	m.run.count(c.kind)
	v.wire.text(frame)
}

// changed is what clients and the log know of changes in a room. It does not distinguish epochs:
// an entry that the log has not lost keeps its offset in a new one.
type changed struct {
	edited, deleted map[uint64]bool // by offset
}

func (l *ledger) changes() *changed {
	c := &changed{map[uint64]bool{}, map[uint64]bool{}}
	note := func(kind string, target uint64) {
		switch kind {
		case "edit":
			c.edited[target] = true
		case "delete":
			c.deleted[target] = true
		}
	}
	for _, e := range l.final {
		note(string(e.Type), e.Target)
	}
	for _, m := range l.run.members {
		if m.room != l.room {
			continue
		}
		m.mu.Lock()
		for _, v := range m.visits {
			for _, s := range append(slices.Clip(v.seen), v.acks...) {
				note(s.what.kind, s.what.target)
			}
		}
		m.mu.Unlock()
	}
	return c
}

func contentOf(e *chatlog.Event) content {
	to := e.To
	if e.Amends() {
		to = "" // clients take it from the target
	}
	return content{string(e.Type), e.UserID, e.ID, e.Text, to, e.Target}
}

// lasting returns the part of a content that edits do not change.
func (l *ledger) lasting(offset uint64, c content) content {
	if c.kind == "edit" || l.edited[offset] {
		c.text = ""
	}
	return c
}

// erased reports whether the log must hold nothing of an entry, because its message was deleted.
func (l *ledger) erased(offset uint64, c *content) bool {
	return l.deleted[offset] || c.kind != "delete" && l.deleted[c.target]
}

// holds reports whether e, an entry of the log at the end, matches what a client received.
func (l *ledger) holds(e *chatlog.Event, told content) bool {
	if e == nil {
		return false
	}
	return l.lasting(e.Offset, contentOf(e)) == told ||
		e.Type == chatlog.TypePrivate && e.UserID == "" && l.erased(e.Offset, &told)
}

// fold compares the messages of a member that is connected at the end with the messages of the
// log.
func (l *ledger) fold(m *clusterMember) {
	if m.plain || m.at == nil || m.at.over || !m.at.welcomed || m.at.epoch != l.epoch || len(m.fold) == 0 {
		return
	}
	// The log may have lost an entry, and the server that sent it may have ended before it
	// noticed. Then only the client knows of the entry. Without the time of its position, no
	// server can notice.
	for _, v := range m.visits {
		for i := range v.seen {
			if v.epoch == l.epoch && l.forgotten(v.life, v.seen[i].at) {
				return
			}
		}
	}
	first := slices.Min(slices.Collect(maps.Keys(m.fold)))
	truth := map[uint64]*folded{}
	for from := max(first, l.first); from <= l.last; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		p, err := l.run.log.Read(ctx, l.room, chatlog.Range{From: from, Limit: 500, Visible: true, Reader: m.user, Messages: true})
		cancel()
		if err != nil {
			l.bad("%v", err)
			return
		}
		for i := range p.Events {
			e := &p.Events[i]
			truth[e.Offset] = newFolded(e.Text, e.Reactions, e.Amended)
			from = e.Offset + 1
		}
		if !p.More {
			break
		}
	}
	for offset, f := range m.fold {
		if offset >= l.first && truth[offset] == nil {
			l.bad("%s has %d as %v, but it is no longer there", m.name, offset, f)
		}
	}
	for offset, f := range truth {
		if has := m.fold[offset]; has.String() != f.String() {
			l.bad("%s has %d as %v instead of %v", m.name, offset, has, f)
		}
	}
	l.run.count("folds")
}
