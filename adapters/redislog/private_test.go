package redislog_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func private(from, to string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypePrivate, UserID: from, Username: from, To: to, ToUsername: to, Text: "psst"}
}

// Servers of this version and of the previous one append, and Redis evicts parts of the index.
// Readers always get exactly what is visible to them.
func TestPrivateIndex(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	const history = 150
	l := newLog(t, redislog.WithHistory(history))
	users := []string{"ann", "bob", "", "carl"}
	someone := func() string { return users[rng.IntN(len(users))] }
	for round := range 12 {
		room := fmt.Sprint("room", round)
		old := newServerBefore(t, shared, l, room, history)
		put(t, l, room, text("ann", "", "first"))
		chance, before, lost := rng.Float64(), rng.Float64(), rng.Float64()/20
		if round%2 == 0 {
			before, lost = 0, 0
		}
		for i := range 4 * history {
			if i%50 == 0 {
				chance = []float64{0, 0.1, 0.5, 0.9, 1}[rng.IntN(5)]
			}
			e := text(someone(), "", fmt.Sprint(i))
			if rng.Float64() < chance {
				e = private(someone(), someone())
			}
			switch {
			case rng.Float64() < lost:
				shared.exec(t, "DEL", l.IndexKey(room))
			case i/70%2 == 1 && rng.Float64() < before:
				old.append(e)
			default:
				put(t, l, room, e)
			}
			if rng.IntN(8) == 0 {
				checkVisible(t, l, room, someone(), rng)
			}
		}
		for range 100 {
			checkVisible(t, l, room, someone(), rng)
		}
	}
}

// checkVisible compares a range that reader may see with all entries.
func checkVisible(t *testing.T, l *redislog.Log, room, reader string, rng *rand.Rand) {
	t.Helper()
	all := read(t, l, room, chatlog.Range{From: 1, Limit: 10000})
	seen := slices.DeleteFunc(slices.Clone(all.Events), func(e chatlog.Event) bool { return !e.VisibleTo(reader) })
	r := chatlog.Range{Visible: true, Reader: reader, Limit: []int{0, 1, 5, 100}[rng.IntN(4)]}
	edge := all.First + rng.Uint64N(all.Position.Offset+3-all.First)
	switch rng.IntN(3) {
	case 0:
		r.From = edge
		seen = slices.DeleteFunc(seen, func(e chatlog.Event) bool { return e.Offset < edge })
	case 1:
		r.Before = edge
		seen = slices.DeleteFunc(seen, func(e chatlog.Event) bool { return e.Offset >= edge })
	}
	more := len(seen) > r.Limit
	if n := min(r.Limit, len(seen)); r.From > 0 {
		seen = seen[:n]
	} else {
		seen = seen[len(seen)-n:]
	}
	if got := read(t, l, room, r); !slices.EqualFunc(got.Events, seen, sameEvent) || got.More != more || got.First != all.First || got.Position != all.Position {
		t.Fatalf("%+v of %d to %v:\n got %+v\nwant %+v and more %t", r, all.First, all.Position, got, seen, more)
	}
}

// The work to read a page depends on the page only, not on the entries between. The index is no
// larger than the log, however many users there are.
func TestPrivateBounds(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	l := redislog.New(i.client(t), redislog.WithHistory(3000))
	for n := range 5 {
		put(t, l, "room", text("ann", "", fmt.Sprint(n)))
		put(t, l, "room", private("bob", "bob"))
	}
	for n := range 2500 {
		put(t, l, "room", private("eve", fmt.Sprint("made up ", n)))
	}
	for _, r := range []chatlog.Range{
		{Limit: 5, Reader: "ann"}, {Limit: 50, Reader: ""}, {Limit: 50, Reader: "bob"}, {Limit: 5, Before: 2000, Reader: "bob"},
		{Limit: 50, From: 1, Reader: "bob"}, {Limit: 50, From: 100, Reader: "made up 2"}, {Limit: 50, Before: 2510, Reader: "eve"},
	} {
		r.Visible = true
		i.exec(t, "CONFIG", "RESETSTAT")
		p := read(t, l, "room", r)
		calls := 0
		for line := range strings.Lines(i.exec(t, "INFO", "commandstats").(string)) {
			var n int
			if name, rest, _ := strings.Cut(line, ":"); strings.HasPrefix(name, "cmdstat_l") || strings.HasPrefix(name, "cmdstat_z") {
				fmt.Sscanf(rest, "calls=%d,", &n)
				calls += n
			}
		}
		if calls == 0 || calls > 10+4*len(p.Events) {
			t.Errorf("%+v took %d commands for %d events", r, calls, len(p.Events))
		}
	}
	i.exec(t, "CONFIG", "RESETSTAT")
	for n := range 6000 {
		put(t, l, "room", private("eve", fmt.Sprint("another ", n)))
	}
	if n := i.exec(t, "ZCARD", l.IndexKey("room")).(int64); n < 3000 || n > 13000 {
		t.Errorf("the index of 3,000 private entries has %d members", n)
	}
	put(t, l, "public", text("ann", "", "m"))
	if n := i.exec(t, "EXISTS", l.IndexKey("public")).(int64); n != 0 {
		t.Error("a room without private entries has an index")
	}
	for _, key := range []string{l.IndexKey("room")} {
		if life := i.exec(t, "PTTL", key).(int64); life <= 0 {
			t.Errorf("%s never expires", key)
		}
	}
}

func sameEvent(a, b chatlog.Event) bool { return reflect.DeepEqual(a, b) }
