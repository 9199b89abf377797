package chattest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// testAmendOnce lets several servers do the same concurrently. Exactly one of them must succeed.
func testAmendOnce(t *testing.T, open func() chatlog.Log) {
	const times = 8
	logs := handles(3, open)
	room := newName("amend-once")
	for range 3 {
		put(t, logs[0], room, message("x"))
	}
	// all amends with e from several servers concurrently. It returns how many calls have stored
	// it, and how many were refused with err.
	all := func(e func(i int) chatlog.Event, err error) (stored, refused int32) {
		t.Helper()
		var n, no atomic.Int32
		var mu sync.Mutex
		first := map[string]uint64{}
		runConcurrently(times, func(i int) {
			e := e(i)
			a, got := logs[i%len(logs)].(chatlog.Amender).Amend(within(t), room, e, false)
			switch {
			case err != nil && errors.Is(got, err):
				no.Add(1)
				return
			case got != nil:
				t.Errorf("%+v: %v", e, got)
				return
			case !a.Repeated:
				n.Add(1)
			}
			mu.Lock()
			defer mu.Unlock()
			if o := first[e.ID]; e.ID != "" && o != 0 && o != a.Event.Offset {
				t.Errorf("the id %q is at %d and at %d", e.ID, o, a.Event.Offset)
			}
			first[e.ID] = a.Event.Offset
		})
		return n.Load(), no.Load()
	}
	last := uint64(3)
	expect := func(what string, stored, refused, want, wantRefused int32) {
		t.Helper()
		last += uint64(want)
		if at := positionOf(t, logs[1], room).Offset; stored != want || refused != wantRefused || at != last {
			t.Fatalf("%s: %d of %d calls stored, %d refused, the room is at %d; want %d, %d, %d", what, stored, times, refused, at, want, wantRefused, last)
		}
	}
	for n := range 5 {
		stored, refused := all(func(i int) chatlog.Event {
			return chatlog.Event{Type: chatlog.TypeEdit, UserID: "u1", Target: 1, Text: fmt.Sprint(i), ID: fmt.Sprint("e", n)}
		}, nil)
		expect("one edit by its id", stored, refused, 1, 0)
		for _, remove := range []bool{false, true} {
			stored, refused = all(func(int) chatlog.Event {
				return chatlog.Event{Type: chatlog.TypeReaction, UserID: "u2", Target: 1, Reaction: "👍", Remove: remove}
			}, nil)
			expect("one reaction of one user", stored, refused, 1, 0)
		}
		stored, refused = all(func(i int) chatlog.Event {
			return chatlog.Event{Type: chatlog.TypeReaction, UserID: fmt.Sprint("u", i, n), Target: 1, Reaction: "👍"}
		}, nil)
		expect("a reaction of each user", stored, refused, times, 0)
	}
	for n := range 3 { // 19 different ones were free, and are given in 3 rounds
		stored, refused := all(func(i int) chatlog.Event {
			return chatlog.Event{Type: chatlog.TypeReaction, UserID: fmt.Sprint("u", i), Target: 1, Reaction: fmt.Sprint(":", n, "-", i, ":")}
		}, chatlog.ErrTooManyReactions)
		want := min(times, int32(chatlog.MaxReactions-1-n*times))
		expect("different reactions", stored, refused, want, times-want)
	}
	for target := range uint64(3) {
		stored, refused := all(func(int) chatlog.Event {
			return chatlog.Event{Type: chatlog.TypeDelete, UserID: "u1", Target: target + 1}
		}, chatlog.ErrNoSuchMessage)
		expect("a delete", stored, refused, 1, times-1)
	}
}

// testAmendReadable reads a message while it is amended. The message in a page must be the
// result of the entries up to the page's position.
func testAmendReadable(t *testing.T, open func() chatlog.Log) {
	const n = 120 // entries that amend: an edit, a reaction, an edit, ...
	logs := handles(3, open)
	room := newName("amend-readable")
	put(t, logs[0], room, message("1"))
	check := func(p chatlog.Page, messages bool) error {
		if len(p.Events) == 0 {
			return errors.New("read nothing")
		}
		m, at := p.Events[0], p.Position.Offset
		text, amended, count := max(at-at%2, 1), uint64(0), 0 // edits have even offsets
		if messages && at > 1 {
			amended, count = at, int(at-1)/2
		}
		got := 0
		for _, x := range m.Reactions {
			got = x.Count
		}
		if m.Text != fmt.Sprint(text) || m.Amended != amended || got != count {
			return fmt.Errorf("with Messages %t, the message at %d is %+v; want the text %d, %d reactions, and Amended %d", messages, at, m, text, count, amended)
		}
		return nil
	}
	var done atomic.Bool
	var reads atomic.Uint64
	runConcurrently(4, func(i int) {
		if i == 0 {
			defer done.Store(true)
			for o := uint64(2); o < n+2; o++ {
				e := chatlog.Event{Type: chatlog.TypeEdit, UserID: "u1", Target: 1, Text: fmt.Sprint(o)}
				if o%2 == 1 {
					e = chatlog.Event{Type: chatlog.TypeReaction, UserID: fmt.Sprint("u", o), Target: 1, Reaction: "👍"}
				}
				if a, err := logs[o%2].(chatlog.Amender).Amend(within(t), room, e, false); err != nil || a.Event.Offset != o {
					t.Errorf("%+v: at %d, %v", e, a.Event.Offset, err)
					return
				}
				pollFor(patience, func() bool { return reads.Load() >= o/3 || t.Failed() }) // do not write faster than the readers read
			}
			return
		}
		for last := uint64(0); !done.Load(); {
			for _, r := range []chatlog.Range{{Limit: 5, Messages: true}, {From: 1, Limit: 1}} {
				p, err := logs[i%3].Read(within(t), room, r)
				if err == nil {
					err = check(p, r.Messages)
				}
				if err == nil && p.Position.Offset < last {
					err = fmt.Errorf("the room went from %d to %d", last, p.Position.Offset)
				}
				if err != nil {
					t.Error(err)
					return
				}
				last = p.Position.Offset
				reads.Add(1)
			}
		}
	})
	for _, l := range logs {
		p := read(t, l, room, chatlog.Range{Limit: 5, Messages: true})
		if err := check(p, true); err != nil || p.Events[0].Amended != n+1 {
			t.Errorf("the last page is %+v, %v", p, err)
		}
	}
}
