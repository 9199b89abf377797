package chattest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// testRepeated appends the same ids of the same user again.
func testRepeated(t *testing.T, open func() chatlog.Log) {
	logs := handles(2, open)
	room := newName("repeated")
	var stored []chatlog.Event
	var epoch string
	for i := range kept / 2 {
		e := message(fmt.Sprint(i))
		e.ID = fmt.Sprint("id", i)
		if i%3 == 1 {
			e.Type, e.To, e.ToUsername = chatlog.TypePrivate, "u2", "Bob"
		}
		e, epoch = put(t, logs[i%2], room, e)
		stored = append(stored, e)
	}
	for i, first := range stored {
		// The repetition may have another text. The first entry counts.
		e := chatlog.Event{Type: chatlog.TypeMessage, UserID: first.UserID, Username: "Alicia", Text: "again", ID: first.ID}
		again, err := logs[i/2%2].Append(within(t), room, e)
		if err != nil || !again.Repeated || again.Epoch != epoch || !same(again.Event, first) {
			t.Fatalf("repeated %+v:\n got %+v, %v", first, again, err)
		}
	}
	if at := positionOf(t, logs[0], room); at.Offset != uint64(len(stored)) {
		t.Errorf("after %d entries and their repetitions the room is at %v", len(stored), at)
	}
	if e, _ := put(t, logs[0], room, message("next")); e.Offset != uint64(len(stored)+1) {
		t.Errorf("the next offset is %d", e.Offset)
	}
}

// testRepeatedConcurrently appends the same ids from several servers concurrently.
func testRepeatedConcurrently(t *testing.T, open func() chatlog.Log) {
	const ids, times = 10, 8
	logs := handles(3, open)
	room := newName("at-once")
	var mu sync.Mutex
	got := map[string][]chatlog.Event{}
	var news atomic.Int32
	runConcurrently(times, func(i int) {
		for n := range ids {
			e := message(fmt.Sprint(n))
			e.ID = fmt.Sprint("id", n)
			a, err := logs[i%len(logs)].Append(within(t), room, e)
			if err != nil {
				t.Errorf("Append: %v", err)
				return
			}
			if !a.Repeated {
				news.Add(1)
			}
			mu.Lock()
			got[e.ID] = append(got[e.ID], a.Event)
			mu.Unlock()
		}
	})
	if n := news.Load(); n != ids {
		t.Errorf("%d of %d appends stored an entry, want %d", n, ids*times, ids)
	}
	p := read(t, logs[0], room, chatlog.Range{From: 1, Limit: ids * times})
	if len(p.Events) != ids {
		t.Errorf("%d entries, want %d", len(p.Events), ids)
	}
	for _, e := range p.Events {
		for _, returned := range got[e.ID] {
			if !same(e, returned) {
				t.Errorf("stored %+v, returned %+v", e, returned)
			}
		}
	}
}

// testRepeatedNot appends events that are similar to a repetition but are new.
func testRepeatedNot(t *testing.T, open func() chatlog.Log) {
	l := open()
	room := newName("not-repeated")
	events := []chatlog.Event{
		{UserID: "u1", ID: "x"}, {UserID: "u2", ID: "x"}, {UserID: "", ID: "x"}, {UserID: "x", ID: "u1"}, {UserID: "u1x", ID: "x"}, {UserID: "u1", ID: "xx"},
		{UserID: "ab", ID: "c"}, {UserID: "a", ID: "bc"}, {UserID: "a:b", ID: "c"}, {UserID: "a", ID: "b:c"},
		{UserID: "a\x00b", ID: "c"}, {UserID: "a", ID: "b\x00c"}, {UserID: "a|b", ID: "c"}, {UserID: "a", ID: "b|c"}, {UserID: "a/b", ID: "c"}, {UserID: "a", ID: "b/c"},
		{UserID: "u1"}, {UserID: "u1"}, {}, {},
	}
	for _, s := range confusingNames {
		events = append(events, chatlog.Event{UserID: "user" + s, ID: "y"})
		if len(s) <= 64 {
			events = append(events, chatlog.Event{UserID: "u3", ID: s}, chatlog.Event{UserID: s, ID: "z"})
		}
	}
	for i, e := range events {
		e.Type, e.Username, e.Text = chatlog.TypeMessage, "Alice", "hi"
		stored, _ := put(t, l, room, e)
		if stored.Offset != uint64(i+1) {
			t.Fatalf("%+v got offset %d, want %d", e, stored.Offset, i+1)
		}
		if e.ID != "" {
			put(t, l, room+"2", e)
		}
	}
	for i, e := range events {
		if e.ID == "" {
			continue
		}
		a, err := l.Append(within(t), room, e)
		if stored := a.Event; err != nil || !a.Repeated || stored.Offset != uint64(i+1) || stored.UserID != e.UserID || stored.ID != e.ID {
			t.Fatalf("repeated %+v: got %+v, Repeated %t, %v, want offset %d", e, a.Event, a.Repeated, err, i+1)
		}
	}
}

// testRenew begins new epochs.
func testRenew(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	room, other := newName("renew"), newName("renew")
	var all []chatlog.Event
	var first string
	for i := range 5 {
		e := message(fmt.Sprint(i))
		e.ID = e.Text
		e, first = put(t, a, room, e)
		all = append(all, e)
	}
	put(t, a, other, message("x"))
	aside := positionOf(t, a, other)

	renew := func(l chatlog.Log, seen string) string {
		t.Helper()
		epoch, err := l.Renew(within(t), room, seen)
		if err != nil {
			t.Fatalf("Renew: %v", err)
		}
		if p := read(t, a, room, chatlog.Range{Limit: 10}); p.Position != (chatlog.Position{Epoch: epoch, Offset: 5}) {
			t.Fatalf("Renew gives %s, and the room is at %v", epoch, p.Position)
		}
		if at := positionOf(t, b, room); at.Epoch != epoch {
			t.Fatalf("Renew gives %s, and the room is at %v", epoch, at)
		}
		return epoch
	}
	if e := renew(b, newName("stranger")); e != first {
		t.Errorf("Renew of an epoch that never existed changed %s to %s", first, e)
	}
	second := renew(b, first)
	if _, err := chatlog.ParsePosition(second + ":5"); err != nil || second == first {
		t.Errorf("Renew changed %s to %s, %v", first, second, err)
	}
	if e := renew(a, first); e != second {
		t.Errorf("Renew of an old epoch changed %s to %s", second, e)
	}
	third := renew(a, second)
	if third == first || third == second {
		t.Errorf("Renew changed %s and %s to %s", first, second, third)
	}
	checkRanges(t, b, room, all, 1)
	next, epoch := put(t, b, room, message("next"))
	if next.Offset != 6 || epoch != third {
		t.Errorf("the next entry is %s:%d, want %s:6", epoch, next.Offset, third)
	}
	if at := positionOf(t, b, other); at != aside {
		t.Errorf("another room went from %v to %v", aside, at)
	}
}

// testRenewConcurrently lets several servers renew the same epoch.
func testRenewConcurrently(t *testing.T, open func() chatlog.Log) {
	logs := handles(3, open)
	room := newName("renew-at-once")
	_, seen := put(t, logs[0], room, message("x"))
	for range 5 {
		epochs := make([]string, 9)
		runConcurrently(len(epochs), func(i int) {
			var err error
			if epochs[i], err = logs[i%len(logs)].Renew(within(t), room, seen); err != nil {
				t.Errorf("Renew: %v", err)
			}
		})
		for _, e := range epochs {
			if e != epochs[0] || e == seen {
				t.Fatalf("from %s to %v", seen, epochs)
			}
		}
		seen = epochs[0]
	}
}
