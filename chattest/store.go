package chattest

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// testEmpty reads rooms that were never written to.
func testEmpty(t *testing.T, open func() chatlog.Log) {
	l := open()
	room := newName("empty")
	at := positionOf(t, l, room)
	if p, err := chatlog.ParsePosition(at.String()); err != nil || p != at || at.Offset != 0 || at.Epoch == "" {
		t.Errorf("position %+v, read back as %+v, %v", at, p, err)
	}
	for _, r := range []chatlog.Range{{}, {Limit: 10}, {From: 1, Limit: 10}, {From: 7, Limit: 10}, {Before: 1, Limit: 10}, {Before: 7, Limit: 10}} {
		if p := read(t, l, room, r); len(p.Events) != 0 || p.Position != at || p.First != 1 || p.More {
			t.Errorf("%+v gives %+v, want an empty page at %v", r, p, at)
		}
	}
	stored, epoch := put(t, open(), room, message("first"))
	if stored.Offset != 1 || epoch != at.Epoch {
		t.Errorf("the first entry is %s:%d, want the one after %v", epoch, stored.Offset, at)
	}
}

// testDense appends to one room from several servers concurrently.
func testDense(t *testing.T, open func() chatlog.Log) {
	const servers, senders, each = 3, 3, 20
	logs := handles(servers, open)
	room := newName("dense")
	stored := make([][]chatlog.Event, servers*senders)
	epochs := make([]string, servers*senders)
	runConcurrently(servers*senders, func(i int) {
		for n := range each {
			e := message(fmt.Sprintf("%d of %d", n, i))
			e.ID = e.Text
			a, err := logs[i%servers].Append(within(t), room, e)
			if err != nil || a.Repeated {
				t.Errorf("Append: Repeated %t, %v", a.Repeated, err)
				return
			}
			stored[i], epochs[i] = append(stored[i], a.Event), a.Epoch
		}
	})
	if t.Failed() {
		return
	}
	var all []chatlog.Event
	for i, s := range stored {
		if epochs[i] != epochs[0] {
			t.Errorf("epochs %s and %s", epochs[0], epochs[i])
		}
		for j := range s[1:] {
			if s[j].Offset >= s[j+1].Offset {
				t.Errorf("one sender got offset %d after %d", s[j+1].Offset, s[j].Offset)
			}
		}
		all = append(all, s...)
	}
	slices.SortFunc(all, func(a, b chatlog.Event) int { return int(a.Offset) - int(b.Offset) })
	for _, l := range logs {
		p := read(t, l, room, chatlog.Range{From: 1, Limit: len(all) + 1})
		if want := (chatlog.Position{Epoch: epochs[0], Offset: uint64(len(all))}); p.Position != want {
			t.Fatalf("position %v, want %v", p.Position, want)
		}
		if len(p.Events) != len(all) {
			t.Fatalf("%d events, want %d", len(p.Events), len(all))
		}
		for i, e := range p.Events {
			if !same(e, all[i]) || e.Offset != uint64(i+1) {
				t.Fatalf("entry %d is read as %+v, and was returned as %+v", i+1, e, all[i])
			}
			if i > 0 && e.Time.Before(p.Events[i-1].Time) {
				t.Errorf("entry %d has the time %v, the one before has %v", i+1, e.Time, p.Events[i-1].Time)
			}
		}
	}
}

// testReadable reads a room while others write. Readable entries grow only at the end, and every
// appended entry is readable.
func testReadable(t *testing.T, open func() chatlog.Log) {
	const senders, each = 4, 40
	logs := handles(2, open)
	room := newName("readable")
	var left atomic.Int32
	left.Store(senders)
	runConcurrently(senders+2, func(i int) {
		l := logs[i%len(logs)]
		if i < senders {
			defer left.Add(-1)
			for n := range each {
				a, err := l.Append(within(t), room, message(fmt.Sprint(n)))
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				e := a.Event
				p, err := logs[(i+1)%len(logs)].Read(within(t), room, chatlog.Range{From: e.Offset, Limit: 1})
				if err != nil || len(p.Events) != 1 || !same(p.Events[0], e) {
					t.Errorf("appended %+v, then read %+v, %v", e, p, err)
					return
				}
			}
			return
		}
		for last := uint64(0); last < senders*each; {
			done := left.Load() == 0
			p, err := l.Read(within(t), room, chatlog.Range{From: last + 1, Limit: 50})
			if err != nil {
				t.Errorf("Read: %v", err)
				return
			}
			for _, e := range p.Events {
				if last++; e.Offset != last {
					t.Errorf("entry %d is readable before %d", e.Offset, last)
					return
				}
			}
			if p.Position.Offset < last || p.More != (p.Position.Offset > last) {
				t.Errorf("read up to %d, More %t, position %v", last, p.More, p.Position)
				return
			}
			if done && !p.More {
				if last != senders*each {
					t.Errorf("the log ends at %d", last)
				}
				return
			}
		}
	})
}

// testFields appends events with all kinds of content.
func testFields(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	room := newName("fields")
	events := []chatlog.Event{
		{Type: chatlog.TypeMessage, UserID: "u1", Username: "Alice", Text: "hi"},
		{Type: chatlog.TypeMessage, Username: "Anonymous", Text: "from nobody"},
		{Type: chatlog.TypeMessage, UserID: "u1", Username: "Alice", Text: "with an id", ID: "c1"},
		{Type: chatlog.TypePrivate, UserID: "u1", Username: "Alice", To: "u2", ToUsername: "Bob", Text: "psst", ID: "c2"},
		{Type: chatlog.TypePrivate, UserID: "u1", Username: "Alice", To: "u1", ToUsername: "Alice", Text: "note to self"},
		{Type: chatlog.TypeMessage, UserID: "u1", Username: "Alice", Text: " \t leading and trailing \r\n"},
		{Type: chatlog.TypeMessage, UserID: "u1", Username: "Alice", Text: `{"type":"message","offset":9}`},
		{Type: chatlog.TypeMessage, UserID: "u1", Username: "Alice", Text: strings.Repeat("🦀é\x00\u2028\"\\", 16<<10/13)},
	}
	for _, s := range confusingNames {
		id := s
		if len(id) > 64 {
			id = ""
		}
		events = append(events, chatlog.Event{Type: chatlog.TypePrivate, UserID: s, Username: s, To: s, ToUsername: s, Text: s, ID: id})
	}
	for i, e := range events {
		stored, _ := put(t, a, room, e)
		want := e
		want.Offset, want.Time = uint64(i+1), stored.Time
		if !same(stored, want) {
			t.Fatalf("appended %+v, returned %+v", e, stored)
		}
		p := read(t, b, room, chatlog.Range{From: want.Offset, Limit: 1})
		if len(p.Events) != 1 || !same(p.Events[0], want) {
			t.Fatalf("appended %+v, read %+v", e, p.Events)
		}
	}
	// The log chooses offset and time, not the caller.
	stored, _ := put(t, a, room, chatlog.Event{Type: chatlog.TypeMessage, Text: "x", Offset: 99, Time: time.Unix(1, 0)})
	if stored.Offset != uint64(len(events)+1) || stored.Time.Year() < 2000 {
		t.Errorf("appended with offset 99 in 1970, stored %+v", stored)
	}
}

// testTime checks the times that the log sets.
func testTime(t *testing.T, open func() chatlog.Log) {
	l := open()
	room := newName("time")
	var last time.Time
	for range 20 {
		e, _ := put(t, l, room, message("x"))
		if e.Time.Before(last) {
			t.Errorf("%v comes after %v", e.Time, last)
		}
		last = e.Time
	}
	for _, e := range append(read(t, l, room, chatlog.Range{Limit: 20}).Events, chatlog.Event{Time: last}) {
		if e.Time.Location() != time.UTC || e.Time.Nanosecond()%1e6 != 0 {
			t.Fatalf("the time %v is not in UTC with milliseconds", e.Time)
		}
	}
	if d := time.Since(last).Abs(); d > time.Hour {
		t.Errorf("the log's clock is off by %v", d)
	}
}

// testNames writes to rooms whose names are easy to confuse.
func testNames(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	unique := newName("")
	names := make([]string, 0, 2*len(confusingNames))
	for _, s := range confusingNames {
		names = append(names, s+unique, unique+s)
	}
	for _, name := range names {
		if e, _ := put(t, a, name, message("in "+name)); e.Offset != 1 {
			t.Errorf("%q begins with offset %d", name, e.Offset)
		}
	}
	at, err := b.Positions(within(t), names)
	if err != nil || len(at) != len(names) {
		t.Fatalf("Positions: %v, %v", at, err)
	}
	for i, name := range names {
		p := read(t, b, name, chatlog.Range{Limit: 10})
		if len(p.Events) != 1 || p.Events[0].Text != "in "+name {
			t.Errorf("%q holds %+v", name, p.Events)
		}
		if at[i] != p.Position || at[i].Offset != 1 {
			t.Errorf("%q is at %v and %v", name, at[i], p.Position)
		}
	}
}

// testLarge fills a room with large texts.
func testLarge(t *testing.T, open func() chatlog.Log) {
	l := open()
	room := newName("large")
	text := strings.Repeat("0123456789abcde\n", 1<<10)
	for i := range 32 {
		put(t, l, room, message(text+fmt.Sprint(i)))
	}
	p := read(t, l, room, chatlog.Range{From: 1, Limit: 32})
	if len(p.Events) != 32 || p.First != 1 {
		t.Fatalf("%d of 32 events with 16 KiB, First %d", len(p.Events), p.First)
	}
	for i, e := range p.Events {
		if e.Text != text+fmt.Sprint(i) {
			t.Fatalf("entry %d came back with %d bytes, changed", i+1, len(e.Text))
		}
	}
}

// testPositions asks for many rooms in one call.
func testPositions(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	if at, err := b.Positions(within(t), nil); err != nil || len(at) != 0 {
		t.Errorf("no rooms: %v, %v", at, err)
	}
	var rooms []string
	var want []chatlog.Position
	for i := range 1000 {
		room := newName("at")
		rooms = append(rooms, room)
		p := chatlog.Position{}
		if i%50 == 0 {
			for range i/50 + 1 {
				e, epoch := put(t, a, room, message("x"))
				p = chatlog.Position{Epoch: epoch, Offset: e.Offset}
			}
		}
		want = append(want, p)
	}
	rooms, want = append(rooms, rooms[50], rooms[1]), append(want, want[50], want[1])
	at, err := b.Positions(within(t), rooms)
	if err != nil || len(at) != len(rooms) {
		t.Fatalf("%d positions of %d rooms, %v", len(at), len(rooms), err)
	}
	for i, p := range at {
		if want[i].Epoch == "" {
			// A room that was never written to may have a new epoch by now, but every reader
			// gets the same one.
			if want[i].Epoch = positionOf(t, a, rooms[i]).Epoch; p.Epoch != want[i].Epoch {
				p = positionOf(t, b, rooms[i])
			}
		}
		if p != want[i] {
			t.Errorf("room %d is at %v, want %v", i, p, want[i])
		}
	}
}
