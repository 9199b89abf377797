package redislog_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// commands returns the number of commands on a room's lists, index and states while f runs.
func (i *instance) commands(t testing.TB, f func()) (calls int) {
	t.Helper()
	i.exec(t, "CONFIG", "RESETSTAT")
	f()
	for line := range strings.Lines(i.exec(t, "INFO", "commandstats").(string)) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		var n int
		if name != "" && strings.ContainsAny(name[:1], "lrzh") {
			fmt.Sscanf(rest, "calls=%d,", &n)
			calls += n
		}
	}
	return calls
}

// The work to read a page depends on the page only. The work to amend a message depends only on
// what is erased. Reactions, deletions and private messages between them do not count.
func TestAmendBounds(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	l := redislog.New(i.client(t), redislog.WithHistory(3000))
	for n := range 12 {
		put(t, l, "room", text("ann", "", fmt.Sprint(n)))
		put(t, l, "room", private("bob", "bob"))
	}
	for n := range 1500 { // to a message that stays, and to one that will be deleted
		amend(t, l, reaction(fmt.Sprint("user", n), 1, "+"))
		if n < 700 {
			amend(t, l, reaction("eve", 3, fmt.Sprint(n%10)))
			e := reaction("eve", 3, fmt.Sprint(n%10))
			e.Remove = true
			amend(t, l, e)
		}
	}
	private, _ := put(t, l, "room", private("bob", "eve"))
	for n := range 200 {
		amend(t, l, edit("bob", private.Offset, fmt.Sprint(n)))
	}
	var gone []uint64
	for n := range 700 {
		e := text("eve", "", "spam")
		if n%2 == 0 {
			e.Type, e.To = chatlog.TypePrivate, "bob"
		}
		e, _ = put(t, l, "room", e)
		gone = append(gone, e.Offset)
	}
	erase := func(user string, target uint64) int {
		return i.commands(t, func() {
			amend(t, l, chatlog.Event{Type: chatlog.TypeDelete, UserID: user, Target: target})
		})
	}
	total := 0
	for _, o := range gone {
		total += erase("eve", o)
	}
	if total > 40*len(gone) { // some of them trim
		t.Errorf("deleting %d messages took %d commands", len(gone), total)
	}
	if n := erase("ann", 3); n < 1400 || n > 12*1400 {
		t.Errorf("deleting a message that was amended 1,400 times took %d commands", n)
	}
	for n := range 200 {
		amend(t, l, edit("bob", private.Offset, fmt.Sprint(n)))
	}
	if n := i.commands(t, func() { amend(t, l, edit("ann", 5, "new")) }); n > 40 {
		t.Errorf("an edit took %d commands", n)
	}
	if n := i.commands(t, func() { amend(t, l, reaction("last", 1, "+")) }); n > 40 {
		t.Errorf("a reaction took %d commands", n)
	}
	put(t, l, "room", text("ann", "", "m"))
	for _, messages := range []bool{false, true} {
		for _, reader := range []string{"all", "ann", "bob", "eve", ""} {
			for _, r := range []chatlog.Range{{}, {From: 1}, {From: 40}, {From: private.Offset + 2}, {Before: private.Offset + 300}, {Before: 500}, {Before: 20}} {
				r.Limit, r.Messages = 6, messages
				if reader != "all" {
					r.Visible, r.Reader = true, reader
				}
				var p chatlog.Page
				n := i.commands(t, func() { p = read(t, l, "room", r) })
				if n < 3 || n > 30+30*len(p.Events) /* each is looked up in lists with holes */ {
					t.Errorf("%+v took %d commands for %d events", r, n, len(p.Events))
				}
			}
		}
	}
}

// A message that was edited or deleted after a server has seen it does not look like a message
// that Redis has lost.
func TestAmendedIsNotLost(t *testing.T) {
	t.Parallel()
	prefix := newPrefix()
	a, b := redislog.New(shared.client(t), prefix), redislog.New(shared.client(t), prefix)
	keys, _ := a.KeysBefore("room")
	var offsets []uint64
	for n := range 4 {
		e, _ := put(t, a, "room", text("ann", "", fmt.Sprint(n)))
		offsets = append(offsets, e.Offset)
		amend(t, a, reaction("bob", e.Offset, "+"))
	}
	was := position(t, a, "room")
	age := shared.exec(t, "GET", keys[0])
	check := func(what string) {
		t.Helper()
		if _, err := a.Renew(within(t), "room", "none"); err != nil { // looks for losses
			t.Fatal(err)
		}
		if now := shared.exec(t, "GET", keys[0]); now != age {
			t.Errorf("%s: the age went from %v to %v", what, age, now)
		}
		if p := position(t, a, "room"); p.Epoch != was.Epoch {
			t.Errorf("%s: from %v to %v", what, was, p)
		}
	}
	last, _ := put(t, a, "room", text("ann", "", "the last one"))
	check("nothing")
	amend(t, b, edit("ann", last.Offset, "edited"))
	check("edited")
	amend(t, b, chatlog.Event{Type: chatlog.TypeDelete, UserID: "ann", Target: last.Offset})
	check("deleted")
	for _, o := range offsets {
		amend(t, b, chatlog.Event{Type: chatlog.TypeDelete, UserID: "ann", Target: o})
	}
	check("all are deleted")
	// A real loss is still found.
	put(t, a, "room", text("ann", "", "seen"))
	entries := a.RoomKeys("room")[1]
	element := shared.exec(t, "LINDEX", entries, -1).(string)
	shared.exec(t, "LSET", entries, -1, strings.Replace(element, "seen", "other", 1))
	if _, err := a.Renew(within(t), "room", "none"); err != nil {
		t.Fatal(err)
	}
	if now := shared.exec(t, "GET", keys[0]); now == age {
		t.Error("another message is taken for the one that was seen")
	}
}

// Redis evicts keys of a room with amended messages. Reads and changes still work, and the
// history has no holes.
func TestAmendEviction(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	l := newLog(t, redislog.WithHistory(100))
	keys := l.RoomKeys("room")
	last := uint64(1)
	put(t, l, "room", text("ann", "", "m"))
	for i := range 2000 {
		users := []string{"ann", "bob"}
		switch rng.IntN(5) {
		case 0:
			e, _ := put(t, l, "room", text(users[rng.IntN(2)], "", "m"))
			last = e.Offset
		case 1:
			e, _ := put(t, l, "room", private(users[rng.IntN(2)], users[rng.IntN(2)]))
			last = e.Offset
		default:
			e := chatlog.Event{UserID: users[rng.IntN(2)], Target: max(1, last-min(last-1, rng.Uint64N(30)))}
			e.Type = []chatlog.Type{chatlog.TypeEdit, chatlog.TypeReaction, chatlog.TypeDelete, chatlog.TypeReaction}[rng.IntN(4)]
			if e.Type == chatlog.TypeReaction {
				e.Reaction, e.Remove = fmt.Sprint(rng.IntN(3)), rng.IntN(3) == 0
			}
			a, err := l.Amend(within(t), "room", e, false)
			if err != nil && !errors.Is(err, chatlog.ErrNoSuchMessage) {
				t.Fatal(err)
			} else if err == nil && !a.Repeated {
				last = a.Event.Offset
			}
		}
		if rng.IntN(40) == 0 {
			shared.exec(t, "DEL", keys[1+rng.IntN(4)]) // entries, amends, states or index
		}
		if i%3 == 0 {
			checkHoles(t, l, last, rng)
		}
	}
}

// checkHoles reads a room in all ways.
func checkHoles(t *testing.T, l *redislog.Log, last uint64, rng *rand.Rand) {
	t.Helper()
	all := read(t, l, "room", chatlog.Range{From: 1, Limit: 1000})
	if all.Position.Offset != last || all.First+uint64(len(all.Events)) != last+1 {
		t.Fatalf("%d events from %d to %v, want to %d", len(all.Events), all.First, all.Position, last)
	}
	for i, e := range all.Events {
		if e.Offset != all.First+uint64(i) {
			t.Fatalf("offset %d is at the place of %d", e.Offset, all.First+uint64(i))
		}
	}
	checkVisible(t, l, "room", "ann", rng)
	messages := read(t, l, "room", chatlog.Range{Limit: 1000, Messages: true, Visible: true, Reader: "bob"})
	var seen []uint64
	for _, e := range all.Events {
		if !e.Amends() && e.VisibleTo("bob") {
			seen = append(seen, e.Offset)
		}
	}
	var got []uint64
	for _, e := range messages.Events {
		if e.Offset >= all.First {
			got = append(got, e.Offset)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(seen) {
		t.Fatalf("messages %d, want %d", got, seen)
	}
}
