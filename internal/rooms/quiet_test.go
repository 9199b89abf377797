package rooms

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/seed-08328bfd/chat/chatlog"
)

// TestQuietRoomHoldsLittle: the notices of joins do not stay in a room's stream when every
// member has got them, although each one is told while its user still joins. Entries stay for
// those that resume.
func TestQuietRoomHoldsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, newTestLog(), func(c *Config) { c.Limits.Joined = 1 })
		const members, most = 100, 8 << 10
		var peers []*peer
		enter := func(since chatlog.Position, meanwhile func()) {
			p := inMany(t, s, Joining{UserID: fmt.Sprint("user ", len(peers)), Username: "Name"})
			greet := func(g *Greeting) []byte {
				if meanwhile(); g.Gap {
					t.Error("a gap")
				}
				synctest.Wait() // a round tells the others before p has begun to read
				return roomGreeter("r").Greet(g)
			}
			if err := p.many.Join(t.Context(), "r", Joining{Greet: greet, Since: since}); err != nil {
				t.Fatal(err)
			}
			peers = append(peers, p)
			synctest.Wait()
		}
		for range members {
			enter(chatlog.Position{}, func() {})
		}
		r := peers[0].many.Member("r").room
		if n := r.stream.Held(); n > most {
			t.Errorf("%d bytes after %d joins", n, members)
		}
		for i, p := range peers {
			if got := len(p.take()); got != members-i { // the welcome, and those that came later
				t.Fatalf("member %d got %d objects, want %d", i, got, members-i)
			}
		}
		place := sayIn(t, s, "r", "first")
		want := "welcome r"
		say := func(n int) {
			for range n {
				sayIn(t, s, "r", "next")
				synctest.Wait()
				want += "; message r next"
			}
		}
		say(s.cfg.Limits.Resume - 1)
		// What is said now leaves more entries than are held for resuming.
		enter(place, func() { say(3) })
		if got := shown(peers[members].take()); got != want {
			t.Errorf("got %s", got)
		}
		for _, p := range peers {
			p.leave()
		}
	})
}
