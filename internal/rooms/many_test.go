package rooms

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// inMany returns a peer that can be in many rooms, and reads.
func inMany(t *testing.T, s *Set, j Joining) *peer {
	t.Helper()
	p := &peer{t: t, paused: make(chan struct{}, 1)}
	j.Conn = &p.conn
	p.many = s.NewMany(j)
	p.conn.Init(pipeConfig, p.many.Source(), silent{}, j.Deflate)
	p.open()
	p.resume()
	return p
}

// roomGreeter greets with the welcome of a room.
type roomGreeter string

func (room roomGreeter) Greet(g *Greeting) []byte {
	b, _ := json.Marshal(map[string]any{"position": g.At.Place(), "resumed": g.Resumed, "gap": g.Gap})
	b = append([]byte(`{"type":"welcome",`), b[1:]...)
	return wsconn.AppendText(nil, proto.AppendTagged(nil, string(room), b))
}

// enter joins a room.
func (p *peer) enter(room string, since chatlog.Position, check func() error) error {
	return p.many.Join(p.t.Context(), room, Joining{Greet: roomGreeter(room).Greet, Since: since, Check: check})
}

// sayIn publishes a message in a room.
func sayIn(t *testing.T, s *Set, room, text string) chatlog.Position {
	t.Helper()
	e, epoch, err := s.Publish(t.Context(), room, chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Text: text}, false)
	if err != nil {
		t.Fatal(err)
	}
	return chatlog.PlaceOf(epoch, &e)
}

// shown returns what a client of many rooms got: types, rooms, texts and codes.
func shown(objects []gotten) string {
	var all []string
	for i := range objects {
		o := &objects[i]
		s := string(o.Type) + " " + o.Room
		switch {
		case o.Type == "left":
			s += " " + o.raw[strings.Index(o.raw, `"code":`)+7:len(o.raw)-1]
		case len(o.Text) > 20:
			s += " " + o.Text[:20]
		case o.Text != "":
			s += " " + o.Text
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

func (p *peer) expect(want string) {
	p.t.Helper()
	if got := shown(p.take()); got != want {
		p.t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestManyRooms: each room has its welcome, its history and its end, and every object of it
// names it.
func TestManyRooms(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newSet(t, newTestLog(), func(c *Config) { c.Limits.Joined = 3 })
			place := sayIn(t, s, "a", "one")
			sayIn(t, s, "a", "two")
			other := join(t, s, Joining{UserID: "o", V1: true}) // in the room r
			p := inMany(t, s, Joining{UserID: "p", Username: "P", Deflate: deflate})
			for _, room := range []string{"a", "r", `"`} {
				if err := p.enter(room, chatlog.Position{}, nil); err != nil {
					t.Fatal(err)
				}
			}
			p.expect(`welcome a; message a one; message a two; welcome r; welcome "`)
			if got := shown(other.take()); got != "welcome ; system  P joined the room" {
				t.Error(got)
			}
			if p.many.Member("a") == nil || p.many.Member("b") != nil || strings.Join(p.many.Rooms(), " ") != `" a r` {
				t.Errorf("%v", p.many.Rooms())
			}
			for room, want := range map[string]error{"a": ErrJoined, "b": limit.ErrReached} {
				if err := p.enter(room, chatlog.Position{}, nil); !errors.Is(err, want) {
					t.Errorf("%s: %v", room, err)
				}
			}
			sayIn(t, s, `"`, strings.Repeat("x", 200))
			sayIn(t, s, "r", "hi")
			got := p.take()
			if want := `{"type":"message","room":"\"","offset":1,`; len(got) != 2 || !strings.HasPrefix(got[0].raw, want) {
				t.Errorf("%+v", got)
			}
			if got := shown(other.take()); got != "message  hi" {
				t.Error(got)
			}
			if !p.many.End("a", 1000, "") || p.many.End("a", 1000, "") || !p.many.End("r", 4003, `ba"d`) {
				t.Error("End")
			}
			synctest.Wait()
			sayIn(t, s, "a", "three")
			sayIn(t, s, "r", "hi")
			p.expect(`left a 1000,"reason":""; left r 4003,"reason":"ba\"d"`)
			if got := shown(other.take()); got != "system  P left the room; message  hi" {
				t.Error(got)
			}
			if err := p.enter("a", place, nil); err != nil {
				t.Error(err)
			}
			sayIn(t, s, "a", "four")
			p.expect("welcome a; message a two; message a three; message a four")
			refuse := errors.New("no")
			if err := p.enter("r", chatlog.Position{}, func() error { return refuse }); err != refuse {
				t.Error(err)
			}
			err := p.enter("r", chatlog.Position{}, func() error { p.many.End("r", 4003, ""); return nil })
			if e, ok := err.(*proto.Closed); !ok || e.Code != 4003 {
				t.Error(err)
			}
			sayIn(t, s, "r", "hi")
			p.expect("")
			if got := shown(other.take()); got != "message  hi" {
				t.Errorf("of a user who was never seen: %s", got)
			}
			p.leave()
			other.leave()
			if st := s.Stats(); st.Rooms != 0 || st.Users != 0 {
				t.Errorf("%d rooms with %d users are left", st.Rooms, st.Users)
			}
			if err := p.enter("a", chatlog.Position{}, nil); err != ErrClosed {
				t.Error(err)
			}
		})
	}
}

// TestSlowInOneRoom: a member that is behind is told to come back to that room, and the
// others go on. A round finds it behind, or the drain.
func TestSlowInOneRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSet(t, newTestLog(), func(c *Config) { c.Limits.Lag, c.Limits.Joined = 64<<10, 10 })
		p := inMany(t, s, Joining{UserID: "p"})
		for _, room := range []string{"a", "b"} {
			if err := p.enter(room, chatlog.Position{}, nil); err != nil {
				t.Fatal(err)
			}
		}
		p.expect("welcome a; welcome b")
		p.pause()
		place := sayIn(t, s, "a", "read")
		sayIn(t, s, "b", "in b")
		synctest.Wait() // the drain waits with it
		for range 20 {
			sayIn(t, s, "a", strings.Repeat("x", 10<<10))
		}
		if p.many.Member("a") != nil || p.many.Member("b") == nil || p.gone() {
			t.Error("the slow member is there, or the other is not")
		}
		sayIn(t, s, "b", "again")
		p.resume()
		p.expect(`message a read; message b in b; left a 1013,"reason":"too slow: come back and resume"; message b again`)
		if n := s.Stats().Slow; n != 1 {
			t.Errorf("%d slow members", n)
		}
		if err := p.enter("a", place, nil); err != nil {
			t.Error(err)
		}
		if got := p.take(); len(got) != 21 || got[0].Type != "welcome" || got[0].Gap {
			t.Errorf("%s", shown(got))
		}
		p.leave()
		if st := s.Stats(); st.Rooms != 0 || st.Users != 0 {
			t.Errorf("%d rooms with %d users are left", st.Rooms, st.Users)
		}
	})
}
