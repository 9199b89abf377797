package memlog

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// amend amends a message of room, and fails the test if that is refused.
func amend(t testing.TB, l *Log, room string, e chatlog.Event) chatlog.Appended {
	t.Helper()
	a, err := l.Amend(bg, room, e, false)
	if err != nil {
		t.Fatalf("%s of %d: %v", e.Type, e.Target, err)
	}
	return a
}

// TestManyReactions lets 10,000 users react to one message of 50. The room keeps all reactions
// within its limit of bytes, and 50 messages can be read.
func TestManyReactions(t *testing.T) {
	l := New(256, 1<<20, time.Hour)
	for range 50 {
		say(t, l, "r", "")
	}
	const users = 10_000
	for i := range users {
		amend(t, l, "r", chatlog.Event{Type: chatlog.TypeReaction, UserID: fmt.Sprintf("anon-%016d", i), Target: 25, Reaction: "👍"})
	}
	r := l.shard("r").rooms["r"]
	checkEntries(t, l, r)
	p, err := l.Read(bg, "r", chatlog.Range{Limit: 100, Messages: true, Visible: true, Reader: "u"})
	if err != nil || len(p.Events) != 50 || p.First != 1 || p.More {
		t.Fatalf("%d messages from %d, More %t, %v", len(p.Events), p.First, p.More, err)
	}
	got := p.Events[24].Reactions
	if len(got) != 1 || got[0].Count != users || len(got[0].Users) != chatlog.MaxReactionListed || p.Events[24].Amended != 50+users {
		t.Errorf("the message has %+v", p.Events[24])
	}
	if p, _ = l.Read(bg, "r", chatlog.Range{Limit: 1}); p.First != 50+users-uint64(l.limits.others)+1 {
		t.Errorf("entries are held only from %d on", p.First)
	}
	for i := range users - 1 {
		amend(t, l, "r", chatlog.Event{Type: chatlog.TypeReaction, UserID: fmt.Sprintf("anon-%016d", i), Target: 25, Reaction: "👍", Remove: true})
	}
	checkEntries(t, l, r)
	if x := r.find(25).more.reactions[0]; x.count() != 1 || cap(x.rest) > 200 {
		t.Errorf("%d users are left, with room for %d", x.count(), cap(x.rest))
	}
}

// TestDeletedIsNowhere searches everything that a room holds for the text of a deleted message.
func TestDeletedIsNowhere(t *testing.T) {
	for _, target := range []uint64{1, 3} {
		l := New(100, 1<<20, time.Hour)
		l.limits.others = 8
		for range 3 {
			if _, err := l.Append(bg, "r", chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Text: "secret", Data: []byte(`{"secret":1}`), ID: newID()}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 6 {
			amend(t, l, "r", chatlog.Event{Type: chatlog.TypeEdit, UserID: "u", Target: target, Text: fmt.Sprint("secret", i), Data: []byte(`{"secret":2}`)})
			amend(t, l, "r", chatlog.Event{Type: chatlog.TypeReaction, UserID: "secret", Target: target, Reaction: fmt.Sprint(":secret", i)})
		}
		for o := range uint64(3) {
			amend(t, l, "r", chatlog.Event{Type: chatlog.TypeDelete, UserID: "u", Target: o + 1})
		}
		r := l.shard("r").rooms["r"]
		checkEntries(t, l, r)
		held := fmt.Sprintf("%+v %+v", r.ring[:cap(r.ring)], r.older[:cap(r.older)])
		for i := range r.ring {
			if m := r.ring[i].more; m != nil {
				held += fmt.Sprintf("%+v", *m)
			}
		}
		if strings.Contains(held, "secret") {
			t.Errorf("the room holds %s", held)
		}
	}
}

var lastID int

func newID() string {
	lastID++
	return fmt.Sprint("id", lastID)
}

// TestMarkersAreBounded marks a room as read for more users than the room keeps.
func TestMarkersAreBounded(t *testing.T) {
	l := New(1, 1<<20, time.Hour)
	for range 3 {
		say(t, l, "r", "")
	}
	mark := func(user string, want uint64, raises bool) {
		t.Helper()
		if read, raised, err := l.MarkRead(bg, "r", user, 2); read != want || raised != raises || err != nil {
			t.Fatalf("%s has read up to %d, raised %t, %v", user, read, raised, err)
		}
	}
	for i := range 3*maxMarkers - 1 {
		mark(fmt.Sprint(i), 2, true)
	}
	r := l.shard("r").rooms["r"]
	if n := r.markers.len(); n > 2*maxMarkers {
		t.Errorf("%d markers", n)
	}
	mark(fmt.Sprint(3*maxMarkers-2), 2, false)
	mark(fmt.Sprint(maxMarkers), 2, false)
	mark("0", 2, true)
	checkAccounts(t, l)
}

// TestForgottenMarkers checks that the markers of a forgotten room are gone.
func TestForgottenMarkers(t *testing.T) {
	for _, forget := range []time.Duration{-1, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			l := New(10, 1<<20, forget)
			l.Enter(bg, "s1", "r", chatlog.Member{UserID: "u", Username: "U", Connections: 1})
			say(t, l, "r", "id")
			l.MarkRead(bg, "r", "v", 1)
			l.Leave(bg, "s1", "r", "u")
			for _, want := range []uint64{1, 0} { // while the id is known, and after
				if read, _, err := l.MarkRead(bg, "r", "v", 0); read != want || err != nil {
					t.Errorf("with %v the marker is %d, want %d, %v", forget, read, want, err)
				}
				checkAccounts(t, l)
				time.Sleep(2 * idWindow)
				l.Beat(bg, "s1", time.Hour)
			}
			if n := stateOf(l); n != 0 {
				t.Errorf("%d rooms are left", n)
			}
		})
	}
}

// TestPace lets users wait for their turns, and checks that the log deletes ended turns.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(10, 1<<20, time.Hour)
		pace := func(user, id string, every, want time.Duration) {
			t.Helper()
			if wait, err := l.Pace(bg, "r", user, id, every); wait != want || err != nil {
				t.Fatalf("%s waits for %v, want %v, %v", user, wait, want, err)
			}
		}
		pace("u", "a", time.Minute, 0)
		pace("v", "", time.Minute, 0)
		pace("v", "", time.Minute, time.Minute)
		time.Sleep(59 * time.Second)
		pace("u", "b", time.Minute, time.Second)
		pace("u", "b", time.Hour, time.Hour-59*time.Second)
		pace("u", "b", 59*time.Second, 0)
		pace("u", "b", time.Minute, 0)
		pace("u", "c", time.Minute, time.Minute)
		pace("v", "c", time.Minute, time.Second)
		time.Sleep(time.Second)
		pace("v", "c", time.Minute, 0)
		time.Sleep(59 * time.Second)
		pace("u", "d", time.Minute, 0)
		for i := range 100 {
			pace(fmt.Sprint("w", i), "", time.Minute, 0)
			time.Sleep(time.Minute)
		}
		turns := &l.shard("r").turns
		if n := len(turns.fresh) + len(turns.old); n > 3 {
			t.Errorf("%d turns are held after their end", n)
		}
		if n := stateOf(l); n != 0 {
			t.Errorf("%d rooms were made", n)
		}
	})
}

// TestTurnsAreBounded takes more turns than the log keeps.
func TestTurnsAreBounded(t *testing.T) {
	l := New(10, 1<<20, time.Hour)
	for i := range 3 * maxTurns {
		if wait, err := l.Pace(bg, "r", fmt.Sprint(i), "", time.Hour); wait != 0 || err != nil {
			t.Fatal(wait, err)
		}
	}
	turns := &l.shard("r").turns
	if n := len(turns.fresh) + len(turns.old); n > 2*maxTurns {
		t.Errorf("%d turns", n)
	}
}

// TestAmendIsNoUse checks that calls that change nothing make no room.
func TestAmendIsNoUse(t *testing.T) {
	l := New(10, 1<<20, time.Hour)
	if _, err := l.Amend(bg, "r", chatlog.Event{Type: chatlog.TypeEdit, Target: 1}, true); !errors.Is(err, chatlog.ErrNoSuchMessage) {
		t.Error(err)
	}
	if _, err := l.Amend(bg, "r", chatlog.Event{Type: chatlog.TypeMessage, Target: 1}, true); err == nil {
		t.Error("a message amends")
	}
	l.MarkRead(bg, "r", "u", 1)
	l.Unread(bg, "u", []string{"r"})
	if n := stateOf(l); n != 0 {
		t.Errorf("%d rooms were made", n)
	}
}
