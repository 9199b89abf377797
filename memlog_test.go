package chat

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// check compares who is where, and what the log holds beside that.
func (m *logModel) check() {
	rooms := map[string]int{}
	for name, r := range m.rooms {
		var want []Member
		for user, on := range r.users {
			sum := Member{User: user}
			for _, e := range on {
				sum.Username = e.Username
				sum.Connections += e.Connections
			}
			want = append(want, sum)
			if got, ok, err := m.log.Present(bg, name, user); err != nil || !ok || got != sum {
				m.t.Fatalf("%+v is present as %+v, %t, %v", sum, got, ok, err)
			}
		}
		slices.SortFunc(want, func(a, b Member) int {
			return cmp.Or(cmp.Compare(a.Username, b.Username), cmp.Compare(a.User, b.User))
		})
		limit := len(want) / 2
		got, total, err := m.log.Members(bg, name, limit)
		if err != nil || total != len(want) || !slices.Equal(got, want[:limit]) {
			m.t.Fatalf("%s has %+v of %d, want %+v, %v", name, got, total, want, err)
		}
		if len(want) > 0 {
			rooms[name] = len(want)
		}
	}
	got, err := m.log.Rooms(bg)
	if d := gocmp.Diff(rooms, got); err != nil || d != "" {
		m.t.Fatalf("Rooms: %v (-want +got):\n%s", err, d)
	}
	checkAccounts(m.t, m.log)
}

// checkAccounts compares what a log has counted with what it holds.
func checkAccounts(t *testing.T, l *memoryLog) {
	t.Helper()
	idle, bytes, occupied := 0, 0, int64(0)
	for i := range l.shards {
		for name, r := range l.shards[i].rooms {
			size := 0
			for o := r.first; o <= r.last; o++ {
				size += r.at(o).cost()
			}
			if size != r.size || size > l.bytes || int(r.last+1-r.first) > l.history || len(r.users) != len(r.roster) {
				t.Fatalf("%s holds %d bytes in %d entries and has counted %d; %d users, %d listed", name, size, r.last+1-r.first, r.size, len(r.users), len(r.roster))
			}
			inUse := len(r.watchers) > 0 || len(r.users) > 0
			if inUse == (r.idle.elem != nil) || !inUse && r.last == 0 {
				t.Fatalf("%s at %d is in use: %t, idle: %t", name, r.last, inUse, r.idle.elem != nil)
			}
			if len(r.users) > 0 {
				occupied++
			}
			if !inUse {
				idle++
				bytes += r.idle.bytes
			}
		}
	}
	if idle != l.idle.rooms.Len() || bytes != l.idle.bytes || bytes > maxIdle {
		t.Fatalf("%d idle rooms with %d bytes, counted %d with %d", idle, bytes, l.idle.rooms.Len(), l.idle.bytes)
	}
	if n := l.occupied.Load(); n != occupied {
		t.Fatalf("%d rooms have users, counted %d", occupied, n)
	}
}

func TestMemoryLogModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		b := make([]byte, 4000)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		synctest.Test(t, func(t *testing.T) { newLogModel(t, b).run() })
	}
}

func FuzzMemoryLog(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		synctest.Test(t, func(t *testing.T) { newLogModel(t, b).run() })
	})
}

// say appends a message with an id, if it is not empty, and returns the offset.
func say(t testing.TB, l Log, room, id string) uint64 {
	t.Helper()
	e, _, _, err := l.Append(bg, room, Event{Type: TypeMessage, User: "u", Message: "hi", ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return e.Offset
}

func epochOf(t testing.TB, l Log, room string) string {
	t.Helper()
	at, err := l.Positions(bg, []string{room})
	if err != nil {
		t.Fatal(err)
	}
	return at[0].Epoch
}

func stateOf(l *memoryLog) (rooms int) {
	for i := range l.shards {
		rooms += len(l.shards[i].rooms)
	}
	return rooms
}

func TestMemoryLogForgetsIdleRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemoryLog(10, 1<<20, time.Hour)
		s := &modelSink{}
		l.Open(bg, s)
		l.Watch(bg, s, "watched")
		rooms := []string{"watched", "entered", "idle"}
		l.Enter(bg, "s1", "entered", Member{"u", "U", 1})
		l.Beat(bg, "s1", 100*time.Hour)
		var epochs []string
		for _, room := range rooms {
			say(t, l, room, "id")
			epochs = append(epochs, epochOf(t, l, room))
		}
		after := func(d time.Duration, want ...bool) {
			t.Helper()
			time.Sleep(d)
			l.Beat(bg, "s1", 100*time.Hour)
			checkAccounts(t, l)
			for i, room := range rooms {
				if kept := epochOf(t, l, room) == epochs[i]; kept != want[i] {
					t.Errorf("%s is kept: %t, want %t", room, kept, want[i])
				}
			}
		}
		after(time.Hour-time.Millisecond, true, true, true)
		l.Read(bg, "idle", Range{}) // a use
		after(time.Hour-time.Millisecond, true, true, true)
		after(time.Millisecond, true, true, false)
		if say(t, l, "idle", "id") != 1 || epochOf(t, l, "idle") == epochs[2] {
			t.Error("a forgotten room does not begin anew")
		}
		l.Unwatch(s, "watched")
		l.Leave(bg, "s1", "entered", "u")
		after(time.Hour-time.Millisecond, true, true, false)
		after(time.Millisecond, false, false, false)
		if n := stateOf(l); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
	})
}

// TestMemoryLogForgetsAtOnce has texts go with the last use, and what makes
// repetitions known stay for its time.
func TestMemoryLogForgetsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newMemoryLog(10, 1<<20, -1)
		s := &modelSink{}
		l.Open(bg, s)
		l.Watch(bg, s, "r")
		say(t, l, "r", "a")
		say(t, l, "r", "b")
		epoch := epochOf(t, l, "r")
		l.Unwatch(s, "r")
		p, _ := l.Read(bg, "r", Range{Limit: 10})
		if d := gocmp.Diff(Page{Position: Position{epoch, 2}, First: 3}, p); d != "" {
			t.Errorf("page (-want +got):\n%s", d)
		}
		time.Sleep(5 * time.Minute)
		l.Beat(bg, "s1", time.Hour)
		if o := say(t, l, "r", "a"); o != 1 || epochOf(t, l, "r") != epoch {
			t.Errorf("a repetition got offset %d", o)
		}
		time.Sleep(5 * time.Minute)
		l.Beat(bg, "s1", time.Hour)
		if n := stateOf(l); n != 0 {
			t.Errorf("%d rooms are left", n)
		}
		if o := say(t, l, "r", "a"); o != 1 || epochOf(t, l, "r") == epoch {
			t.Errorf("a forgotten room goes on with %d", o)
		}
	})
}

func TestMemoryLogBoundsIdleRooms(t *testing.T) {
	l := newMemoryLog(100, 1<<20, time.Hour)
	s := &modelSink{}
	l.Open(bg, s)
	l.Watch(bg, s, "watched")
	text := strings.Repeat("x", 1<<19)
	put := func(room string) {
		if _, _, _, err := l.Append(bg, room, Event{Type: TypeMessage, Message: text}); err != nil {
			t.Fatal(err)
		}
	}
	put("watched")
	old := epochOf(t, l, "watched")
	const rooms = 300 // of 512 KiB each
	put("read")
	for i := range rooms {
		put(fmt.Sprint("r", i))
		checkAccounts(t, l)
		if p, _ := l.Read(bg, "read", Range{Limit: 1}); len(p.Events) == 0 {
			t.Fatal("a room was forgotten although it was used last")
		}
	}
	held := 0
	for i := range rooms {
		p, _ := l.Read(bg, fmt.Sprint("r", i), Range{Limit: 1})
		if held > 0 && len(p.Events) == 0 {
			t.Fatalf("room %d was forgotten before room %d", i, i-1)
		}
		held += len(p.Events)
	}
	if want := maxIdle/len(text) - 2; held != want {
		t.Errorf("%d idle rooms are held, want %d", held, want)
	}
	if epochOf(t, l, "watched") != old {
		t.Error("a watched room was forgotten")
	}
	l.Unwatch(s, "watched")
	checkAccounts(t, l)
}

// TestMemoryLogLeavesNothing uses rooms without writing to them.
func TestMemoryLogLeavesNothing(t *testing.T) {
	l := newMemoryLog(10, 1<<20, time.Hour)
	s := &modelSink{}
	l.Open(bg, s)
	for i := range 100 {
		room := fmt.Sprint("r", i)
		l.Read(bg, room, Range{Limit: 1})
		l.Positions(bg, []string{room})
		l.Renew(bg, room, epochOf(t, l, room))
		l.Signal(bg, room, Event{Type: TypeTyping})
		l.Unwatch(s, room)
		l.Watch(bg, s, room)
		l.Watch(bg, s, room)
		l.Enter(bg, "s1", room, Member{"u", "U", 1})
		l.Unwatch(s, room)
		l.Leave(bg, "s1", room, "u")
		l.Enter(bg, "s2", room, Member{"u", "U", 1})
	}
	l.Beat(bg, "s2", -1)
	l.Beat(bg, "s3", time.Minute)
	l.Watch(bg, s, "r")
	l.Close(s)
	if n := stateOf(l); n != 0 {
		t.Errorf("%d rooms are left", n)
	}
	if err := l.Open(bg, s); err != nil {
		t.Fatal(err)
	}
	l.Watch(bg, s, "r")
	l.Watch(bg, s, "r")
	if say(t, l, "r", ""); len(s.pushes) != 1 {
		t.Errorf("a room watched twice gave %d pushes", len(s.pushes))
	}
	l.Close(s)
	if err := l.Watch(bg, s, "r"); err == nil {
		t.Error("a closed sink can watch")
	}
}

func TestMemoryLogBoundsIDs(t *testing.T) {
	l := newMemoryLog(1, 1<<20, time.Hour)
	const n = maxIDs + 1000
	for i := range n {
		say(t, l, "r", fmt.Sprint(i))
	}
	r := l.shard("r").rooms["r"]
	if len(r.ids) != 1000 || len(r.oldIDs) != maxIDs {
		t.Errorf("%d and %d ids are known", len(r.ids), len(r.oldIDs))
	}
	for i := n - maxIDs; i < n; i += maxIDs / 10 {
		if o := say(t, l, "r", fmt.Sprint(i)); o != uint64(i+1) {
			t.Errorf("id %d repeated got offset %d", i, o)
		}
	}
}

// TestMemoryLogClockSetBack has the wall clock go back a day.
func TestMemoryLogClockSetBack(t *testing.T) {
	l := newMemoryLog(10, 1<<20, time.Hour)
	say(t, l, "r", "")
	tomorrow := time.Now().Add(24 * time.Hour).UnixMilli()
	l.shard("r").rooms["r"].ms = tomorrow
	e, _, _, _ := l.Append(bg, "r", Event{Type: TypeMessage})
	if want := time.UnixMilli(tomorrow).UTC(); !e.Time.Equal(want) {
		t.Errorf("the time went from %v to %v", want, e.Time)
	}
}

// TestMemoryLogChurn has rooms come and go under many goroutines.
func TestMemoryLogChurn(t *testing.T) {
	for _, forget := range []time.Duration{-1, 0, time.Hour} {
		l := newMemoryLog(10, 1<<20, forget)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				server := fmt.Sprint("s", g)
				rng := rand.New(rand.NewPCG(uint64(g), 1))
				for range 20 {
					s := &countSink{}
					l.Open(bg, s)
					for range 100 {
						room := fmt.Sprint("r", rng.IntN(3))
						l.Watch(bg, s, room)
						l.Enter(bg, server, room, Member{"u", server, 1})
						l.Append(bg, room, Event{Type: TypeMessage})
						l.Append(bg, room, Event{Type: TypeMessage, ID: fmt.Sprint(rng.IntN(10))})
						l.Read(bg, room, Range{From: 1, Limit: 5})
						l.Beat(bg, server, time.Duration(rng.IntN(1e6)))
						l.Leave(bg, server, room, "u")
						if rng.IntN(2) == 0 {
							l.Unwatch(s, room)
						}
					}
					l.Close(s)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Millisecond)
		l.Beat(bg, "last", time.Hour)
		checkAccounts(t, l)
		if rooms, _ := l.Rooms(bg); len(rooms) != 0 {
			t.Errorf("users are left in %v", rooms)
		}
	}
}
