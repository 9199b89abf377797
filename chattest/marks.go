package chattest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

func markRead(t testing.TB, l chatlog.Log, room, user string, offset uint64) (read uint64, raised bool) {
	t.Helper()
	read, raised, err := l.(chatlog.Marker).MarkRead(within(t), room, user, offset)
	if err != nil {
		t.Fatalf("MarkRead of %q by %q: %v", room, user, err)
	}
	return read, raised
}

func unread(t testing.TB, l chatlog.Log, user string, rooms ...string) []chatlog.Unread {
	t.Helper()
	got, err := l.(chatlog.Marker).Unread(within(t), user, rooms)
	if err != nil || len(got) != len(rooms) {
		t.Fatalf("Unread by %q of %q: %+v, %v", user, rooms, got, err)
	}
	return got
}

// unread returns what user has not read. It also checks the marker.
func (m *amended) unread(user string, read uint64) chatlog.Unread {
	u := chatlog.Unread{Read: read, Last: m.last()}
	for o := read + 1; o <= m.last(); o++ {
		if r := m.message(o); r != nil && r.own.UserID != user && r.own.VisibleTo(user) {
			u.Unread = min(u.Unread+1, chatlog.MaxUnread)
		}
	}
	return u
}

// testUnread lets users read a room while it grows and changes.
func testUnread(t *testing.T, open func() chatlog.Log) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	logs := handles(2, open)
	_, amends := logs[0].(chatlog.Amender)
	readers := []string{"u1", "u10", "u", "u1\x00", "stranger", "private"}
	for _, share := range []float64{0, 0.4} {
		m := newAmended(t, "unread")
		marks := map[string]uint64{}
		check := func(user string) {
			t.Helper()
			if got, want := unread(t, logs[rng.IntN(2)], user, m.room)[0], m.unread(user, marks[user]); got != want {
				t.Fatalf("%q has %+v, want %+v", user, got, want)
			}
		}
		for range kept * 3 / 4 {
			e, moderator := m.random(rng, share)
			switch {
			case !e.Amends():
				m.append(logs[rng.IntN(2)], e)
			case amends:
				m.amend(logs[rng.IntN(2)], e, moderator)
			}
			user := readers[rng.IntN(len(readers))]
			if rng.IntN(4) == 0 {
				offset := m.last() + 2 - min(rng.Uint64N(20), m.last()+2)
				want := max(marks[user], min(offset, m.last()))
				read, raised := markRead(t, logs[rng.IntN(2)], m.room, user, offset)
				if read != want || raised != (want > marks[user]) {
					t.Fatalf("%q with the marker %d reads up to %d of %d: marker %d, raised %t", user, marks[user], offset, m.last(), read, raised)
				}
				marks[user] = want
			}
			check(user)
		}
		for _, user := range readers {
			check(user)
		}
		// Markers are valid in one epoch.
		epoch, err := logs[0].Renew(within(t), m.room, m.epoch)
		if err != nil {
			t.Fatal(err)
		}
		m.epoch = epoch
		clear(marks)
		for i, user := range readers {
			check(user)
			if read, raised := markRead(t, logs[1], m.room, user, uint64(i)); read != uint64(i) || raised != (i > 0) {
				t.Errorf("in a new epoch %q reads up to %d: marker %d, raised %t", user, i, read, raised)
			}
			marks[user] = uint64(i)
			check(user)
		}
	}
}

// testUnreadMany asks for many rooms in one call, most of them without entries. Then it has
// more unread messages in a room than the log counts.
func testUnreadMany(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	if got := unread(t, a, "u1"); len(got) != 0 {
		t.Errorf("no rooms: %+v", got)
	}
	var rooms []string
	var want []chatlog.Unread
	for i := range 100 {
		room := newName("unread-many")
		var u chatlog.Unread
		if i%10 == 3 {
			for n := range i {
				u.Last = uint64(n + 1)
				put(t, a, room, message("x"))
			}
			if u.Read = uint64(i / 2); i%20 == 3 {
				markRead(t, b, room, "u2", u.Read)
			} else {
				u.Read = 0
			}
			u.Unread = int(u.Last - u.Read)
		}
		rooms, want = append(rooms, room), append(want, u)
	}
	rooms[98], want[98] = rooms[93], want[93]
	if got := unread(t, b, "u2", rooms...); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i := range want { // u1 has written every message
		want[i].Read, want[i].Unread = 0, 0
	}
	if got := unread(t, b, "u1", rooms...); !slices.Equal(got, want) {
		t.Errorf("the author has %+v, want %+v", got, want)
	}
	room := newName("unread-many")
	for i := range uint64(chatlog.MaxUnread + 5) {
		put(t, a, room, message("x"))
		if i >= chatlog.MaxUnread-3 {
			if got, want := unread(t, b, "u2", room)[0], (chatlog.Unread{Last: i + 1, Unread: int(min(i+1, chatlog.MaxUnread))}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	}
	// Messages of others are counted, whatever the number of own messages between.
	for range 60 {
		put(t, a, room, chatlog.Event{Type: chatlog.TypeMessage, UserID: "u2", Text: "own"})
		put(t, a, room, chatlog.Event{Type: chatlog.TypePrivate, UserID: "u1", To: "u3", Text: "for another"})
	}
	for _, read := range []uint64{0, 3, 6, 100, 104, 105, 106, 225} {
		got := unread(t, b, "u2", room)[0]
		if want := (chatlog.Unread{Read: read, Last: 225, Unread: min(105-int(min(read, 105)), chatlog.MaxUnread)}); read > 0 {
			markRead(t, b, room, "u2", read)
			if got = unread(t, a, "u2", room)[0]; got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		} else if got != want && got.Unread < 105-25 { // of 225 entries 25 may be removed
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// testMarkRead marks rooms as read, for users with names that are easy to confuse.
func testMarkRead(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	unknown := newName("mark-read")
	for _, offset := range []uint64{0, 1, 5} {
		if read, raised := markRead(t, a, unknown, "u1", offset); read != 0 || raised {
			t.Errorf("a room never written to has the marker %d, raised %t", read, raised)
		}
	}
	if at := positionOf(t, b, unknown); at.Offset != 0 {
		t.Errorf("a room never written to is at %v", at)
	}
	unique := newName("")
	for i, name := range confusingNames {
		if name += unique; len(name) > 256 {
			continue
		}
		for range 3 {
			put(t, a, name, message("x"))
		}
		n := uint64(1 + i%3)
		if read, raised := markRead(t, a, name, "u1", n); read != n || !raised {
			t.Errorf("%q: %d, raised %t, want %d", name, read, raised, n)
		}
	}
	room := newName("mark-read")
	for range len(confusingNames) {
		put(t, a, room, message("x"))
	}
	for i, user := range confusingNames {
		n := uint64(1 + i)
		for _, step := range []struct {
			offset, want uint64
			raises       bool
		}{{0, 0, false}, {n - 1, n - 1, n > 1}, {n, n, true}, {n, n, false}, {n - 1, n, false}, {0, n, false}} {
			if read, raised := markRead(t, b, room, user, step.offset); read != step.want || raised != step.raises {
				t.Errorf("%q reads up to %d: %d, raised %t, want %d, %t", user, step.offset, read, raised, step.want, step.raises)
			}
		}
	}
	last := uint64(len(confusingNames))
	for i, user := range confusingNames {
		if got, want := unread(t, a, user, room)[0], (chatlog.Unread{Read: uint64(1 + i), Last: last, Unread: min(int(last)-1-i, chatlog.MaxUnread)}); got != want {
			t.Errorf("%q has %+v, want %+v", user, got, want)
		}
	}
	for _, far := range []uint64{last + 1, 1 << 32, 1<<53 - 1} {
		if read, raised := markRead(t, b, room, "far", far); read != last || raised != (far == last+1) {
			t.Errorf("reading up to %d of %d: marker %d, raised %t", far, last, read, raised)
		}
	}
	put(t, a, room, message("x"))
	if got, want := unread(t, a, "far", room)[0], (chatlog.Unread{Read: last, Last: last + 1, Unread: 1}); got != want {
		t.Errorf("after one more %+v, want %+v", got, want)
	}
	for i, name := range confusingNames {
		if name += unique; len(name) <= 256 {
			if got, want := unread(t, b, "u1", name)[0], (chatlog.Unread{Read: uint64(1 + i%3), Last: 3}); got != want {
				t.Errorf("in %q %+v, want %+v", name, got, want)
			}
		}
	}
}

// testMarkReadConcurrently raises one marker from several servers concurrently.
func testMarkReadConcurrently(t *testing.T, open func() chatlog.Log) {
	const n = 100
	logs := handles(3, open)
	room := newName("mark-at-once")
	for range n {
		put(t, logs[0], room, message("x"))
	}
	var raises [n + 1]atomic.Int32
	runConcurrently(8, func(i int) {
		rng := rand.New(rand.NewPCG(uint64(i), 0))
		last := uint64(0)
		for range 40 {
			offset := 1 + rng.Uint64N(n)
			read, raised, err := logs[i%3].(chatlog.Marker).MarkRead(within(t), room, "u2", offset)
			if err != nil || read < offset || read < last || raised && read != offset {
				t.Errorf("reading up to %d after %d: marker %d, raised %t, %v", offset, last, read, raised, err)
				return
			}
			if last = read; raised {
				raises[read].Add(1)
			}
		}
	})
	most := uint64(0)
	for i := range raises {
		if k := raises[i].Load(); k > 1 {
			t.Errorf("%d calls report that they raised the marker to %d", k, i)
		} else if k == 1 {
			most = uint64(i)
		}
	}
	if got, want := unread(t, logs[1], "u2", room)[0], (chatlog.Unread{Read: most, Last: n, Unread: int(n - most)}); got != want {
		t.Errorf("%+v, want %s", got, fmt.Sprintf("%+v", want))
	}
}
