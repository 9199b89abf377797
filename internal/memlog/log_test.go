package memlog

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

func TestMemoryLogModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
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

// say appends a message, with an id if id is not empty, and returns the offset.
func say(t testing.TB, l chatlog.Log, room, id string) uint64 {
	t.Helper()
	a, err := l.Append(bg, room, chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Text: "hi", ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return a.Event.Offset
}

func epochOf(t testing.TB, l chatlog.Log, room string) string {
	t.Helper()
	at, err := l.Positions(bg, []string{room})
	if err != nil {
		t.Fatal(err)
	}
	return at[0].Epoch
}

func stateOf(l *Log) (rooms int) {
	for i := range l.shards {
		rooms += len(l.shards[i].rooms)
	}
	return rooms
}

func TestMemoryLogBoundsIDs(t *testing.T) {
	l := New(1, 1<<20, time.Hour)
	const n = maxIDs + 1000
	for i := range n {
		say(t, l, "r", fmt.Sprint(i))
	}
	r := l.shard("r").rooms["r"]
	if len(r.ids.fresh) != 1000 || len(r.ids.old) != maxIDs {
		t.Errorf("there are %d fresh and %d old ids", len(r.ids.fresh), len(r.ids.old))
	}
	for i := n - maxIDs; i < n; i += maxIDs / 10 {
		if o := say(t, l, "r", fmt.Sprint(i)); o != uint64(i+1) {
			t.Errorf("id %d repeated got offset %d", i, o)
		}
	}
}

// TestMemoryLogClockSetBack sets the wall clock back by a day.
func TestMemoryLogClockSetBack(t *testing.T) {
	l := New(10, 1<<20, time.Hour)
	say(t, l, "r", "")
	tomorrow := time.Now().Add(24 * time.Hour).UnixMilli()
	l.shard("r").rooms["r"].ms = tomorrow
	a, _ := l.Append(bg, "r", chatlog.Event{Type: chatlog.TypeMessage})
	if want := time.UnixMilli(tomorrow).UTC(); !a.Event.Time.Equal(want) {
		t.Errorf("the time went from %v to %v", want, a.Event.Time)
	}
}

// TestMemoryLogChurn makes and removes rooms in many goroutines.
func TestMemoryLogChurn(t *testing.T) {
	for _, forget := range []time.Duration{-1, 0, time.Hour} {
		l := New(10, 1<<20, forget)
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
						l.Enter(bg, server, room, chatlog.Member{UserID: "u", Username: server, Connections: 1})
						l.Append(bg, room, chatlog.Event{Type: chatlog.TypeMessage})
						l.Append(bg, room, chatlog.Event{Type: chatlog.TypeMessage, ID: fmt.Sprint(rng.IntN(10))})
						l.Read(bg, room, chatlog.Range{From: 1, Limit: 5})
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
			t.Errorf("there are users left in %v", rooms)
		}
	}
}
