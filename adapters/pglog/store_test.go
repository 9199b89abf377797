package pglog_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// readAll returns every event of room.
func readAll(t testing.TB, l *pglog.Log, room string) []chatlog.Event {
	t.Helper()
	var events []chatlog.Event
	for {
		p, err := l.Read(soon(t), room, chatlog.Range{From: uint64(len(events)) + 1, Limit: 500})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, p.Events...)
		if !p.More {
			return events
		}
	}
}

// Every text comes back unchanged, and every different name is a different room.
func TestTextsRoundTrip(t *testing.T) {
	l := newLog(t)
	hostile := []string{
		"plain", "\x00", "\x1a", "\x1a0", "\x00\x1a\x000", "a\x00b", "{schema}", "$1", "'; DROP TABLE x; --", `"quoted"`,
		`back\slash`, "new\nline", "*", "%", "{x}", "\u202e\u0301", strings.Repeat("😀", 64), " ", "\u00e9", "e\u0301", "A", "a",
	}
	for i, s := range hostile {
		e := chatlog.Event{
			Type: chatlog.TypePrivate, UserID: "u" + s, Username: "n" + s, To: "t" + s, ToUsername: "m" + s, Text: s + s, ID: "i" + s,
		}
		stored := mustAppend(t, l, s, e)
		if stored.Offset != 1 {
			t.Fatalf("room %q: offset %d of its first event", s, stored.Offset)
		}
		if a, err := l.Append(t.Context(), s, e); err != nil || !a.Repeated || !cmp.Equal(a.Event, stored) {
			t.Errorf("%d: repeated: %+v, %v; want %+v", i, a, err, stored)
		}
		e.Offset, e.Time = 1, stored.Time
		if diff := cmp.Diff([]chatlog.Event{e}, readAll(t, l, s)); diff != "" {
			t.Errorf("room %q: (-want +got)\n%s", s, diff)
		}
		m := chatlog.Member{UserID: "u" + s, Username: "n" + s, Connections: 2}
		if first, err := l.Enter(t.Context(), "srv", s, m); err != nil || !first {
			t.Errorf("Enter %q: %v, %v", s, first, err)
		}
		if got, ok, err := l.Present(t.Context(), s, "u"+s); err != nil || !ok || got != m {
			t.Errorf("Present %q: %+v, %v, %v", s, got, ok, err)
		}
	}
	at, err := l.Positions(t.Context(), hostile)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range at {
		if p.Offset != 1 {
			t.Errorf("position of %q: %v", hostile[i], p)
		}
	}
	rooms, err := l.Rooms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range hostile {
		if rooms[s] != 1 {
			t.Errorf("room %q has %d users", s, rooms[s])
		}
	}
}

// An event that the database would refuse is refused before the statement. The events beside it
// are stored.
func TestBadTexts(t *testing.T) {
	l := newLog(t)
	bad := map[string]chatlog.Event{
		"message not UTF-8": text("u", "", "\xff"),
		"name not UTF-8":    {Type: chatlog.TypeMessage, Username: "\xc0"},
		"user too long":     text(strings.Repeat("u", 3000), "1", "m"),
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { mustAppend(t, l, "room", text("good", "", "m")) })
		for name, e := range bad {
			wg.Go(func() {
				if _, err := l.Append(t.Context(), "room", e); err == nil {
					t.Errorf("%s: no error", name)
				}
			})
		}
	}
	wg.Wait()
	if n := len(readAll(t, l, "room")); n != 20 {
		t.Errorf("%d events stored, not 20", n)
	}
	if _, err := l.Append(t.Context(), strings.Repeat("r", 5000), text("u", "", "m")); err == nil {
		t.Error("a room's name of 5,000 bytes: no error")
	}
}

// Several pools write to the same rooms, and repeat their own events and those of others, while
// a reader follows. Offsets are dense, each id is stored once, and the reader never sees a hole.
func TestConcurrentWriters(t *testing.T) {
	rng := seed(t)
	schema := pglog.WithSchema(newSchema())
	const logs, writers, each = 3, 8, 60
	rooms := []string{"hot", "warm", "cold"}
	var wg sync.WaitGroup
	var mu sync.Mutex
	offsets := map[string]map[string]uint64{} // by room, by user and id
	for _, r := range rooms {
		offsets[r] = map[string]uint64{}
	}
	var last *pglog.Log
	for range logs {
		l := migrated(t, shared.pool(t), schema)
		last = l
		for w := range writers {
			picks := rng.Perm(each)
			wg.Go(func() {
				for _, i := range picks {
					// Writers of all logs send the same ids.
					room := rooms[min(i%4, 2)]
					e := text(fmt.Sprint("user", w), fmt.Sprint(i), "hello")
					a, err := l.Append(soon(t), room, e)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					k := e.UserID + "/" + e.ID
					if o := offsets[room][k]; o != 0 && o != a.Event.Offset {
						t.Errorf("%s has both offsets %d and %d", k, o, a.Event.Offset)
					}
					offsets[room][k] = a.Event.Offset
					mu.Unlock()
				}
			})
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	read := follow(ctx, t, last, "hot")
	wg.Wait()
	for _, room := range rooms {
		events := readAll(t, last, room)
		if len(events) != len(offsets[room]) {
			t.Errorf("%s: %d events of %d ids", room, len(events), len(offsets[room]))
		}
		checkDense(t, events)
		for _, e := range events {
			if o := offsets[room][e.UserID+"/"+e.ID]; o != e.Offset {
				t.Errorf("%s: event %d was acknowledged with offset %d", room, e.Offset, o)
			}
		}
	}
	cancel()
	if n := <-read; n == 0 {
		t.Error("the reader saw nothing")
	}
}

// checkDense fails the test unless events have the offsets 1, 2, 3 and so on, and their times do
// not fall.
func checkDense(t testing.TB, events []chatlog.Event) {
	t.Helper()
	for i, e := range events {
		if e.Offset != uint64(i)+1 {
			t.Fatalf("offset %d at index %d", e.Offset, i)
		}
		if i > 0 && e.Time.Before(events[i-1].Time) {
			t.Fatalf("the time falls at offset %d: %v, %v", e.Offset, events[i-1].Time, e.Time)
		}
	}
}

// follow reads room from the start until ctx ends, and returns the number of events. It fails
// the test if the log shows a later event before an earlier one.
func follow(ctx context.Context, t testing.TB, l *pglog.Log, room string) <-chan int {
	done := make(chan int, 1)
	go func() {
		var next uint64 = 1
		for {
			stop := ctx.Err() != nil
			p, err := l.Read(context.WithoutCancel(ctx), room, chatlog.Range{From: next, Limit: 100})
			if err != nil {
				t.Error(err)
			}
			for _, e := range p.Events {
				if e.Offset != next || e.UserID == "" {
					t.Errorf("read %+v instead of offset %d", e, next)
				}
				next++
			}
			if stop && !p.More {
				done <- int(next) - 1
				return
			}
		}
	}()
	return done
}

// A transaction may take its offsets early and commit late, or not at all. No other transaction
// overtakes it, and it leaves no hole.
func TestLateCommits(t *testing.T) {
	rng := seed(t)
	pool := shared.pool(t, "pool_max_conns=20")
	l := migrated(t, pool, pglog.WithSchema(newSchema()))
	mustAppend(t, l, "room", text("u", "first", "m"))
	ctx, cancel := context.WithCancel(t.Context())
	read := follow(ctx, t, l, "room")
	var wg sync.WaitGroup
	for w := range 6 {
		type step struct {
			pause  time.Duration
			commit bool
		}
		steps := make([]step, 30)
		for i := range steps {
			steps[i] = step{time.Duration(rng.IntN(4000)) * time.Microsecond, rng.IntN(4) > 0}
		}
		wg.Go(func() {
			for i, s := range steps {
				if w%2 == 0 {
					mustAppend(t, l, "room", text("u", "", "m"))
					continue
				}
				err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					e := text("u", fmt.Sprint(w, "-", i), "m")
					if err := pglog.AppendIn(t.Context(), l, tx.Conn(), "room", e, text("u", "", "second")); err != nil {
						return err
					}
					time.Sleep(s.pause)
					if !s.commit {
						return context.Canceled
					}
					return nil
				})
				if err != nil && err != context.Canceled {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	n := <-read
	events := readAll(t, l, "room")
	checkDense(t, events)
	if n != len(events) {
		t.Errorf("the reader saw %d of %d events", n, len(events))
	}
}

// Rows that an operator has deleted keep their offsets. Readers see nothing in their place.
func TestDeletedRows(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	for i := range 10 {
		mustAppend(t, l, "room", text("u", fmt.Sprint(i+1), "m"))
	}
	shared.exec(t, `DELETE FROM `+schema+`.event WHERE "offset" IN (1, 4, 5, 10)`)
	for _, r := range []chatlog.Range{{From: 1, Limit: 20}, {Limit: 20}, {Before: 11, Limit: 10}} {
		p, err := l.Read(t.Context(), "room", r)
		if err != nil {
			t.Fatal(err)
		}
		checkDense(t, p.Events)
		var seen []string
		for _, e := range p.Events {
			if e.VisibleTo("u") || e.VisibleTo("") {
				seen = append(seen, e.ID)
			}
		}
		if got := strings.Join(seen, " "); got != "2 3 6 7 8 9" || len(p.Events) != 10 || p.More {
			t.Errorf("%+v: %d events, visible are %s; more %v", r, len(p.Events), got, p.More)
		}
	}
	shared.exec(t, `TRUNCATE `+schema+`.event`)
	if p, err := l.Read(t.Context(), "room", chatlog.Range{From: 8, Limit: 2}); err != nil || len(p.Events) != 2 || !p.More {
		t.Errorf("after TRUNCATE: %+v, %v", p, err)
	}
	if e := mustAppend(t, l, "room", text("u", "11", "m")); e.Offset != 11 {
		t.Errorf("after TRUNCATE: offset %d", e.Offset)
	}
}
