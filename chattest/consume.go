package chattest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

const longHold = 10 * time.Minute // longer than any test

func addConsumer(t *testing.T, l chatlog.Log, name string, skip bool) {
	t.Helper()
	if err := l.(chatlog.Tracker).AddConsumer(within(t), name, skip); err != nil {
		t.Fatalf("AddConsumer of %q: %v", name, err)
	}
	t.Cleanup(func() {
		if err := l.(chatlog.Tracker).RemoveConsumer(within(t), name); err != nil {
			t.Errorf("RemoveConsumer of %q: %v", name, err)
		}
	})
}

func behind(t testing.TB, l chatlog.Log, name string, except []string, limit int) []string {
	t.Helper()
	rooms, err := l.(chatlog.Tracker).Behind(within(t), name, except, limit)
	if err != nil || len(rooms) > limit {
		t.Fatalf("Behind of %q gives %d rooms of at most %d, and %v", name, len(rooms), limit, err)
	}
	slices.Sort(rooms)
	return rooms
}

// claim claims a room; the claim is nil if that is not possible.
func claim(t testing.TB, l chatlog.Log, name, room string, limit int, hold time.Duration) chatlog.Claim {
	t.Helper()
	c, err := l.(chatlog.Tracker).Claim(within(t), name, room, limit, hold)
	if err != nil {
		t.Fatalf("Claim of %q by %q: %v", room, name, err)
	}
	return c
}

// claimed is claim for a room that can be claimed. It compares the offsets.
func claimed(t testing.TB, l chatlog.Log, name, room string, limit int, offsets ...uint64) chatlog.Claim {
	t.Helper()
	c := claim(t, l, name, room, limit, longHold)
	if c == nil {
		t.Fatalf("%q of %q cannot be claimed", room, name)
	}
	b := c.Batch()
	var got []uint64
	for i := range b.Events {
		got = append(got, b.Events[i].Offset)
	}
	if b.Room != room || b.Epoch == "" || b.Missed || !slices.Equal(got, offsets) {
		t.Fatalf("the batch of %q has %+v, want the offsets %d", room, *b, offsets)
	}
	return c
}

func sayIn(t testing.TB, l chatlog.Log, room string, n int) {
	t.Helper()
	for range n {
		if _, err := l.Append(within(t), room, chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Text: "hi"}); err != nil {
			t.Fatal(err)
		}
	}
}

// consumerOf returns the consumer's entry in Consumers.
func consumerOf(t testing.TB, l chatlog.Log, name string) (c chatlog.Consumer) {
	t.Helper()
	all, err := l.(chatlog.Tracker).Consumers(within(t))
	if err != nil || !slices.IsSortedFunc(all, func(a, b chatlog.Consumer) int { return strings.Compare(a.Name, b.Name) }) {
		t.Fatalf("Consumers: %+v, %v", all, err)
	}
	for _, k := range all {
		if k.Name == name {
			return k
		}
	}
	return c
}

// testConsumer goes through the life of a consumer.
func testConsumer(t *testing.T, open func() chatlog.Log) {
	l, other := open(), open()
	a, b, name := newName("consumed"), newName("consumed"), newName("consumer\x00é")
	sayIn(t, l, a, 3)
	if got := behind(t, l, name, nil, 10); len(got) > 0 || claim(t, l, name, a, 10, longHold) != nil {
		t.Fatalf("a consumer that does not exist is behind in %q, or has claimed a room", got)
	}
	addConsumer(t, l, name, true)
	addConsumer(t, other, name, false) // it is known already
	if got := behind(t, other, name, nil, 10); len(got) > 0 {
		t.Fatalf("a consumer that skips is behind in %q", got)
	}
	grown := l.(chatlog.Tracker).Grown()
	sayIn(t, l, a, 3)
	select {
	case <-grown:
	case <-time.After(patience):
		t.Fatal("Grown does not tell of an event")
	}
	sayIn(t, other, b, 1)
	both := []string{a, b}
	slices.Sort(both)
	if got := behind(t, l, name, nil, 10); !slices.Equal(got, both) {
		t.Fatalf("behind in %q, want %q", got, both)
	}
	if got := behind(t, l, name, []string{a}, 10); !slices.Equal(got, []string{b}) {
		t.Fatalf("behind in %q, want %q", got, b)
	}
	if got := behind(t, l, name, nil, 1); len(got) != 1 {
		t.Fatalf("behind in %q, with a limit of 1", got)
	}
	if got, want := consumerOf(t, other, name), (chatlog.Consumer{Name: name, Rooms: 2, Events: 4}); got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	c := claimed(t, l, name, a, 2, 4, 5)
	if claim(t, other, name, a, 10, longHold) != nil || !slices.Equal(behind(t, other, name, nil, 10), []string{b}) {
		t.Fatal("a claimed room was given to another caller")
	}
	end(t, "Renew", c.Renew(within(t), longHold), nil)
	end(t, "Done", c.Done(within(t)), nil)
	end(t, "Release", claimed(t, other, name, a, 9, 6).Release(within(t)), nil)
	end(t, "Done", claimed(t, l, name, a, 9, 6).Done(within(t)), nil)
	if claim(t, l, name, a, 9, longHold) != nil || !slices.Equal(behind(t, l, name, nil, 10), []string{b}) {
		t.Fatal("a room that was handled is given again")
	}

	// A claim ends with its time, and then its events are given to another caller.
	short := claim(t, l, name, b, 9, time.Millisecond)
	var next chatlog.Claim
	for until := time.Now().Add(patience); next == nil; {
		if time.Now().After(until) {
			t.Fatal("a claim does not end with its time")
		}
		next = claim(t, other, name, b, 9, longHold)
	}
	end(t, "Renew", short.Renew(within(t), longHold), chatlog.ErrClaimLost)
	end(t, "Done", short.Done(within(t)), chatlog.ErrClaimLost)
	end(t, "Release", short.Release(within(t)), nil)
	if got := consumerOf(t, l, name); got.Events != 1 {
		t.Fatalf("%+v after a claim that was lost", got)
	}
	if claim(t, l, name, b, 9, longHold) != nil {
		t.Fatal("the end of a claim that was lost has ended that of another caller")
	}
	if err := l.(chatlog.Tracker).RemoveConsumer(within(t), name); err != nil {
		t.Fatal(err)
	}
	end(t, "Done", next.Done(within(t)), chatlog.ErrClaimLost)
	if got := behind(t, l, name, nil, 9); len(got) > 0 || consumerOf(t, l, name).Name != "" {
		t.Fatalf("a consumer that was removed is behind in %q", got)
	}
}

// end compares the error of a method of a claim.
func end(t testing.TB, method string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", method, err, want)
	}
}

// testConsumeConcurrently lets several callers handle rooms while these grow. Some of them let go
// of what they have claimed, or let its time end. In the end each event was handled once.
func testConsumeConcurrently(t *testing.T, open func() chatlog.Log) {
	logs := handles(3, open)
	name := newName("consumer")
	addConsumer(t, logs[0], name, true)
	rooms := make([]string, 4)
	for i := range rooms {
		rooms[i] = newName("consume")
	}
	var mu sync.Mutex
	seen := map[string]int{} // by room and offset
	var writers, readers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := range kept / 4 {
				sayIn(t, logs[w], rooms[(i+w)%len(rooms)], 1)
			}
		})
	}
	written := make(chan struct{})
	go func() { // ends with the writers
		writers.Wait()
		close(written)
	}()
	for r := range 6 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(r), 0))
			for last := false; ; {
				found := behind(t, logs[r%3], name, nil, 10)
				if len(found) == 0 && last && consumerOf(t, logs[r%3], name).Rooms == 0 {
					return
				}
				select {
				case <-written:
					last = true
				default:
				}
				for _, room := range found {
					l := logs[rng.IntN(3)]
					if rng.IntN(4) == 0 {
						claim(t, l, name, room, 1+rng.IntN(9), time.Millisecond) // is lost
						continue
					}
					c := claim(t, l, name, room, 1+rng.IntN(9), longHold)
					if c == nil {
						continue
					}
					if rng.IntN(4) == 0 {
						end(t, "Release", c.Release(within(t)), nil)
						continue
					}
					end(t, "Done", c.Done(within(t)), nil)
					mu.Lock()
					for _, e := range c.Batch().Events {
						seen[fmt.Sprint(room, e.Offset)]++
					}
					mu.Unlock()
				}
			}
		})
	}
	readers.Wait()
	all := 0
	for _, room := range rooms {
		p, err := logs[0].Read(within(t), room, chatlog.Range{From: 1, Limit: kept})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			if n := seen[fmt.Sprint(room, e.Offset)]; n != 1 {
				t.Errorf("event %d of %s was handled %d times", e.Offset, room, n)
			}
			all++
		}
	}
	if all != 3*(kept/4) || len(seen) != all {
		t.Errorf("%d events are stored, %d were handled, and %d written", all, len(seen), 3*(kept/4))
	}
}
