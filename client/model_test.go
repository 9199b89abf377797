package client_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// model is a room, and one client of it: what the server has sent and the client has not
// yet read, and what it has.
type model struct {
	rand    *rand.Rand
	log     []chat.Event // offset i+1 at i
	epoch   string
	place   uint64
	entered string // the epoch that the client knows of
	limit   int

	sent  []json.RawMessage // and not yet read
	asked []*page           // answered, and not yet merged
	seen  []json.RawMessage // since the last gap, to come twice
	got   map[uint64]bool   // messages that came since then

	steps []step
}

const gapObject = `{"type":"gap"}`

var hour = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func (m *model) last() uint64 { return uint64(len(m.log)) }

func (m *model) append(e chat.Event) {
	e.Offset = m.last() + 1
	e.Time = hour.Add(time.Duration(e.Offset) * time.Second)
	m.log = append(m.log, e)
	m.sent = append(m.sent, object(e))
}

// change has somebody write, edit, delete or react.
func (m *model) change() {
	n := m.rand.IntN(100)
	target := m.last() - min(m.last(), uint64(m.rand.IntN(12)))
	user := fmt.Sprint("u", m.rand.IntN(4))
	if n%3 == 0 {
		user = fmt.Sprint("u", m.rand.IntN(80)) // more than are listed
	}
	now, ok := m.now(target)
	switch {
	case n < 40 || !ok:
		e := chat.Event{Type: chat.TypeMessage, UserID: user, Username: "U", Text: fmt.Sprint("text ", m.last()+1)}
		if n%2 == 0 {
			e.ReplyTo = target
		}
		if n%5 == 0 {
			e.Data = json.RawMessage(`{"n":1}`)
		}
		if n%7 == 0 {
			e.Type, e.To, e.ToUsername = chat.TypePrivate, "me", "Me"
		}
		m.append(e)
	case n < 55:
		e := chat.Event{Type: chat.TypeEdit, UserID: now.UserID, Username: "U", Target: target, Text: fmt.Sprint("edited at ", m.last()+1)}
		if n%2 == 0 {
			e.Data = json.RawMessage(`{"edited":true}`)
		}
		m.append(e)
	case n < 63:
		m.append(chat.Event{Type: chat.TypeDelete, UserID: now.UserID, Username: "U", Target: target})
	default:
		e := chat.Event{Type: chat.TypeReaction, UserID: user, Username: "U", Target: target, Reaction: []string{"👍", "❤️", ":ok:"}[n%3], Remove: n%4 == 0}
		if given := m.gave(target, e.Reaction); slices.Contains(given, user) == e.Remove {
			m.append(e)
		}
	}
}

// gave returns who has given a reaction, in their order.
func (m *model) gave(target uint64, reaction string) (users []string) {
	for _, e := range m.log {
		if e.Type != chat.TypeReaction || e.Target != target || e.Reaction != reaction {
			continue
		}
		if users = slices.DeleteFunc(users, func(u string) bool { return u == e.UserID }); !e.Remove {
			users = append(users, e.UserID)
		}
	}
	return users
}

func (m *model) deleted(target uint64) bool {
	return slices.ContainsFunc(m.log, func(e chat.Event) bool { return e.Type == chat.TypeDelete && e.Target == target })
}

// now returns the message at an offset as it is now.
func (m *model) now(offset uint64) (e chat.Event, ok bool) {
	if offset == 0 || offset > m.last() || m.deleted(offset) {
		return e, false
	}
	if e = m.log[offset-1]; e.Target != 0 {
		return e, false
	}
	var order []string
	for _, a := range m.log {
		if a.Target != offset {
			continue
		}
		e.Amended = a.Offset
		switch a.Type {
		case chat.TypeEdit:
			e.Text, e.Data, e.Edited = a.Text, a.Data, a.Time
		case chat.TypeReaction:
			if !a.Remove && !slices.Contains(order, a.Reaction) {
				order = append(order, a.Reaction)
			}
			if a.Remove && len(m.before(a).gave(offset, a.Reaction)) == 1 {
				order = slices.DeleteFunc(order, func(r string) bool { return r == a.Reaction })
			}
		}
	}
	for _, reaction := range order {
		users := m.gave(offset, reaction)
		e.Reactions = append(e.Reactions, chat.Reaction{Reaction: reaction, Count: len(users), Users: users[:min(len(users), chatlog.MaxReactionListed)]})
	}
	return e, true
}

// before returns the room before an entry.
func (m *model) before(a chat.Event) *model { return &model{log: m.log[:a.Offset-1]} }

// resumed returns the entries after a place, as a client gets them that comes back.
func (m *model) resumed(after uint64) (list []json.RawMessage) {
	for _, e := range m.log[after:] {
		of := e.Offset
		if e.Target != 0 {
			of = e.Target
		}
		now, ok := m.now(of)
		switch {
		case !ok && e.Type != chat.TypeDelete:
			continue
		case e.Type == chat.TypeEdit, e.Target == 0:
			e.Text, e.Data = now.Text, now.Data
		}
		list = append(list, object(e))
	}
	return list
}

// newest returns the last messages below an offset as they are now.
func (m *model) newest(before uint64, limit int) (list []json.RawMessage) {
	for o := min(before, m.last()+1) - 1; o > 0 && len(list) < limit; o-- {
		if e, ok := m.now(o); ok {
			list = append(list, object(e))
		}
	}
	slices.Reverse(list)
	return list
}

func object(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// connect has the client come or come back, with a gap or without.
func (m *model) connect(gap bool) {
	if m.place == 0 && m.steps != nil || len(m.sent) > 0 && string(m.sent[0]) == gapObject {
		gap = true // the client has not come to the end of the last one
	}
	m.sent = nil
	welcome := object(map[string]any{"type": "welcome", "user": "me", "position": fmt.Sprint(m.epoch, ":", m.last()), "read": 0, "gap": gap})
	if gap {
		m.sent = append(m.sent, json.RawMessage(gapObject))
	}
	m.sent = append(m.sent, welcome)
	if m.place > 0 && !gap {
		m.sent = append(m.sent, m.resumed(m.place)...)
		return
	}
	for _, b := range m.newest(m.last()+1, 8) {
		var e chat.Event
		json.Unmarshal(b, &e)
		if e.Offset <= m.place {
			b = slices.Replace(slices.Clone(b), len(`{"type":"`), len(`{"type":"`)+len(e.Type), []byte("update")...)
		}
		m.sent = append(m.sent, b)
	}
}

// read has the client read an object.
func (m *model) read() {
	if len(m.sent) == 0 {
		return
	}
	b := m.sent[0]
	m.sent = m.sent[1:]
	var e chat.Event
	json.Unmarshal(b, &e)
	switch {
	case e.Type == "gap":
		clear(m.got)
		m.seen, m.asked = nil, nil
	case e.Type == "welcome":
		m.entered = m.epoch
	case e.Offset > 0 && e.Target == 0:
		m.got[e.Offset] = true
	}
	m.place = max(m.place, e.Offset)
	m.steps = append(m.steps, step{Apply: b})
	if e.Offset > 0 {
		m.seen = append(m.seen, b)
	}
}

func (m *model) merge() {
	if len(m.asked) == 0 {
		return
	}
	p := m.asked[0]
	m.asked = m.asked[1:]
	m.steps = append(m.steps, step{Merge: p})
	if p.Epoch != m.entered {
		return // it is ignored
	}
	for _, b := range p.Messages {
		var e chat.Event
		json.Unmarshal(b, &e)
		m.got[e.Offset] = true
	}
}

func (m *model) step() {
	switch n := m.rand.IntN(100); {
	case n < 35:
		m.change()
	case n < 75:
		m.read()
	case n < 80 && len(m.seen) > 0: // it comes twice
		m.steps = append(m.steps, step{Apply: m.seen[m.rand.IntN(len(m.seen))], Same: m.limit == 0})
	case n < 88:
		m.asked = append(m.asked, &page{m.epoch, m.newest(m.rand.Uint64N(m.last()+2)+1, 6)})
	case n < 94:
		m.merge()
	case n < 98:
		m.connect(false)
	case n == 98:
		m.connect(true)
	default: // another epoch, in which the end is lost
		m.epoch += "f"
		m.log = m.log[:m.last()-uint64(m.rand.IntN(3))]
		m.place = 0
		m.connect(true)
	}
}

// settle has the client read everything.
func (m *model) settle() {
	for len(m.sent) > 0 {
		m.read()
	}
	for len(m.asked) > 0 {
		m.merge()
	}
}

// want returns the messages that the client has, as they are.
func (m *model) want() []chat.Event {
	list := []chat.Event{}
	for o := range m.last() {
		if e, ok := m.now(o + 1); ok && m.got[o+1] {
			list = append(list, e)
		}
	}
	return list
}
