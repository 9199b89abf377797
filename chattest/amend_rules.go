package chattest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// testAmendNot tries every amendment that must be refused.
func testAmendNot(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	m := newAmended(t, "amend-not")
	for _, target := range []uint64{0, 1, 7} {
		e := chatlog.Event{Type: chatlog.TypeDelete, UserID: "u1", Target: target, ID: "x"}
		if _, err := a.(chatlog.Amender).Amend(within(t), m.room, e, true); !errors.Is(err, chatlog.ErrNoSuchMessage) {
			t.Errorf("%d of a room never written to: %v", target, err)
		}
	}
	say := func(user, to string) uint64 {
		e := chatlog.Event{Type: chatlog.TypeMessage, UserID: user, Text: "hi"}
		if to != "" {
			e.Type, e.To = chatlog.TypePrivate, to
		}
		m.append(a, e)
		return m.last()
	}
	public, private, self, deleted, nobody := say("u1", ""), say("u1", "u2"), say("u1", "u1"), say("u1", ""), say("", "")
	edit := chatlog.Event{Type: chatlog.TypeEdit, UserID: "u1", Username: "A", Target: public, Text: "edited"}
	react := chatlog.Event{Type: chatlog.TypeReaction, UserID: "u1", Username: "A", Target: public, Reaction: "👍"}
	m.amend(a, edit, false)
	m.amend(a, react, false)
	m.amend(a, chatlog.Event{Type: chatlog.TypeDelete, UserID: "u1", Target: deleted}, false)
	targets := []uint64{0, public, private, self, deleted, nobody, nobody + 1, nobody + 2, nobody + 3, nobody + 4, 1 << 32, 1<<53 - 1}
	users := []string{"", "u3", "u2", "u", "u11", "U1", "u1"} // the users with the fewest rights first
	for _, kind := range []chatlog.Type{chatlog.TypeEdit, chatlog.TypeReaction, chatlog.TypeDelete} {
		for _, user := range users {
			for _, moderator := range []bool{false, true} {
				for i, target := range targets {
					e := chatlog.Event{Type: kind, UserID: user, Target: target}
					switch kind {
					case chatlog.TypeEdit:
						e.Text = "by " + user
					case chatlog.TypeReaction:
						e.Reaction, e.Remove = ":x:", moderator
					}
					if i%2 == 0 {
						e.ID = fmt.Sprint(kind, user, moderator, target)
					}
					m.amend([]chatlog.Log{a, b}[i%2], e, moderator)
				}
			}
			m.check(b, chatlog.Range{From: 1, Limit: 1000})
			m.check(b, chatlog.Range{Limit: 1000, Messages: true, Visible: true, Reader: user})
		}
	}
	m.looksUp(a)
}

// testAmendAgain repeats amendments by their ids, and reactions that change nothing.
func testAmendAgain(t *testing.T, open func() chatlog.Log) {
	logs := handles(2, open)
	m := newAmended(t, "amend-again")
	var all []chatlog.Event
	do := func(e chatlog.Event, stored bool) {
		t.Helper()
		e.UserID = "u1"
		if got := m.amend(logs[len(all)%2], e, false); got != stored {
			t.Fatalf("%+v was stored: %t", e, got)
		}
		all = append(all, e)
		m.check(logs[len(all)%2], chatlog.Range{Limit: 100, Messages: len(all)%3 > 0})
	}
	again := func() {
		t.Helper()
		for _, e := range all {
			if e.ID != "" {
				m.amend(logs[0], e, false)
				e.Target, e.Reaction, e.Text = 9, ":other:", ""
				m.amend(logs[1], e, false)
			}
		}
		m.looksUp(logs[0])
	}
	m.append(logs[0], chatlog.Event{Type: chatlog.TypeMessage, UserID: "u1", Text: "first secret", ID: "m"})
	m.append(logs[0], message("another"))
	do(chatlog.Event{Type: chatlog.TypeEdit, Target: 1, Text: "second secret", ID: "e1"}, true)
	do(chatlog.Event{Type: chatlog.TypeEdit, Target: 1, Text: "second secret"}, true)
	do(chatlog.Event{Type: chatlog.TypeEdit, Target: 1, Text: "not stored", ID: "m"}, false)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 1, Reaction: "👍", Remove: true, ID: "not"}, false)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 2, Reaction: "👍", Remove: true, ID: "not"}, false)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 1, Reaction: "👍", ID: "r1"}, true)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 1, Reaction: "👍", ID: "not"}, false)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 1, Reaction: "👍"}, false)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 1, Reaction: "👍", Remove: true, ID: "r2"}, true)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 1, Reaction: "👍", Remove: true}, false)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 1, Reaction: "👍"}, true)
	do(chatlog.Event{Type: chatlog.TypeReaction, Target: 1, Reaction: "👎", ID: "not"}, true) // the first tries with this id stored nothing
	again()
	do(chatlog.Event{Type: chatlog.TypeDelete, Target: 1, ID: "d"}, true)
	again()
	for _, id := range []string{"m", "e1", "r1", "d"} {
		m.append(logs[1], chatlog.Event{Type: chatlog.TypeMessage, UserID: "u1", Text: "again", ID: id})
	}
	m.append(logs[1], chatlog.Event{Type: chatlog.TypeMessage, UserID: "u2", Text: "of somebody else", ID: "d"})
	m.checkAll(logs[0], rand.New(rand.NewPCG(1, 1)))
}

// testReactions gives one message many different reactions, and one reaction from many users.
func testReactions(t *testing.T, open func() chatlog.Log) {
	a, b := open(), open()
	m := newAmended(t, "reactions")
	m.append(a, message("x"))
	react := func(user, reaction string, remove bool) {
		t.Helper()
		m.amend(a, chatlog.Event{Type: chatlog.TypeReaction, UserID: user, Target: 1, Reaction: reaction, Remove: remove}, false)
	}
	check := func() {
		t.Helper()
		m.check(b, chatlog.Range{Limit: 1, Messages: true})
	}
	for i := range chatlog.MaxReactions + 2 { // the last reactions are too many
		react("u1", fmt.Sprint(":", i, ":"), false)
	}
	check()
	react("u2", ":3:", false)
	react("u1", ":99:", true)
	react("u1", ":3:", true)
	react("u2", ":99:", false) // still too many
	react("u1", ":5:", true)
	react("u2", ":99:", false)
	react("u1", ":5:", false)
	react("u2", ":3:", true)
	react("u1", ":3:", false)
	check()
	if got := m.at(1).now.Reactions; len(got) != chatlog.MaxReactions || got[0].Reaction != ":0:" || got[len(got)-1].Reaction != ":3:" {
		t.Fatalf("the model is wrong: %+v", got)
	}
}

// testManyReactions lets a thousand users give one reaction, and remove it.
func testManyReactions(t *testing.T, open func() chatlog.Log) {
	const users = 1000
	logs := handles(2, open)
	room := newName("many-reactions")
	put(t, logs[0], room, message("x"))
	all := map[string]bool{}
	react := func(from, to int, remove bool) {
		t.Helper()
		runConcurrently(8, func(i int) {
			for n := from + i; n < to; n += 8 {
				e := chatlog.Event{Type: chatlog.TypeReaction, UserID: fmt.Sprint("user", n), Target: 1, Reaction: "👍", Remove: remove}
				if a, err := logs[i%2].(chatlog.Amender).Amend(within(t), room, e, false); err != nil || a.Repeated {
					t.Errorf("%+v: Repeated %t, %v", e, a.Repeated, err)
					return
				}
			}
		})
		for n := from; n < to; n++ {
			if all[fmt.Sprint("user", n)] = true; remove {
				delete(all, fmt.Sprint("user", n))
			}
		}
	}
	check := func() (listed []string) {
		t.Helper()
		p := read(t, logs[1], room, chatlog.Range{Limit: 10, Messages: true})
		if len(p.Events) != 1 || len(p.Events[0].Reactions) != 1 {
			t.Fatalf("read %+v", p)
		}
		x := p.Events[0].Reactions[0]
		listed = slices.Compact(slices.Sorted(slices.Values(x.Users)))
		if x.Reaction != "👍" || x.Count != len(all) || len(listed) != min(len(all), chatlog.MaxReactionListed) || len(x.Users) != len(listed) {
			t.Fatalf("of %d users: %+v", len(all), x)
		}
		for _, user := range listed {
			if !all[user] {
				t.Fatalf("%s is listed but has not reacted", user)
			}
		}
		return listed
	}
	react(0, users, false)
	for range 2 { // when a listed user removes the reaction, another user is listed
		for _, user := range check() {
			e := chatlog.Event{Type: chatlog.TypeReaction, UserID: user, Target: 1, Reaction: "👍", Remove: true}
			if _, err := logs[0].(chatlog.Amender).Amend(within(t), room, e, false); err != nil {
				t.Fatal(err)
			}
			delete(all, user)
			if len(all)%10 == 0 {
				check()
			}
		}
	}
	left := slices.Sorted(func(yield func(string) bool) {
		for user := range all {
			if !yield(user) {
				return
			}
		}
	})
	for _, user := range left[:len(left)-45] {
		e := chatlog.Event{Type: chatlog.TypeReaction, UserID: user, Target: 1, Reaction: "👍", Remove: true}
		if _, err := logs[0].(chatlog.Amender).Amend(within(t), room, e, false); err != nil {
			t.Fatal(err)
		}
		delete(all, user)
	}
	check()
	react(2000, 2010, false)
	check()
}
