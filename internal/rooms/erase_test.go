package rooms

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-08328bfd/chat/chatlog"
)

// permutations calls f with every order of s.
func permutations(s []int, k int, f func([]int)) {
	if k == len(s) {
		f(s)
	}
	for i := k; i < len(s); i++ {
		s[k], s[i] = s[i], s[k]
		permutations(s, k+1, f)
		s[k], s[i] = s[i], s[k]
	}
}

// TestDeletedWhateverTheOrder pushes a message, what amends it, its deletion and another
// message in every order: once the server has seen the deletion, neither the message nor
// what has amended it is there or reaches anybody, and everything else does.
func TestDeletedWhateverTheOrder(t *testing.T) {
	permutations([]int{0, 1, 2, 3, 4}, 0, func(order []int) {
		synctest.Test(t, func(t *testing.T) { deletedInOrder(t, order) })
	})
}

func deletedInOrder(t *testing.T, order []int) {
	log := newTestLog()
	here := newSet(t, log, nil)
	say(t, here, message("kept")) // 1
	p := join(t, here, Joining{UserID: "p", V1: true})
	p.take()
	r := here.room("r")
	log.mute.Store(true)
	var all []chatlog.Appended
	for _, e := range []chatlog.Event{message("secret one"), edit(2, "secret two"), reaction(2, "u", ":secret:"), deletion(2), message("last")} {
		store := log.Append
		if e.UserID = "u"; e.Amends() {
			store = log.amend
		}
		a, err := store(t.Context(), "r", e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	var before []gotten // what p got before the deletion came
	deleted := false
	for _, i := range order {
		sink{here}.Push("r", all[i].Epoch, all[i].Event)
		if deleted = deleted || all[i].Event.Type == chatlog.TypeDelete; !deleted {
			before = append(before, p.take()...)
			continue
		}
		r.mu.Lock()
		held := fmt.Sprint(r.outOfOrder, r.last)
		v := r.stream.View
		r.mu.Unlock()
		if strings.Contains(held, "secret") {
			t.Errorf("%v: after %d the room holds %s", order, i, held)
		}
		for i := range v.Items {
			if it := &v.Items[i]; it.Offset >= 2 && it.Offset <= 4 && it.Who.Has(&p.member.Reader) {
				t.Errorf("%v: %d is still there", order, it.Offset)
			}
		}
	}
	got := summary(p.take())
	if got != "5 delete; 6 last" || !strings.HasPrefix("2 secret one; 3 edit; 4 reaction", summary(before)) {
		t.Errorf("%v: %q comes before the deletion, %q with it and after it", order, summary(before), got)
	}
	late := join(t, here, Joining{UserID: "l", V1: true, Since: chatlog.Position{Epoch: all[0].Epoch, Offset: 1}})
	if got := summary(late.take()); got != "5 delete; 6 last" {
		t.Errorf("%v: who comes back gets %s", order, got)
	}
	late.leave()
	p.leave()
}

// TestRepeatedDeletionIsFound: who deletes once more, over a server that has not seen the
// first try, is acknowledged when the message has left that server too.
func TestRepeatedDeletionIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTestLog()
		far, here := newSet(t, log, nil), newSet(t, log, nil)
		keeper := join(t, here, Joining{UserID: "k", V1: true})
		say(t, here, message("secret"))
		log.mute.Store(true)
		d := deletion(1)
		d.ID = "d1"
		say(t, far, d)
		say(t, here, d)
		late := join(t, here, Joining{UserID: "l", V1: true, Since: chatlog.Position{Epoch: keeper.member.Epoch()}})
		if got := summary(late.take()); got != "2 delete" {
			t.Errorf("who comes gets %s", got)
		}
		late.leave()
		keeper.leave()
	})
}

// TestDeletedWhileRead: what a joiner reads from the log is deleted before the joiner gets it.
func TestDeletedWhileRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTestLog()
		s := newSet(t, log, func(c *Config) { c.Limits.Resume = 1 })
		keeper := join(t, s, Joining{UserID: "k", V1: true})
		say(t, s, message("kept"))               // 1
		say(t, s, message("secret"))             // 2
		say(t, s, edit(1, "KEPT"))               // 3
		now := func() { say(t, s, deletion(2)) } // 4
		log.then.Store(&now)
		p := join(t, s, Joining{UserID: "p", V1: true})
		if got := summary(p.take()); got != "1 KEPT@3; position 3; 4 delete" {
			t.Errorf("who joins gets %s", got)
		}
		say(t, s, message("secret")) // 5
		for range 80 {               // so that the stream does not have it
			say(t, s, message("m"))
			keeper.take()
		}
		gone := func() { say(t, s, deletion(5)) }
		first := func() { log.then.Store(&gone) } // after the read that compares the place comes the one that replays
		log.then.Store(&first)
		q := join(t, s, Joining{UserID: "q", V1: true, Since: chatlog.Position{Epoch: keeper.member.Epoch(), Offset: 4}})
		if got := summary(q.take()); !strings.HasPrefix(got, "6 m; 7 m;") || !strings.HasSuffix(got, "85 m; 86 delete") {
			t.Errorf("who comes back gets %s", got)
		}
		for _, p := range []*peer{p, q, keeper} {
			p.leave()
		}
	})
}
