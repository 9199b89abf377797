package chattest

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// lookedUp returns what Lookup finds, or the zero Event.
func lookedUp(t testing.TB, l chatlog.Log, room, user, id string) (e chatlog.Event, epoch string) {
	t.Helper()
	a, err := l.Lookup(within(t), room, user, id)
	if err != nil {
		t.Fatalf("Lookup of %q by %q in %q: %v", id, user, room, err)
	}
	if !a.Repeated && !reflect.DeepEqual(a, chatlog.Appended{}) {
		t.Errorf("Lookup of %q by %q in %q: not Repeated, but %+v", id, user, room, a)
	}
	return a.Event, a.Epoch
}

// testLookup looks up events by their ids for as long as Append knows the ids, whether the event
// is still held or not.
func testLookup(t *testing.T, open func() chatlog.Log) {
	logs := handles(2, open)
	room := newName("lookup")
	var stored []chatlog.Event
	var epoch string
	for i := range kept + kept/2 {
		e := message(fmt.Sprint(i))
		if i%5 != 4 {
			e.ID = fmt.Sprint("id", i)
		}
		if i%3 == 1 {
			e.Type, e.To, e.ToUsername = chatlog.TypePrivate, "u2", "Bob"
		}
		e, epoch = put(t, logs[i%2], room, e)
		stored = append(stored, e)
		if e.ID != "" {
			if got, ep := lookedUp(t, logs[(i+1)%2], room, e.UserID, e.ID); !same(got, e) || ep != epoch {
				t.Fatalf("appended %+v in %s, looked up %+v in %s", e, epoch, got, ep)
			}
		}
	}
	first := read(t, logs[0], room, chatlog.Range{}).First
	check := func() {
		t.Helper()
		for i, e := range stored {
			if e.ID == "" {
				continue
			}
			got, ep := lookedUp(t, logs[i/2%2], room, e.UserID, e.ID)
			if want := (chatlog.Event{Offset: e.Offset, Time: e.Time, UserID: e.UserID, ID: e.ID}); e.Offset < first && got.Type == "" {
				e = want
			}
			if !same(got, e) || ep != epoch {
				t.Fatalf("looked up %d of entries from %d on:\n got %+v in %s\nwant %+v in %s", i+1, first, got, ep, e, epoch)
			}
		}
	}
	check()
	var err error
	if epoch, err = logs[0].Renew(within(t), room, epoch); err != nil {
		t.Fatal(err)
	}
	check()
	if at := positionOf(t, logs[0], room); at != (chatlog.Position{Epoch: epoch, Offset: uint64(len(stored))}) {
		t.Errorf("Lookup has moved the room to %v", at)
	}
}

// testLookupNot looks up ids that are similar to stored ones.
func testLookupNot(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	room := newName("lookup-not")
	not := func(room, user, id string) {
		t.Helper()
		if e, _ := lookedUp(t, b, room, user, id); !reflect.DeepEqual(e, chatlog.Event{}) {
			t.Errorf("%q by %q in %q is %+v", id, user, room, e)
		}
	}
	not(room, "u1", "x")
	at := positionOf(t, a, room)
	not(room, "u1", "x")
	for _, e := range []chatlog.Event{{UserID: "u1", ID: "x"}, {UserID: "ab", ID: "c"}, {UserID: "a:b", ID: "c"}, {UserID: "u1"}, {}, {ID: "nobody's"}, {UserID: "a\x00b", ID: "c"}} {
		e.Type, e.Username, e.Text = chatlog.TypeMessage, "Alice", "hi"
		e, _ = put(t, a, room, e)
		if e.ID != "" {
			if got, epoch := lookedUp(t, b, room, e.UserID, e.ID); !same(got, e) || epoch != at.Epoch {
				t.Errorf("appended %+v, and a similar id found %+v in %s", e, got, epoch)
			}
		}
	}
	for _, n := range [][2]string{
		{"u2", "x"}, {"", "x"}, {"u1", "X"}, {"u1", ""}, {"", ""}, {"u1x", ""}, {"", "u1x"}, {"a", "bc"}, {"abc", ""}, {"a", "b:c"},
		{"a", "b\x00c"}, {"x", "u1"}, {"u1", "x "}, {"u1", "x\x00"}, {"nobody's", ""},
	} {
		not(room, n[0], n[1])
	}
	not(room+"2", "u1", "x")
	not("", "u1", "x")
	for _, s := range confusingNames {
		not(room, s, "x")
		not(room, "u1", s)
	}
}
