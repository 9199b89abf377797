package rooms

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// TestHistoryIsAsItIsNow: a joiner gets the last messages as they are now, never what amends
// them nor what is deleted, exactly as many as asked for; then what amends them live, if it
// speaks chat.v1 and may see it.
func TestHistoryIsAsItIsNow(t *testing.T) {
	for _, local := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			log := newTestLog()
			s := newSet(t, log, func(c *Config) { c.Local, c.Limits.History = local, 4 })
			keeper := join(t, s, Joining{UserID: "k", V1: true})
			expect := func(j Joining, want string) *peer {
				t.Helper()
				p := join(t, s, j)
				if got := summary(p.take()); got != want {
					t.Errorf("user %q, v1 %t gets\n%s\nwant\n%s", j.UserID, j.V1, got, want)
				}
				return p
			}
			for i := range 5 {
				say(t, s, message(fmt.Sprint("m", i+1)))
			}
			say(t, s, chatlog.Event{Type: chatlog.TypePrivate, To: "v", Text: "psst"}) // 6
			expect(Joining{UserID: "w", V1: true}, "2 m2; 3 m3; 4 m4; 5 m5; position 6").leave()
			if n := log.reads.Load(); n != 0 {
				t.Errorf("%d reads of the log in a room where nothing was amended", n)
			}
			say(t, s, edit(4, "M4"))           // 7
			say(t, s, reaction(4, "a", "x"))   // 8
			say(t, s, reaction(2, "b", ":y:")) // 9
			say(t, s, deletion(3))             // 10
			say(t, s, edit(6, "PSST"))         // 11
			const public = "1 m1; 2 m2@9 :y:1; 4 M4@8 x1; 5 m5"
			w := expect(Joining{UserID: "w", V1: true}, public+"; position 11")
			v := expect(Joining{UserID: "v", V1: true, Deflate: true}, "2 m2@9 :y:1; 4 M4@8 x1; 5 m5; 6 PSST@11; position 11")
			p := expect(Joining{UserID: "p"}, public)
			say(t, s, message("m12"))
			say(t, s, edit(12, "M12"))          // 13
			say(t, s, reaction(6, "v", "only")) // 14
			for peer, want := range map[*peer]string{w: "12 m12; 13 edit", v: "12 m12; 13 edit; 14 reaction", p: "12 m12"} {
				if got := summary(peer.take()); got != want {
					t.Errorf("%s gets %q live, want %q", peer.member.User, got, want)
				}
				peer.leave()
			}
			if got := summary(keeper.take()); got != "1 m1; 2 m2; 3 m3; 4 m4; 5 m5; 7 edit; 8 reaction; 9 reaction; 10 delete; 12 m12; 13 edit" {
				t.Errorf("who was there all the time got %s", got)
			}
			// With the fast path again: what amends is further back than the messages wanted.
			for i := range 4 {
				say(t, s, message(fmt.Sprint("n", i)))
			}
			log.reads.Store(0)
			expect(Joining{UserID: "w", V1: true}, "15 n0; 16 n1; 17 n2; 18 n3").leave()
			if n := log.reads.Load(); n != 0 {
				t.Errorf("%d reads of the log for what the stream has", n)
			}
			// A resume has the entries in their order, for those who may see them.
			at := keeper.member.Epoch()
			expect(Joining{UserID: "w", V1: true, Since: chatlog.Position{Epoch: at, Offset: 7}}, "8 reaction; 9 reaction; 10 delete; 12 m12; 13 edit; 15 n0; 16 n1; 17 n2; 18 n3").leave()
			expect(Joining{UserID: "w", Since: chatlog.Position{Epoch: at, Offset: 2}}, "4 m4; 5 m5; 12 m12; 15 n0; 16 n1; 17 n2; 18 n3").leave()
			keeper.leave()
		})
	}
}

// TestHistoryBeforeTheStream: what the stream no longer has comes from the log, as it is now;
// and who resumes from there gets what amends it, unless the dialect is plain.
func TestHistoryBeforeTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTestLog()
		s := newSet(t, log, func(c *Config) { c.Limits.History, c.Limits.Resume = 8, 2 })
		keeper := join(t, s, Joining{UserID: "k", V1: true})
		for i := range 4 {
			say(t, s, message(fmt.Sprint("m", i+1)))
		}
		say(t, s, edit(2, "M2")) // 5
		say(t, s, deletion(3))   // 6
		for i := range 100 {     // the stream keeps twice as many items, and 64
			say(t, s, message(fmt.Sprint("n", i+7)))
			keeper.take()
		}
		for i := range 4 {
			say(t, s, chatlog.Event{Type: chatlog.TypePrivate, UserID: "x", To: "y", Text: fmt.Sprint(i)})
		}
		keeper.take()
		if first, _ := s.room("r").stream.Entry(); first < 100 {
			t.Fatalf("the stream has everything from %d on", first)
		}
		p := join(t, s, Joining{UserID: "a", V1: true})
		if got := summary(p.take()); got != "99 n99; 100 n100; 101 n101; 102 n102; 103 n103; 104 n104; 105 n105; 106 n106; position 110" {
			t.Error(got)
		}
		for _, v1 := range []bool{true, false} {
			p := join(t, s, Joining{UserID: "a", V1: v1, Since: chatlog.Position{Epoch: keeper.member.Epoch(), Offset: 1}})
			want := map[bool]string{true: "2 M2; 4 m4; 5 edit; 6 delete; 7 n7; ", false: "2 M2; 4 m4; 7 n7; "}[v1]
			if got := summary(p.take()); !strings.HasPrefix(got, want) || !strings.Contains(got, "; 106 n106") || strings.Count(got, ";") < 100 {
				t.Errorf("v1 %t: %s", v1, got)
			}
			p.leave()
		}
		p.leave()
		keeper.leave()
	})
}

// TestHistoryAheadOfTheStream: the log has more than this server knows of when a member
// joins. What the history has in it does not come again, and nothing else is left out.
func TestHistoryAheadOfTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTestLog()
		far, here := newSet(t, log, nil), newSet(t, log, nil)
		keeper := join(t, here, Joining{UserID: "k", V1: true})
		say(t, here, message("m1"))
		say(t, here, reaction(1, "a", "x")) // 2
		keeper.take()
		log.mute.Store(true)
		say(t, far, message("m3"))
		say(t, far, reaction(1, "b", "x")) // 4
		say(t, far, edit(1, "M1"))         // 5
		p := join(t, here, Joining{UserID: "p", V1: true})
		if got := summary(p.take()); got != "1 M1@5 x2; 3 m3" {
			t.Error(got)
		}
		log.mute.Store(false)
		here.Signal(t.Context(), "r", chatlog.Event{Kind: "s", UserID: "k"})
		say(t, far, reaction(1, "c", "x")) // 6
		time.Sleep(5 * time.Second)
		if got := summary(p.take()); got != "0 signal; 6 reaction" {
			t.Errorf("live comes %s", got)
		}
		if got := summary(keeper.take()); got != "3 m3; 4 reaction; 5 edit; 6 reaction" {
			t.Errorf("who was there gets %s", got)
		}
		r := here.room("r")
		v := r.view()
		say(t, here, message("m7"))
		if got := summary(p.take()); got != "7 m7" || p.member.Had != 0 || !p.member.Public(&v) {
			t.Errorf("%s; the member is on the slow path for good: %+v", got, p.member.Reader)
		}
		p.leave()
		keeper.leave()
	})
}

// TestHistoryInPages: a history that is larger than may wait comes in pages, while messages
// that are still to come change and go.
func TestHistoryInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTestLog()
		s := newSet(t, log, func(c *Config) { c.Limits.History, c.Limits.Lag = 40, 64<<10 })
		keeper := join(t, s, Joining{UserID: "k", V1: true})
		text := strings.Repeat("x", 8<<10)
		for range 40 {
			say(t, s, message(text))
			keeper.take()
		}
		say(t, s, reaction(1, "a", "x")) // 41
		slow := joinPaused(t, s, Joining{UserID: "s", V1: true})
		say(t, s, edit(40, text+"new")) // 42
		say(t, s, deletion(39))         // 43
		for range 20 {                  // more than the stream may hold
			say(t, s, message(text)) // 44 to 63
			keeper.take()
		}
		say(t, s, reaction(40, "a", "x")) // 64
		slow.resume()
		var held [65]int
		var seen uint64
		for _, o := range slow.take() {
			if o.Offset == 0 {
				continue
			}
			if o.Offset <= seen {
				t.Errorf("%d after %d", o.Offset, seen)
			}
			seen = o.Offset
			held[o.Offset]++
			if o.Offset == 40 && (len(o.Text) != len(text)+3 || o.Amended != 64) {
				t.Errorf("message 40 has %d bytes, amended %d", len(o.Text), o.Amended)
			}
		}
		for i, n := range held {
			want := 1
			if i == 0 || i == 39 || i == 41 {
				want = 0
			}
			if n != want {
				t.Errorf("%d came %d times", i, n)
			}
		}
		slow.leave()
		keeper.leave()
	})
}

// TestHistoryThatCannotBeRead: a joiner never gets messages as they were, or fewer without
// being told: it is closed with 1013, and comes back.
func TestHistoryThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTestLog()
		s := newSet(t, log, nil)
		keeper := join(t, s, Joining{UserID: "k", V1: true})
		say(t, s, message("m1"))
		say(t, s, edit(1, "M1"))
		log.away.Store(true)
		for _, v1 := range []bool{true, false} {
			p := join(t, s, Joining{UserID: "p", V1: v1})
			if got := summary(p.take()); got != "" || p.code != 1013 {
				t.Errorf("v1 %t gets %q, and is closed with %d", v1, got, p.code)
			}
			p.leave()
		}
		log.away.Store(false)
		p := join(t, s, Joining{UserID: "p"})
		if got := summary(p.take()); got != "1 M1@2" || p.code != 0 {
			t.Errorf("got %q, %d", got, p.code)
		}
		p.leave()
		keeper.leave()
	})
}
