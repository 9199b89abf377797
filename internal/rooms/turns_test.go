package rooms

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// TestRoomsTakeTurns: while three rooms always have more than their client takes, a message
// of another room waits for one turn of each at most, whether they come from the stream or
// from the log.
func TestRoomsTakeTurns(t *testing.T) {
	for _, replay := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSet(t, newTestLog(), func(c *Config) { c.Limits.Joined, c.Limits.Resume = 10, 2 })
			p := inMany(t, s, Joining{UserID: "p"})
			busy := []string{"a", "b", "c"}
			if err := p.enter("quiet", chatlog.Position{}, nil); err != nil {
				t.Fatal(err)
			}
			at := map[string]chatlog.Position{}
			for _, room := range busy {
				at[room] = sayIn(t, s, room, "first")
				if !replay {
					if err := p.enter(room, chatlog.Position{}, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.take()
			p.pause()
			flood := func(room string) {
				for range 30 {
					sayIn(t, s, room, strings.Repeat("x", 5<<10))
				}
			}
			for _, room := range busy {
				flood(room)
				if replay { // its beginning is queued, up to a limit; the rest is read later
					if err := p.enter(room, at[room], nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			next, free := p.slow()
			const of = 40 // messages that come meanwhile
			got := p.take()
			for range of {
				sayIn(t, s, "quiet", "hello")
				more := next()
				if got = append(got, more...); len(more) > 0 && more[0].Room != "quiet" && !replay {
					sayIn(t, s, more[0].Room, strings.Repeat("x", 5<<10)) // so that a busy one stays busy
				}
			}
			free()
			got = append(got, p.take()...)
			first, last := map[string]int{}, map[string]int{}
			for i := range got {
				if _, ok := first[got[i].Room]; !ok {
					first[got[i].Room] = i
				}
				last[got[i].Room] = i
			}
			all, ends := 0, len(got) // where each busy room has had a turn, and has more
			for _, room := range busy {
				all, ends = max(all, first[room]), min(ends, last[room])
			}
			since, turn, hellos := map[string]int{"a": 0, "b": 0, "c": 0}, 0, 0 // bytes of others since a room's last turn
			for i := range got {
				o := &got[i]
				for room := range since {
					since[room] += len(o.raw)
				}
				// One turn of each, and one that has begun. What is read meanwhile has no turn yet.
				if n := since[o.Room]; (o.Room == "quiet" || !replay) && n > (len(busy)+1)*wsconn.Piece+4<<10 {
					t.Errorf("%d bytes of others came before a message of %s", n, o.Room)
				}
				if since[o.Room] = 0; o.Room == "quiet" {
					hellos++
				}
				if turn += len(o.raw); i > 0 && got[i-1].Room != o.Room {
					turn = len(o.raw)
				}
				if turn > wsconn.Piece && all < i && i < ends && !replay {
					t.Errorf("%d bytes of %s in one turn", turn, o.Room)
				}
			}
			if hellos != of {
				t.Errorf("%d messages of the quiet room", hellos)
			}
			p.leave()
		})
	}
}

// TestLogDoesNotHoldUpRooms: while the log takes its time to answer for the replay of one
// room, the others go on, and the connection can be closed.
func TestLogDoesNotHoldUpRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTestLog()
		s := newSet(t, log, func(c *Config) { c.Limits.Joined, c.Limits.Resume, c.Limits.History = 10, 2, 2 })
		p := inMany(t, s, Joining{UserID: "p"})
		at := sayIn(t, s, "a", "first")
		for range 10 {
			sayIn(t, s, "a", "more")
		}
		for _, room := range []string{"b", "c"} {
			if err := p.enter(room, chatlog.Position{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		p.expect("welcome b; welcome c")
		answer := make(chan struct{})
		block := func() { <-answer }
		next := func() { log.then.Store(&block) } // the first read compares the place
		err := p.enter("a", at, func() error {
			log.then.Store(&next)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		p.expect("welcome a")
		sayIn(t, s, "b", "in b")
		sayIn(t, s, "a", "last")
		p.expect("message b in b")
		p.many.End("c", proto.CloseNormal, "")
		sayIn(t, s, "c", "unseen")
		p.expect(`left c 1000,"reason":""`)
		close(answer)
		p.expect(strings.Repeat("message a more; ", 10) + "message a last")
		p.leave()
	})
}

// TestCloseAfterAllRooms: before the connection is closed, its client gets what had come in
// each room when the close began, and nothing of what came later.
func TestCloseAfterAllRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, newTestLog(), func(c *Config) { c.Limits.Joined = 10 })
		p := inMany(t, s, Joining{UserID: "p"})
		rooms := []string{"a", "b", "c"}
		for _, room := range rooms {
			if err := p.enter(room, chatlog.Position{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		p.take()
		p.pause()
		for _, room := range rooms {
			for range 8 {
				sayIn(t, s, room, strings.Repeat("x", 5<<10))
				synctest.Wait() // the drain waits with the second one of a
			}
		}
		p.conn.Close(proto.CloseGoingAway, "")
		for _, room := range rooms {
			sayIn(t, s, room, "later")
		}
		if err := p.enter("d", chatlog.Position{}, nil); err != ErrClosed {
			t.Error(err)
		}
		p.many.End("c", proto.CloseForbidden, "")
		p.resume()
		of := map[string]int{}
		for _, o := range p.take() {
			if of[o.Room]++; len(o.Text) != 5<<10 {
				t.Errorf("%.100s", o.raw)
			}
		}
		if of["a"] != 8 || of["b"] != 8 || of["c"] != 0 || p.code != proto.CloseGoingAway {
			t.Errorf("%v, and code %d", of, p.code)
		}
		p.leave()
	})
}
