package chattest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// lost checks that the log still holds enough of the room.
func (m *amended) lost(l chatlog.Log) {
	m.t.Helper()
	all := read(m.t, l, m.room, chatlog.Range{Limit: 0})
	messages := read(m.t, l, m.room, chatlog.Range{Limit: 0, Messages: true})
	m.first, m.oldest = all.First, messages.First
	var message, amending uint64 // the last entries that may be lost
	held, amends := 0, 0
	for o := m.last(); o > 0; o-- {
		if m.at(o).own.Amends() {
			if amends++; amends == kept+1 {
				amending = o
			}
		} else if held++; held == kept+1 { // deleted messages may count
			message = o
		}
	}
	if m.oldest < 1 || m.oldest > message+1 || m.first < m.oldest || m.first > max(message, amending)+1 {
		m.t.Fatalf("of %d entries the log holds messages from %d on and all entries from %d on; want at most %d and %d",
			m.last(), m.oldest, m.first, message+1, max(message, amending)+1)
	}
	// When a message is removed, the entries that amended it may be removed too.
	for from := m.first; from <= m.last(); {
		p := read(m.t, l, m.room, chatlog.Range{From: from, Limit: 100})
		for _, e := range p.Events {
			r := m.at(e.Offset)
			if r.own.Amends() && r.own.Type != chatlog.TypeDelete && r.own.Target < m.oldest {
				r.gone = e.Type == chatlog.TypePrivate
			}
			from = e.Offset + 1
		}
		if len(p.Events) == 0 {
			m.t.Fatalf("the log holds no entry from %d on", from)
		}
	}
}

// testAmendKept has more messages and more amendments in a room than the log must keep. Messages
// must not push out amendments, nor amendments messages.
func testAmendKept(t *testing.T, open func() chatlog.Log) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	a, b := open(), open()
	m := newAmended(t, "amend-kept")
	messages := 0
	for phase, p := range []struct {
		n      int
		amends float64
	}{{kept, 0.2}, {4 * kept, 0.98}, {kept, 0.1}, {2 * kept, 0.8}} {
		for end := m.last() + uint64(p.n); m.last() < end; {
			e, moderator := m.random(rng, p.amends)
			if e.ID = ""; e.Type == chatlog.TypeDelete && rng.IntN(3) > 0 {
				continue
			}
			if !e.Amends() {
				m.append(a, e)
				messages++
			} else {
				m.amend(b, e, moderator)
			}
		}
		m.lost(b)
		if phase == 1 && messages <= kept && m.oldest != 1 {
			t.Errorf("of %d messages, the log has lost those before %d", messages, m.oldest)
		}
		m.checkAll(a, rng)
		for range 15 { // that amend the oldest message
			e, moderator := m.random(rng, 1)
			if e.Target, e.ID = m.oldest+rng.Uint64N(8)-min(4, m.oldest), ""; e.Amends() && m.last()-m.oldest > 4 {
				m.amend(a, e, moderator)
				m.lost(b)
				m.checkRandom(b, rng)
			}
		}
	}
	if m.first == 1 && m.oldest == 1 {
		t.Logf("the log still holds all %d entries", m.last())
	}
}

// testAmendHistory gives one message 300 reactions, and then private ones. The last 50 messages
// must still be readable.
func testAmendHistory(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	m := newAmended(t, "amend-history")
	for i := range 70 {
		m.append(a, message(fmt.Sprint(i)))
	}
	readers := []string{"u1", "u2", "eve", "stranger", ""}
	pages := func() {
		t.Helper()
		for _, reader := range readers {
			r := chatlog.Range{Messages: true, Visible: true, Reader: reader, Limit: 50}
			m.check(b, r)
			r.From = 1
			m.check(b, r)
			r.From, r.Visible = 0, false
			m.check(a, r)
			for r.Before, r.Visible = m.last(), true; r.Before > 1; r.Before /= 2 {
				m.check(a, r)
			}
		}
	}
	for i := range 300 {
		m.amend(a, chatlog.Event{Type: chatlog.TypeReaction, UserID: fmt.Sprint("user", i), Target: 30, Reaction: "👍"}, false)
	}
	m.lost(a)
	if m.oldest != 1 {
		t.Errorf("the log has lost the messages before %d", m.oldest)
	}
	pages()
	for i := range 100 {
		m.append(a, chatlog.Event{Type: chatlog.TypePrivate, UserID: "eve", To: "u2", Text: fmt.Sprint("spam ", i)})
	}
	for i := range 50 {
		m.amend(b, chatlog.Event{Type: chatlog.TypeReaction, UserID: []string{"eve", "u2"}[i%2], Target: m.last() - uint64(i*2), Reaction: "👍"}, false)
		m.amend(b, chatlog.Event{Type: chatlog.TypeEdit, UserID: "u1", Target: uint64(i + 1), Text: "edited"}, false)
	}
	m.lost(a)
	pages()
	for i := range 20 { // delete some of the oldest and of the newest messages
		m.amend(a, chatlog.Event{Type: chatlog.TypeDelete, UserID: "u1", Target: uint64(1 + 3*i)}, false)
	}
	m.lost(a)
	pages()
}

// testDelete deletes a message that was amended a hundred times.
func testDelete(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	for _, to := range []string{"", "u2"} {
		m := newAmended(t, "delete")
		sinks := []*sink{connect(t, a, m.room), connect(t, b, m.room)}
		for i := range 3 {
			e := chatlog.Event{Type: chatlog.TypeMessage, UserID: "u1", Text: "secret", Data: []byte(`{"secret":1}`), ID: fmt.Sprint("m", i)}
			if to != "" {
				e.Type, e.To, e.ToUsername = chatlog.TypePrivate, to, "Bob"
			}
			m.append(a, e)
		}
		for i := range 50 {
			m.amend(a, chatlog.Event{Type: chatlog.TypeEdit, UserID: "u1", Target: 2, Text: "secret", Data: fmt.Appendf(nil, `{"secret":%d}`, i), ID: fmt.Sprint("e", i)}, false)
			m.amend(b, chatlog.Event{Type: chatlog.TypeReaction, UserID: []string{"u1", "u2"}[i%2], Target: 2, Reaction: fmt.Sprint(":secret", i%10), ID: fmt.Sprint("r", i), Remove: i%20 >= 10}, false)
		}
		last := m.last()
		m.amend(b, chatlog.Event{Type: chatlog.TypeDelete, UserID: "u1", Target: 2, ID: "d"}, false)
		for _, messages := range []bool{false, true} {
			for _, user := range []string{"u1", "u2", "u3", ""} {
				for _, visible := range []bool{false, true} {
					r := chatlog.Range{Limit: 1000, Messages: messages, Visible: visible, Reader: user}
					m.check(a, r)
					r.From = 2
					m.check(a, r)
					for _, e := range read(t, a, m.room, r).Events {
						if e.Offset != 1 && e.Offset != 3 && strings.Contains(fmt.Sprintf("%+v %s", e, e.Data), "secret") {
							t.Fatalf("a deleted message can be read: %+v", e)
						}
					}
				}
			}
		}
		m.looksUp(a)
		if at := positionOf(t, a, m.room); at != (chatlog.Position{Epoch: m.epoch, Offset: last + 1}) {
			t.Errorf("the room is at %v, want %s:%d", at, m.epoch, last+1)
		}
		m.amend(a, chatlog.Event{Type: chatlog.TypeDelete, UserID: "u1", Target: 2, ID: "d"}, false)
		m.amend(a, chatlog.Event{Type: chatlog.TypeDelete, UserID: "u1", Target: 2}, true)
		m.amend(a, chatlog.Event{Type: chatlog.TypeReaction, UserID: "u1", Target: 2, Reaction: ":secret1"}, false)
		m.announced(sinks)
	}
}
