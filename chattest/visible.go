package chattest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// visibleUsers send and get private messages in these tests. Some have names that are easy to
// confuse, and one has the empty id.
var visibleUsers = []string{"u1", "u10", "u", "u1\x00", ""}

// visibleReaders are the readers in these tests. Some of them have no messages.
var visibleReaders = append(slices.Clone(visibleUsers), "stranger", "private", "message")

// mixed returns an event to append: public, or private with the given probability.
func mixed(rng *rand.Rand, private float64) chatlog.Event {
	e := message(fmt.Sprint(rng.Uint32()))
	e.UserID = visibleUsers[rng.IntN(len(visibleUsers))]
	if rng.Float64() < private {
		e.Type, e.To = chatlog.TypePrivate, visibleUsers[rng.IntN(len(visibleUsers))]
	}
	return e
}

// checkVisible reads with r what its reader may see. The log holds the entries all.
func checkVisible(t *testing.T, l chatlog.Log, room string, r chatlog.Range, all []chatlog.Event) {
	t.Helper()
	var seen []chatlog.Event
	for _, e := range all {
		if e.VisibleTo(r.Reader) {
			seen = append(seen, e)
		}
	}
	events, more := pageOf(seen, r)
	p := read(t, l, room, r)
	first, last := all[0].Offset, all[len(all)-1].Offset
	if !slices.EqualFunc(p.Events, events, same) || p.More != more || p.First != first || p.Position.Offset != last {
		t.Fatalf("%+v of entries %d to %d:\n got %s\nwant %s", r, first, last,
			outline(p.Events, p.First, p.Position.Offset, p.More), outline(events, first, last, more))
	}
}

// testVisible reads every visible range of small rooms with mixed entries.
func testVisible(t *testing.T, open func() chatlog.Log) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	a, b := open(), open()
	r := chatlog.Range{Visible: true, Reader: "u1", Limit: 5}
	empty := newName("visible")
	for _, r.From = range []uint64{0, 1, 7} {
		if p := read(t, a, empty, r); len(p.Events) > 0 || p.More || p.First != 1 || p.Position.Offset != 0 || p.Position.Epoch == "" {
			t.Errorf("%+v of a room never written to gives %+v", r, p)
		}
	}
	for _, private := range []float64{0, 0.3, 0.8, 1} {
		room := newName("visible")
		var all []chatlog.Event
		for range 24 {
			e, _ := put(t, a, room, mixed(rng, private))
			all = append(all, e)
			// The newest entries are read most often, and while the room grows.
			reader := visibleReaders[rng.IntN(len(visibleReaders))]
			checkVisible(t, b, room, chatlog.Range{Limit: rng.IntN(4), Visible: true, Reader: reader}, all)
		}
		for _, reader := range visibleReaders {
			for edge := range uint64(len(all)) + 3 {
				for _, limit := range []int{-1, 0, 1, 3, 100} {
					checkVisible(t, b, room, chatlog.Range{From: edge, Limit: limit, Visible: true, Reader: reader}, all)
					checkVisible(t, b, room, chatlog.Range{Before: edge, Limit: limit, Visible: true, Reader: reader}, all)
				}
			}
			for _, far := range []uint64{1 << 32, 1<<53 - 1} {
				checkVisible(t, b, room, chatlog.Range{From: far, Limit: 5, Visible: true, Reader: reader}, all)
				checkVisible(t, b, room, chatlog.Range{Before: far, Limit: 1 << 30, Visible: true, Reader: reader}, all)
			}
			// Without Visible, a Reader changes nothing.
			p := read(t, b, room, chatlog.Range{Limit: 100, Reader: reader})
			if !slices.EqualFunc(p.Events, all, same) || p.More {
				t.Errorf("not only the visible entries: %s", outline(p.Events, p.First, p.Position.Offset, p.More))
			}
		}
	}
}

// testVisibleKept reads visible ranges of rooms that have lost their first entries. The rooms
// have long runs of private and of public entries.
func testVisibleKept(t *testing.T, open func() chatlog.Log) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	a, b := open(), open()
	for _, private := range map[string]func(i int) float64{
		"private":      func(int) float64 { return 1 },
		"then private": func(i int) float64 { return float64(min(1, i/10)) },
		"then public":  func(i int) float64 { return 1 - float64(min(1, i/kept)) },
		"in turns":     func(i int) float64 { return float64(i % 2) },
		"in runs":      func(i int) float64 { return float64(i / 37 % 2) },
		"mixed":        func(int) float64 { return 0.5 },
	} {
		room := newName("visible-kept")
		var all []chatlog.Event
		for i := range kept + kept/2 {
			e, _ := put(t, a, room, mixed(rng, private(i)))
			all = append(all, e)
		}
		held := all[read(t, b, room, chatlog.Range{Limit: 1}).First-1:]
		first, last := held[0].Offset, held[len(held)-1].Offset
		for range 150 {
			r := chatlog.Range{Visible: true, Reader: visibleReaders[rng.IntN(len(visibleReaders))], Limit: []int{0, 1, 2, 30, 100, 1000}[rng.IntN(6)]}
			edge := first + rng.Uint64N(last-first)
			switch rng.IntN(3) {
			case 0:
				edge = max(1, first+rng.Uint64N(4)-2)
			case 1:
				edge = last + rng.Uint64N(4) - 1
			}
			switch rng.IntN(3) {
			case 0:
				r.From = edge
			case 1:
				r.Before = edge
			}
			checkVisible(t, b, room, r, held)
		}
	}
}
