package chattest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// testAmend appends to rooms and amends them through two servers. It compares each answer, and a
// read after each, with a model.
func testAmend(t *testing.T, open func() chatlog.Log) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	logs := handles(2, open)
	for _, amends := range []float64{0.2, 0.5, 0.9} {
		m := newAmended(t, "amend")
		for i := range kept * 2 / 3 {
			e, moderator := m.random(rng, amends)
			if e.Amends() {
				m.amend(logs[rng.IntN(2)], e, moderator)
			} else {
				m.append(logs[rng.IntN(2)], e)
			}
			m.checkRandom(logs[i%2], rng)
		}
		m.checkAll(logs[0], rng)
		m.looksUp(logs[1])
	}
}

// checkAll compares all possible reads.
func (m *amended) checkAll(l chatlog.Log, rng *rand.Rand) {
	m.t.Helper()
	for _, reader := range visibleReaders {
		for mode := range 4 {
			r := chatlog.Range{Messages: mode&1 > 0, Visible: mode&2 > 0, Reader: reader, Limit: 1000}
			m.check(l, r)
			r.Limit = 50
			m.check(l, r)
			r.From = 1
			m.check(l, r)
		}
	}
	for range 100 {
		m.checkRandom(l, rng)
	}
}

// testAmendConcurrently lets several servers append and amend concurrently. It then goes through
// the stored entries in the order of their offsets. Each must have been allowed, and the room
// must be what they make of it.
func testAmendConcurrently(t *testing.T, open func() chatlog.Log) {
	const senders, each = 6, 30
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	logs := handles(3, open)
	m := newAmended(t, "amend-at-once")
	sinks := []*sink{connect(t, logs[0], m.room), connect(t, logs[1], m.room)}
	for range 8 {
		m.append(logs[0], message("for all"))
	}
	type done struct {
		e         chatlog.Event
		moderator bool
	}
	var mu sync.Mutex
	stored, repeated := []done{}, []chatlog.Event{}
	runConcurrently(senders, func(i int) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		l := logs[i%len(logs)]
		for range each {
			e, moderator := m.random(rng, 0.8)
			if e.ID = ""; e.Type == chatlog.TypeDelete && rng.IntN(8) > 0 {
				e.Type, e.UserID, e.Text = chatlog.TypeEdit, "u1", fmt.Sprint(rng.Uint32())
			}
			var a chatlog.Appended
			var err error
			if e.Amends() {
				e.Target = 1 + rng.Uint64N(12)
				a, err = l.(chatlog.Amender).Amend(within(t), m.room, e, moderator)
			} else {
				e.ReplyTo = 0
				a, err = l.Append(within(t), m.room, e)
			}
			mu.Lock()
			switch {
			case errors.Is(err, chatlog.ErrNoSuchMessage):
			case err != nil:
				t.Errorf("%+v: %v", e, err)
			case a.Repeated:
				repeated = append(repeated, a.Event)
			default:
				stored = append(stored, done{a.Event, moderator})
			}
			mu.Unlock()
		}
	})
	if t.Failed() {
		return
	}
	slices.SortFunc(stored, func(a, b done) int { return int(a.e.Offset) - int(b.e.Offset) })
	for _, s := range stored {
		if s.e.Offset != m.last()+1 {
			t.Fatalf("offset %d comes after %d", s.e.Offset, m.last())
		}
		if s.e.Amends() {
			if at, err := m.judge(&s.e, s.moderator); at > 0 || err != nil {
				t.Fatalf("stored %+v, which repeats entry %d or must be refused (%v)", s.e, at, err)
			}
			if want := m.stored(s.e); s.e.To != want.To {
				t.Errorf("stored %+v for %q, want %q", s.e, s.e.To, want.To)
			}
		}
		m.add(s.e)
	}
	for _, e := range repeated {
		if e.Offset == 0 || e.Offset > m.last() || m.at(e.Offset).own.Target != e.Target && e.Offset != e.Target {
			t.Errorf("%+v was answered as a repetition, but it repeats nothing", e)
		}
	}
	for _, l := range logs {
		m.checkAll(l, rand.New(rand.NewPCG(seed, 99)))
	}
	if t.Failed() {
		return
	}
	m.announced(sinks)
	told := false
	for i := 0; i < 10 && !told; i++ {
		m.append(logs[0], message("sent until every sink gets one"))
		m.amend(logs[2], chatlog.Event{Type: chatlog.TypeEdit, UserID: "u1", Target: m.last(), Text: "you are"}, false)
		told = allTold(sinks, m.room, m.last())
	}
	if !told {
		t.Error("not every sink received an edit")
	}
	m.announced(sinks)
}

// announced compares the pushed entries with the stored ones.
func (m *amended) announced(sinks []*sink) {
	m.t.Helper()
	for _, s := range sinks {
		s.find(func(p push) bool {
			if o := p.event.Offset; p.room != m.room || p.epoch != m.epoch || o < 1 || o > m.last() {
				m.t.Errorf("pushed %+v, but the room is %q in %s, at %d", p, m.room, m.epoch, m.last())
			} else if p.event.Type != "" && !m.announces(p.event) {
				m.t.Errorf("pushed %+v, stored %+v", p.event, m.at(o).own)
			}
			return false
		})
	}
}

// announces reports whether the pushed event e matches a stored entry. It may be the whole entry
// as stored, the entry in its current state, or a state between them, with the text of an edit
// stored before the push.
func (m *amended) announces(e chatlog.Event) bool {
	own := m.at(e.Offset).own
	if sameAmended(e, own) || m.matches(e, m.entry(e.Offset, false)) {
		return true
	}
	target := own.Target
	if !own.Amends() {
		target = own.Offset
	} else if own.Type != chatlog.TypeEdit {
		return false
	}
	for o := own.Offset + 1; o <= m.last(); o++ {
		if later := m.at(o).own; later.Type == chatlog.TypeEdit && later.Target == target {
			own.Text, own.Data = later.Text, later.Data
			if sameAmended(e, own) {
				return true
			}
		}
	}
	return false
}

// testAmendFields keeps data, reactions and ids with unusual content.
func testAmendFields(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	m := newAmended(t, "amend-fields")
	read := func() {
		t.Helper()
		for _, messages := range []bool{false, true} {
			m.check(b, chatlog.Range{Limit: 4, Messages: messages})
		}
	}
	for i, data := range amendedData {
		e := chatlog.Event{Type: chatlog.TypeMessage, UserID: "u1", Username: "Alice", Data: []byte(data), ReplyTo: uint64(i)}
		if i%3 == 2 {
			e.Type, e.To, e.ToUsername, e.ID = chatlog.TypePrivate, "u2", "Bob", fmt.Sprint("id", i)
		}
		m.append(a, e)
		read()
		last := m.last()
		next := amendedData[(i+1)%len(amendedData)]
		m.amend(b, chatlog.Event{Type: chatlog.TypeEdit, UserID: "u1", Username: "Al", Target: last, Data: []byte(next), Text: "\x00é\u2028"}, false)
		read()
		m.amend(a, chatlog.Event{Type: chatlog.TypeEdit, UserID: "u1", Username: "Al", Target: last, Text: strings.Repeat("😀", 1000), ID: fmt.Sprint("edit", i)}, false)
		read()
	}
	m.looksUp(a)
}

// testAmendNames uses users and reactions that are easy to confuse.
func testAmendNames(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	var m *amended
	for i, s := range confusingNames {
		if i%20 == 0 {
			m = newAmended(t, "amend-names")
		}
		if len(s) > 248 {
			s = s[:248]
		}
		m.append(a, chatlog.Event{Type: chatlog.TypePrivate, UserID: s, Username: s, To: s + "2", Text: s})
		last := m.last()
		for _, user := range []string{s, s + "2", s + "3", strings.ToUpper(s) + "2", s + "2 "} {
			e := chatlog.Event{Type: chatlog.TypeReaction, UserID: user, Username: s, Target: last, Reaction: s}
			if len(s) > chatlog.MaxReactionBytes {
				e.Reaction = "🏴󠁧󠁢󠁷󠁬󠁳󠁿" + ":xx:"
			}
			if len(s) <= 64 {
				e.ID = s
			}
			m.amend(a, e, false)
			m.check(b, chatlog.Range{Limit: 1, Messages: true, Visible: true, Reader: user})
			m.check(b, chatlog.Range{Limit: 1, Visible: true, Reader: user})
		}
		m.amend(b, chatlog.Event{Type: chatlog.TypeEdit, UserID: s, Username: s, Target: last, Text: "of " + s}, false)
		m.check(a, chatlog.Range{Limit: 1, Messages: true})
		m.looksUp(b)
	}
	m = newAmended(t, "amend-names")
	m.append(a, message("x"))
	last := m.last()
	for _, s := range confusingNames {
		m.amend(a, chatlog.Event{Type: chatlog.TypeReaction, UserID: s, Target: last, Reaction: "👍"}, false)
	}
	m.check(b, chatlog.Range{Limit: 1, Messages: true})
	for i, s := range confusingNames {
		m.amend(b, chatlog.Event{Type: chatlog.TypeReaction, UserID: s, Target: last, Reaction: "👍", Remove: true}, false)
		if i%7 == 0 {
			m.check(a, chatlog.Range{Limit: 1, Messages: true})
		}
	}
}

// amendedData are objects whose bytes a log must keep.
var amendedData = []string{
	`{}`, "{ \"b\" : 1,\r\n\t\"a\":[ ] }", `{"n":1e400,"m":-0,"k":1.10,"i":12345678901234567890,"e":1E+2}`, `{"":{"":[]},"a":null,"__proto__":{"x":true}}`,
	"{\"s\":\"\u2028\u2029<&>\U0010ffff\x7f\"}", `{"s":"\u0000\u2028\/\b\"\\é"}`, `{"s":"\ud83d\ude00","lone":"\ud800","other":"\uDC00x"}`,
	`{"a":1,"a":2}`, `{"a":` + strings.Repeat(`[`, 31) + strings.Repeat(`]`, 31) + `}`, strings.Repeat(`{"a":`, 31) + `{}` + strings.Repeat(`}`, 31),
	`{"type":"message","offset":9}`, `{"'":"'; drop table room; --","$1":"%s{}"}`, `{"x":"` + strings.Repeat("é😀", 8<<10/6) + `"}`,
}
