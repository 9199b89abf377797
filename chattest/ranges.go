package chattest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// pageOf returns the page that Read must return for a room with the entries all.
func pageOf(all []chatlog.Event, r chatlog.Range) (events []chatlog.Event, more bool) {
	for _, e := range all {
		if e.Offset >= r.From && (r.Before == 0 || e.Offset < r.Before) {
			events = append(events, e)
		}
	}
	n := min(len(events), max(r.Limit, 0))
	more = n < len(events)
	if r.From > 0 {
		return events[:n], more
	}
	return events[len(events)-n:], more
}

// testRanges reads every range of a small room.
func testRanges(t *testing.T, open func() chatlog.Log) {
	const n = 7
	a, b := open(), open()
	room := newName("ranges")
	var all []chatlog.Event
	for i := range n {
		e, _ := put(t, a, room, message(fmt.Sprint(i)))
		all = append(all, e)
	}
	checkRanges(t, b, room, all, 1)
	for _, far := range []uint64{1 << 31, 1 << 32, 1<<53 - 1} {
		checkRange(t, b, room, chatlog.Range{From: far, Limit: 5}, all, 1)
		checkRange(t, b, room, chatlog.Range{Before: far, Limit: 5}, all, 1)
	}
}

// checkRanges reads ranges around both ends of a room. The log holds the entries all, from the
// offset first on.
func checkRanges(t *testing.T, l chatlog.Log, room string, all []chatlog.Event, first uint64) {
	t.Helper()
	edges := []uint64{0}
	for i := range uint64(4) {
		for _, edge := range []uint64{first, first + uint64(len(all))} {
			edges = append(edges, edge+i)
			if edge > i {
				edges = append(edges, edge-i)
			}
		}
	}
	slices.Sort(edges)
	for _, edge := range slices.Compact(edges) {
		for _, limit := range []int{-1, 0, 1, 2, len(all) - 1, len(all), len(all) + 1, 1 << 30} {
			checkRange(t, l, room, chatlog.Range{From: edge, Limit: limit}, all, first)
			checkRange(t, l, room, chatlog.Range{Before: edge, Limit: limit}, all, first)
		}
	}
}

func checkRange(t *testing.T, l chatlog.Log, room string, r chatlog.Range, all []chatlog.Event, first uint64) {
	t.Helper()
	p := read(t, l, room, r)
	events, more := pageOf(all, r)
	if !slices.EqualFunc(p.Events, events, same) || p.More != more || p.First != first || p.Position.Offset != first+uint64(len(all))-1 {
		t.Fatalf("%+v of entries %d to %d:\n got %s\nwant %s", r, first, first+uint64(len(all))-1, outline(p.Events, p.First, p.Position.Offset, p.More),
			outline(events, first, first+uint64(len(all))-1, more))
	}
}

func outline(events []chatlog.Event, first, last uint64, more bool) string {
	var offsets []uint64
	for _, e := range events {
		offsets = append(offsets, e.Offset)
	}
	return fmt.Sprintf("offsets %v, First %d, position %d, More %t", offsets, first, last, more)
}

// testKept appends more than the log must keep, and reads what it holds.
func testKept(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	room := newName("kept")
	var all []chatlog.Event
	for i := range kept + kept/2 {
		e, _ := put(t, a, room, message(fmt.Sprint(i)))
		if all = append(all, e); e.Offset != uint64(i+1) {
			t.Fatalf("offset %d after %d entries", e.Offset, i)
		}
	}
	first := read(t, b, room, chatlog.Range{Limit: 1}).First
	if most := uint64(len(all) - kept + 1); first < 1 || first > most {
		t.Fatalf("of %d entries the first held is %d, want at most %d", len(all), first, most)
	}
	checkRanges(t, b, room, all[first-1:], first)
}
