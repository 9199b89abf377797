package pglog_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// offsets returns the offsets of the events that were pushed whole for room.
func (r *recorder) offsets(room string) map[uint64]bool {
	got := map[uint64]bool{}
	for _, p := range r.all() {
		if p.Room == room && p.Event.Type != "" {
			got[p.Event.Offset] = true
		}
	}
	return got
}

// Events and signals reach every server that watches the room, and no other.
func TestFeed(t *testing.T) {
	schema := pglog.WithSchema(newSchema())
	a := migrated(t, shared.pool(t), schema)
	b := migrated(t, shared.pool(t), schema)
	onA, onB := opened(t, a, "one"), opened(t, b, "one", "two")
	second := opened(t, b, "two")
	b.Unwatch(onB, "two")
	stored := mustAppend(t, a, "one", text("u", "1", "hello\x00"))
	mustAppend(t, a, "two", text("u", "2", "other"))
	typing := chatlog.Event{Type: chatlog.TypeTyping, UserID: "u\x00", Username: "U"}
	if err := a.Signal(t.Context(), "one", typing); err != nil {
		t.Fatal(err)
	}
	epoch := position(t, a, "one").Epoch
	want := []pushed{{"one", epoch, stored}, {"one", "", typing}}
	for _, r := range []*recorder{onA, onB} {
		eventually(t, "both are pushed", func() bool { return len(r.all()) >= 2 })
		got := r.all()
		if got[0].Event.Type == chatlog.TypeTyping {
			got[0], got[1] = got[1], got[0] // no order is promised
		}
		if len(got) != 2 || !reflect.DeepEqual(got, want) {
			t.Errorf("pushed %+v\nwant %+v", got, want)
		}
	}
	eventually(t, "the other sink gets the events of its room", func() bool { return len(second.all()) == 1 })
	if err := b.Close(onB); err != nil {
		t.Fatal(err)
	}
	n := len(onB.all())
	mustAppend(t, a, "two", text("u", "3", "x"))
	eventually(t, "the other sink is still served", func() bool { return len(second.all()) == 2 })
	if len(onB.all()) != n {
		t.Error("pushed after Close")
	}
}

func position(t testing.TB, l *pglog.Log, room string) chatlog.Position {
	t.Helper()
	at, err := l.Positions(soon(t), []string{room})
	if err != nil {
		t.Fatal(err)
	}
	return at[0]
}

// Without faults, every event is pushed whole to the other server. Only if events come faster
// than the server reads, it learns just the last offset.
func TestBurst(t *testing.T) {
	schema := pglog.WithSchema(newSchema())
	a := migrated(t, shared.pool(t), schema)
	b := migrated(t, shared.pool(t), schema)
	opened(t, a)
	var rooms []string
	for i := range 150 {
		rooms = append(rooms, fmt.Sprint("room", i))
	}
	heard := opened(t, b, rooms...)
	var wg sync.WaitGroup
	for i := range 600 {
		wg.Go(func() { mustAppend(t, a, rooms[0], text("u", "", fmt.Sprint(i))) })
	}
	for _, r := range rooms[1:] {
		wg.Go(func() { mustAppend(t, a, r, text("u", "", "m")) })
	}
	wg.Wait()
	eventuallyTold(t, "the last offset of every room is pushed", func() {
		for _, r := range rooms {
			mustAppend(t, a, r, text("u", "", "again"))
		}
	}, func() bool {
		last := map[string]uint64{}
		for _, p := range heard.all() {
			last[p.Room] = max(last[p.Room], p.Event.Offset)
		}
		return last[rooms[0]] >= 600 && len(last) == len(rooms)
	})
}

// When the listening connection is cut, the sinks are told. They are told again when there is a
// new connection and notices arrive.
func TestListenerCut(t *testing.T) {
	t.Parallel()
	schema := pglog.WithSchema(newSchema())
	c := freshCluster(t)
	a := migrated(t, c.pool(t), schema)
	b := migrated(t, c.pool(t), schema)
	opened(t, a)
	heard := opened(t, b, "room")
	for range 3 {
		before, _ := heard.interruptions()
		c.exec(t, cutListeners)
		eventually(t, "Interrupted and Resumed", func() bool {
			down, up := heard.interruptions()
			return down > before && up == down
		})
		e := mustAppend(t, a, "room", text("u", "", "m"))
		eventually(t, "the next event is pushed", func() bool { return heard.offsets("room")[e.Offset] })
	}
}

const cutListeners = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pglog listener'`

// A listening connection that brings no notices is not taken for a healthy one. It may lead to a
// transaction pooler or to another database.
func TestSilentListener(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	c.exec(t, `CREATE DATABASE elsewhere`)
	wrong, err := pgx.ParseConfig(strings.Replace(c.dsn(), "dbname=postgres", "dbname=elsewhere", 1))
	if err != nil {
		t.Fatal(err)
	}
	l := migrated(t, c.pool(t), pglog.WithListenConfig(wrong))
	heard := opened(t, l)
	eventually(t, "Interrupted", func() bool { down, _ := heard.interruptions(); return down > 0 })
}

// While the database does not answer, every call ends with its context, and no calls pile up.
// Afterwards everything works again.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	l := migrated(t, c.pool(t))
	heard := opened(t, l, "room")
	mustAppend(t, l, "room", text("u", "0", "m"))
	c.signal(stopSignal)
	ctx, cancel := context.WithCancel(t.Context())
	calls := map[string]func(context.Context) error{
		"Read":      func(ctx context.Context) error { _, err := l.Read(ctx, "room", chatlog.Range{Limit: 1}); return err },
		"Positions": func(ctx context.Context) error { _, err := l.Positions(ctx, []string{"room"}); return err },
		"Renew":     func(ctx context.Context) error { _, err := l.Renew(ctx, "room", "x"); return err },
		"Signal":    func(ctx context.Context) error { return l.Signal(ctx, "room", chatlog.Event{Type: chatlog.TypeTyping}) },
		"Members":   func(ctx context.Context) error { _, err := l.Members(ctx, "room", 1); return err },
		"Present":   func(ctx context.Context) error { _, _, err := l.Present(ctx, "room", "u"); return err },
		"Rooms":     func(ctx context.Context) error { _, err := l.Rooms(ctx); return err },
		"Leave":     func(ctx context.Context) error { _, err := l.Leave(ctx, "s", "room", "u"); return err },
		"Beat":      func(ctx context.Context) error { _, err := l.Beat(ctx, "s", time.Second); return err },
		"Enter": func(ctx context.Context) error {
			_, err := l.Enter(ctx, "s", "room", chatlog.Member{UserID: "u", Connections: 1})
			return err
		},
		"Migrate": l.Migrate,
		"Open":    func(ctx context.Context) error { return migrateless(c, t).Open(ctx, &recorder{}) },
	}
	for i := range 300 {
		calls[fmt.Sprint("Append ", i)] = func(ctx context.Context) error {
			_, err := l.Append(ctx, fmt.Sprint("room", i%7), text("u", fmt.Sprint(i), "m"))
			return err
		}
	}
	var wg sync.WaitGroup
	for name, f := range calls {
		wg.Go(func() {
			if err := f(ctx); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
	}
	eventually(t, "the feed is interrupted", func() bool { down, _ := heard.interruptions(); return down > 0 })
	cancel()
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("some calls do not end with their context")
	}
	c.signal(contSignal)
	eventually(t, "the feed is back", func() bool { _, up := heard.interruptions(); return up > 0 })
	e := mustAppend(t, l, "room", text("u", "last", "m"))
	eventually(t, "events are pushed", func() bool { return heard.offsets("room")[e.Offset] })
	eventually(t, "no call is left", func() bool { calls, rooms := pglog.Waiting(l); return calls+rooms == 0 })
	// Some of the failed calls have stored their events. Offsets are dense, and each event is
	// there once.
	for i := range 7 {
		ids := map[string]bool{}
		events := readAll(t, l, fmt.Sprint("room", i))
		checkDense(t, events)
		for _, e := range events {
			if ids[e.ID] {
				t.Errorf("event %s is stored twice", e.ID)
			}
			ids[e.ID] = true
		}
	}
}

// migrateless returns a Log that has not been used.
func migrateless(c *cluster, t testing.TB) *pglog.Log { return pglog.New(c.pool(t)) }

// Connections of the database are cut while events with ids are appended. Each event is stored
// exactly once, and Append returns no error.
func TestAppendAfterCut(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	l := migrated(t, c.pool(t))
	keep := func(room, id string) {
		retry(t, func(ctx context.Context) error {
			began := time.Now()
			_, err := l.Append(ctx, room, text("u", id, "m"))
			if err != nil && time.Since(began) < time.Second { // Append tries for this long
				t.Error(err)
			}
			return err
		})
	}
	for i := range 10 {
		var wg sync.WaitGroup
		for r := range 5 {
			wg.Go(func() { keep(fmt.Sprint("room", r), fmt.Sprint("before", i)) })
		}
		wg.Wait()
		c.exec(t, cutAll)
		for r := range 5 {
			wg.Go(func() { keep(fmt.Sprint("room", r), fmt.Sprint("after", i)) })
		}
		wg.Wait()
	}
	for r := range 5 {
		if n := len(readAll(t, l, fmt.Sprint("room", r))); n != 20 {
			t.Errorf("%d events", n)
		}
	}
}

const cutAll = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`
