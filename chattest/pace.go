package chattest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// paced asks for a turn, and fails the test if the wait is not possible.
func paced(t testing.TB, l chatlog.Log, room, user, id string, every time.Duration) (wait time.Duration) {
	t.Helper()
	wait, err := l.(chatlog.Pacer).Pace(within(t), room, user, id, every)
	if err != nil || wait < 0 || wait > every {
		t.Fatalf("Pace of %q by %q in %q every %v: %v, %v", id, user, room, every, wait, err)
	}
	return wait
}

// testPace takes turns, each time from one of two servers.
func testPace(t *testing.T, open func() chatlog.Log) {
	logs := handles(2, open)
	room := newName("pace")
	asked := 0
	expect := func(room, user, id string, every time.Duration, free bool) {
		t.Helper()
		asked++
		if wait := paced(t, logs[asked%2], room, user, id, every); (wait == 0) != free {
			t.Errorf("%q by %q in %q every %v waits for %v", id, user, room, every, wait)
		}
	}
	const long = 10 * time.Minute
	for range 2 { // the second time, each id already has its turn
		expect(room, "u1", "a", long, true)
		expect(room, "u2", "a", long, true)
		expect(room+"2", "u1", "a", long, true)
		expect(room, "u1", "b", long, false)
		expect(room, "u1", "", long, false)
		expect(room, "u2", "b", long, false)
		expect(room+"2", "u1", "b", long, false)
		expect(room, "u1", "a", long, true)
	}
	expect(room, "u3", "", long, true)
	expect(room, "u3", "", long, false) // two empty ids are not the same id
	expect(room, "u3", "x", long, false)
	unique := newName("")
	for i, s := range confusingNames {
		id := fmt.Sprint("id", i)
		if len(s)+len(unique) <= 256 {
			expect(s+unique, "u1", id, long, true)
			expect(unique+s, "u1", id, long, true)
		}
		expect(unique, s, id, long, true)
		if len(s) <= 64 {
			expect(unique, s, s, long, false)
		}
	}
	expect(unique, "y"+unique, "1", long, true)
	expect(unique+"y", unique, "2", long, true)
	if at := positionOf(t, logs[0], room); at.Offset != 0 {
		t.Errorf("turns have moved the room to %v", at)
	}

	// Each turn comes after its interval, and not much later than the log has said.
	const short = 300 * time.Millisecond
	room = newName("pace")
	for i := range 3 {
		id := fmt.Sprint(i)
		before := time.Now()
		eventually(t, "the next turn", func() bool { return paced(t, logs[i%2], room, "u1", id, short) == 0 })
		first := paced(t, logs[i%2], room, "u1", id+"'", short)
		if first == 0 && time.Since(before) < short {
			t.Fatalf("a second turn after only %v", time.Since(before))
		}
		if first == 0 {
			continue // the machine was paused
		}
		eventually(t, "the interval to end", func() bool { return paced(t, logs[(i+1)%2], room, "u1", id+"'", short) == 0 })
		if d := time.Since(before); d < short*9/10 {
			t.Errorf("two turns in only %v", d)
		}
	}
}

// testPaceConcurrently lets several servers ask for one turn concurrently.
func testPaceConcurrently(t *testing.T, open func() chatlog.Log) {
	logs := handles(3, open)
	for _, same := range []bool{false, true} {
		room := newName("pace-at-once")
		var turns atomic.Int32
		runConcurrently(8, func(i int) {
			id := "x"
			if !same {
				id = fmt.Sprint(i)
			}
			wait, err := logs[i%3].(chatlog.Pacer).Pace(within(t), room, "u1", id, time.Minute)
			switch {
			case err != nil || wait < 0 || wait > time.Minute:
				t.Errorf("Pace: %v, %v", wait, err)
			case wait == 0:
				turns.Add(1)
			}
		})
		if n, want := turns.Load(), map[bool]int32{false: 1, true: 8}[same]; n != want {
			t.Errorf("%d of 8 calls got the turn, want %d; the same id: %t", n, want, same)
		}
	}
}
