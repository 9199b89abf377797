package memlog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// The index knows the ring's private entries and nothing else, however many users
// there were.
func TestPrivateIndex(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	l := New(20, 6000, time.Hour)
	for i := range 3000 {
		e := chatlog.Event{Type: chatlog.TypeMessage, UserID: fmt.Sprint("u", rng.IntN(3)), Text: string(make([]byte, rng.IntN(500)))}
		if rng.IntN(400) > i%400 {
			e.Type, e.To = chatlog.TypePrivate, []string{"", e.UserID, "u1", fmt.Sprint("made up ", i)}[rng.IntN(4)]
		}
		if _, err := l.Append(bg, "r", e); err != nil {
			t.Fatal(err)
		}
		r := l.shard("r").rooms["r"]
		runs, users := 0, map[string][]uint64{}
		for o := r.first; o <= r.last; o++ {
			e := r.at(o)
			if e.Type != chatlog.TypePrivate {
				continue
			}
			if o == r.first || r.at(o-1).Type != chatlog.TypePrivate {
				runs++
			}
			for _, u := range slices.Compact([]string{e.UserID, e.To}) {
				if u != "" {
					users[u] = append(users[u], o)
				}
			}
		}
		if len(r.index.runs) != runs || len(r.index.users) != len(users) {
			t.Fatalf("after %d entries: %d runs and %d users, want %d and %d", i+1, len(r.index.runs), len(r.index.users), runs, len(users))
		}
		for u, want := range users {
			if !slices.Equal(r.index.users[u], want) {
				t.Fatalf("after %d entries, %s has %d, want %d", i+1, u, r.index.users[u], want)
			}
		}
	}
}
