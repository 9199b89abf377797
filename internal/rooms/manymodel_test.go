package rooms

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/memlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// A visitor is a connection with many rooms that holds the server to what it is told.
type visitor struct {
	*peer
	j     Joining
	stays map[string]*stay
}

// A stay is what a visitor knows of one room; it lives on from one connection to the next.
type stay struct {
	fold
	since chatlog.Position
	// asked says that the room was asked for, and has not ended. A connection has its own: a join
	// of an earlier one may fail late.
	asked *atomic.Bool
	in    bool // its welcome has come, and no end
}

// rush is servers with a shared log that fails, rooms, and visitors.
type rush struct {
	*world
	rooms    []string
	visitors []*visitor
	seen     map[string]int // what has come, by its type, a left object also by its code
}

// take checks what has come.
func (r *rush) take(v *visitor) {
	if v.asleep {
		return
	}
	for _, o := range v.peer.take() {
		room := v.stays[o.Room]
		if room == nil || !strings.HasPrefix(o.raw, fmt.Sprintf(`{"type":%q,"room":%q`, o.Type, o.Room)) {
			r.t.Errorf("%s names no room", o.raw)
			continue
		}
		if room.in == (o.Type == "welcome") {
			r.t.Errorf("%s gets %.100s; it is in: %t", room.name, o.raw, room.in)
		}
		at, _ := chatlog.ParsePosition(o.Position)
		r.seen[string(o.Type)]++
		switch o.Type {
		case "welcome":
			room.in = true
			if room.since.Epoch = at.Epoch; !o.Resumed {
				room.reset(0)
				room.from = at.Offset + 1
			}
		case "left":
			room.in = false
			room.asked.Store(false)
			r.seen[fmt.Sprint("left ", o.Code)]++
		case "position":
			room.last = max(room.last, at.Offset)
		default:
			if !o.VisibleTo(v.j.UserID) {
				r.t.Errorf("%s gets %s", room.name, o.raw)
			}
			room.apply(&o.Event)
		}
	}
}

// enter asks for a room, in a goroutine of its own because the client may not read.
func (r *rush) enter(v *visitor, name string) {
	room, p := v.stays[name], v.peer
	if room.asked.Load() {
		return
	}
	room.asked.Store(true)
	if room.since.Offset = room.last; room.since.Epoch == "" || r.rng.IntN(5) == 0 {
		room.since = chatlog.Position{}
		room.reset(0)
		room.from = math.MaxUint64 // the first message that comes says it
	}
	since, asked := room.since, room.asked
	go func() {
		if err := p.enter(name, since, nil); err != nil {
			asked.Store(false)
		}
	}()
}

// connect makes a new connection for v, which has lost the one before.
func (r *rush) connect(v *visitor) {
	v.peer = inMany(r.t, r.sets[r.rng.IntN(len(r.sets))], v.j)
	for _, room := range v.stays {
		room.in, room.asked = false, new(atomic.Bool)
	}
}

// say publishes a message, or amends one.
func (r *rush) say() {
	s, room, ctx := r.sets[r.rng.IntN(len(r.sets))], r.rooms[r.rng.IntN(len(r.rooms))], r.t.Context()
	user := func() string { return string(rune('a' + r.rng.IntN(3))) }
	text := fmt.Sprint(r.rng.Uint32(), strings.Repeat("x", r.rng.IntN(40<<10)>>r.rng.IntN(12)))
	e := chatlog.Event{Type: chatlog.TypeMessage, UserID: user(), Text: text}
	page, _ := r.log.Read(ctx, room, chatlog.Range{Limit: 12, Messages: true})
	n := len(page.Events)
	switch op := r.rng.IntN(10); {
	case op == 0:
		e.Type, e.To = chatlog.TypePrivate, user()
	case op < 6 || n == 0:
	case op < 8:
		e.Type, e.Target, e.Text = chatlog.TypeDelete, page.Events[r.rng.IntN(n)].Offset, ""
	default:
		old := &page.Events[r.rng.IntN(n)]
		e.Type, e.Target, e.UserID = chatlog.TypeEdit, old.Offset, old.UserID
	}
	s.Publish(ctx, room, e, true)
}

func (r *rush) step() {
	v := r.visitors[r.rng.IntN(len(r.visitors))]
	name := r.rooms[r.rng.IntN(len(r.rooms))]
	switch op := r.rng.IntN(30); {
	case op < 14:
		r.say()
	case op < 19:
		r.enter(v, name)
		if r.rng.IntN(2) == 0 { // other things may happen before it is in
			return
		}
	case op < 21:
		v.many.End(name, proto.CloseNormal, "")
	case op < 22:
		v.many.End(name, proto.CloseForbidden, "forbidden")
	case op < 23:
		r.take(v)
		if v.asleep {
			v.resume()
		}
		v.leave()
		r.connect(v)
	case op < 25 && !v.asleep:
		r.take(v)
		v.pause()
	case op < 28 && v.asleep:
		v.resume()
	default:
		time.Sleep(time.Duration(r.rng.IntN(60)) * time.Millisecond)
	}
	if r.rng.IntN(3) == 0 {
		return // the next step comes while this one goes on
	}
	r.settle()
}

func (r *rush) settle() {
	synctest.Wait()
	for _, v := range r.visitors {
		if r.take(v); v.gone() {
			r.t.Fatal("a connection was closed for the sake of a room")
		}
	}
}

// TestManyModel has connections join, leave, sleep and lag in many rooms, on servers whose
// log fails, while messages come, change and go. Each gets every entry of its rooms in
// order, none twice, and none after the end of a room.
func TestManyModel(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 8
	}
	seen := map[string]int{}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) { manyModel(t, seed, seen) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, what := range []string{"private", "edit", "delete", "position", "left 1000", "left 1013", "left 4003"} {
		if seen[what] == 0 {
			t.Errorf("%s never came: %v", what, seen)
		}
	}
	t.Log(seen)
}

func manyModel(t *testing.T, seed uint64, seen map[string]int) {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 5)), log: memlog.New(1000, 64<<20, time.Hour)}
	r := &rush{world: w, rooms: []string{"a", "b", "c", "d", "e"}, seen: seen}
	for range 2 {
		l := &flakyLog{Log: w.log, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 3))}
		w.ways = append(w.ways, l)
		w.sets = append(w.sets, newSet(t, l, func(c *Config) {
			c.Limits.History, c.Limits.Resume, c.Limits.Lag, c.Limits.Joined = 12, 10, 128<<10, 10
		}))
	}
	for i := range 5 {
		v := &visitor{j: Joining{UserID: string(rune('a' + i%4)), Deflate: i%2 == 1}, stays: map[string]*stay{}}
		for _, room := range r.rooms {
			v.stays[room] = &stay{fold: fold{t: t, name: fmt.Sprintf("seed %d: visitor %d in %s", seed, i, room)}}
			v.stays[room].reset(0)
		}
		r.visitors = append(r.visitors, v)
		r.connect(v)
	}
	plain := join(t, w.sets[0], Joining{UserID: "a"}) // reads all encodings but the tagged ones
	for _, l := range w.ways {
		l.set(0.1)
	}
	for range 500 {
		if r.step(); t.Failed() {
			break
		}
	}
	for _, l := range w.ways {
		l.set(0)
	}
	for range 5 {
		time.Sleep(3 * time.Second)
		for _, v := range r.visitors {
			if v.asleep {
				v.resume()
			}
		}
		r.settle()
		for _, v := range r.visitors {
			for _, name := range r.rooms {
				r.enter(v, name)
			}
		}
		r.settle()
	}
	for _, v := range r.visitors {
		for _, name := range slices.Sorted(maps.Keys(v.stays)) {
			if room := v.stays[name]; !room.in {
				t.Errorf("%s is not in", room.name)
			} else {
				w.compare(name, &room.fold, Joining{UserID: v.j.UserID, V1: true})
			}
		}
		v.leave()
	}
	plain.leave()
}
