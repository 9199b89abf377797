package redislog_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Messages that wait together are appended by one run of a script. One of the rooms is broken, one
// has messages with the same id, one ends a run of private messages, and one is new. Each message
// gets its own answer, and every room is dense.
func TestAppendedTogether(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	l := redislog.New(i.client(t))
	for _, room := range []string{"whole", "broken", "repeated", "private"} {
		put(t, l, room, text("ann", "", "first"))
	}
	put(t, l, "private", private("ann", "bob"))
	_, broken, _, _ := l.KeysOf("broken")
	i.exec(t, "DEL", broken)
	i.exec(t, "SET", broken, "no list")

	const each = 40
	rooms := []string{"whole", "broken", "repeated", "private", "new"}
	answers := make([][each]chatlog.Appended, len(rooms))
	errs := make([][each]error, len(rooms))
	ctx := within(t)
	i.signal(stopSignal) // so the messages wait for each other
	var started, ended sync.WaitGroup
	for r, room := range rooms {
		for n := range each {
			started.Add(1)
			ended.Go(func() {
				id := fmt.Sprint("id", n)
				if room == "repeated" {
					id = fmt.Sprint("id", n%7)
				}
				started.Done()
				answers[r][n], errs[r][n] = l.Append(ctx, room, text("ann", id, fmt.Sprint("m", n)))
			})
		}
	}
	started.Wait()
	i.signal(contSignal)
	ended.Wait()
	for r, room := range rooms {
		if room == "broken" {
			for n, err := range errs[r] {
				if err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
					t.Errorf("message %d to the broken room: %v", n, err)
				}
			}
			continue
		}
		p := read(t, l, room, chatlog.Range{From: 1, Limit: 1000})
		for n, a := range answers[r] {
			if err := errs[r][n]; err != nil {
				t.Errorf("message %d to %s: %v", n, room, err)
				continue
			}
			if o := a.Event.Offset; o == 0 || o > uint64(len(p.Events)) || !sameText(p.Events[o-1], a.Event) {
				t.Errorf("message %d to %s: got %+v, which the room does not have at this offset", n, room, a.Event)
			}
		}
		want := map[string]int{"whole": 1 + each, "repeated": 1 + 7, "private": 2 + each, "new": each}[room]
		if len(p.Events) != want || p.Position.Offset != uint64(want) {
			t.Errorf("%s has %d messages, the last at %d; want %d", room, len(p.Events), p.Position.Offset, want)
		}
	}
}
