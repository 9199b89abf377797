package pglog_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// beforeStretches makes the tables of an early version 2, which had another index.
func beforeStretches(t testing.TB, c *cluster, l *pglog.Log) {
	t.Helper()
	if err := pglog.MigrateTo(t.Context(), l, 2); err != nil {
		t.Fatal(err)
	}
	c.exec(t, `CREATE INDEX event_public ON chat.event (room, ("offset" + 0)) WHERE type <> 'private'`)
}

// version4 returns a Log that uses the statements of version 4 for events.
func version4(t testing.TB, pool *pgxpool.Pool) *pglog.Log {
	t.Helper()
	l := pglog.New(pool)
	if err := pglog.AsVersion4(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

// The schema of an older version is migrated while its servers write. No append waits for the
// migration. A migration that was cut off leaves invalid indexes, and the next one makes them
// again.
func TestMigrateOnline(t *testing.T) {
	t.Parallel()
	for version, from := range map[int]struct {
		waits string
		left  int // indexes that the next migration makes again
	}{1: {"%INDEX CONCURRENTLY%", 1}, 2: {"%ADD COLUMN%", 0}, 4: {"%ADD COLUMN%", 0}, 5: {"%INDEX CONCURRENTLY%", 1}} {
		t.Run(fmt.Sprint("from ", version), func(t *testing.T) {
			t.Parallel()
			c := freshCluster(t)
			pool := c.pool(t, "pool_max_conns=20")
			l := version4(t, pool)
			if err := pglog.MigrateTo(t.Context(), l, 1); err != nil {
				t.Fatal(err)
			}
			if version == 2 {
				beforeStretches(t, c, l)
			} else if err := pglog.MigrateTo(t.Context(), l, version); err != nil {
				t.Fatal(err)
			}
			for n := range 100 {
				mustAppend(t, l, "room", mixed(n))
			}
			// Another transaction is open. To make an index or to alter the table, a migration
			// must wait for it.
			tx, err := pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(context.Background())
			if _, err := tx.Exec(t.Context(), `UPDATE chat.event SET message = 'n' WHERE "offset" = 1`); err != nil {
				t.Fatal(err)
			}
			waiting := func() bool {
				var n int
				c.query(t, &n, `SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1 AND wait_event_type = 'Lock'`, from.waits)
				return n > 0
			}
			cut, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() { failed <- pglog.New(pool).Migrate(cut) }()
			eventually(t, "the migration waits for the transaction", waiting)
			cancel()
			if err := <-failed; err == nil {
				t.Error("the migration that was cut off reports no error")
			}
			eventually(t, "it has ended", func() bool { return !waiting() })
			var left int
			if c.query(t, &left, `SELECT count(*) FROM pg_index WHERE NOT indisvalid`); left != from.left {
				t.Errorf("the migration left %d invalid indexes, want %d", left, from.left)
			}
			done := make(chan error, 3)
			for range 3 {
				go func() { done <- pglog.New(pool).Migrate(t.Context()) }()
			}
			eventually(t, "the next migration waits for the transaction", waiting)
			for n := range 60 {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				if _, err := l.Append(ctx, "room", mixed(n)); err != nil {
					t.Fatalf("append during the migration: %v", err)
				}
				cancel()
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			migratedWell(t, c, l)
			migratedWell(t, c, pglog.New(pool))
		})
	}
}

// A migration ends while servers write without a pause, and none of their appends fails.
func TestMigrateBusy(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	pool := c.pool(t, "pool_max_conns=20")
	l := version4(t, pool)
	beforeStretches(t, c, l)
	over, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for i := range 8 {
		writing.Go(func() {
			for n := 0; over.Err() == nil; n++ {
				if _, err := l.Append(t.Context(), []string{"room", "other"}[i%2], mixed(n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	eventually(t, "they write", func() bool { return position(t, l, "room").Offset > 50 })
	err := pglog.New(c.pool(t)).Migrate(t.Context())
	cancel()
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	migratedWell(t, c, l)
}

// Rows from before version 3 get their prev_public, in several groups, while other rows are
// written and deleted.
func TestFillRows(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	l := version4(t, c.pool(t))
	beforeStretches(t, c, l)
	for _, room := range []string{"other", "room"} {
		for n := range 20 {
			mustAppend(t, l, room, mixed(n))
		}
	}
	c.exec(t, `INSERT INTO chat.event SELECT r.id, o, r.last_at, CASE WHEN o % 5500 < 10 THEN 'message' ELSE 'private' END, 'u1', 'u', 'u2', '', 'm', ''
		FROM chat.room r, generate_series(r.last + 1, r.last + 6000) o WHERE r.name = 'room'`)
	c.exec(t, `UPDATE chat.room SET last = last + 6000 WHERE name = 'room'`)
	c.exec(t, `DELETE FROM chat.event WHERE "offset" IN (7, 5000, 5020)`)
	if err := pglog.MigrateTo(t.Context(), l, 3); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		mustAppend(t, l, "room", mixed(n))
	}
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var loose int
	c.query(t, &loose, `SELECT count(*) FROM (`+lastPublic+`) e WHERE type = 'private' AND "offset" <= 6000 AND prev_public <> coalesce(public, 0)`)
	if loose > 0 {
		t.Errorf("%d private rows have no prev_public", loose)
	}
	migratedWell(t, c, l)
}

// lastPublic pairs each event with the last public event up to it.
const lastPublic = `SELECT *, max("offset") FILTER (WHERE type <> 'private') OVER (PARTITION BY room ORDER BY "offset") AS public FROM chat.event`

// mixed returns public and private events, in turns and in runs.
func mixed(n int) chatlog.Event {
	e := chatlog.Event{Type: chatlog.TypeMessage, UserID: fmt.Sprint("u", n%3), Username: "u", Text: "m"}
	if n%2 == 1 || n%20 > 10 {
		e.Type, e.To = chatlog.TypePrivate, "u1"
	}
	return e
}

// migratedWell checks the migrated tables, and that each reader sees the right events of the
// room.
func migratedWell(t testing.TB, c *cluster, l *pglog.Log) {
	t.Helper()
	var indexes []string
	var locks, wrong int
	c.query(t, &indexes, `SELECT array_agg(c.relname::text ORDER BY c.relname::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE c.relname LIKE 'event_p%' AND c.relname <> 'event_pkey' AND indisvalid`)
	c.query(t, &locks, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`)
	if want := []string{"event_private_all", "event_private_from", "event_private_run", "event_private_to"}; !slices.Equal(indexes, want) || locks != 0 {
		t.Errorf("the indexes are %v, and %d locks are left", indexes, locks)
	}
	c.query(t, &wrong, `SELECT count(*) FROM (`+lastPublic+`) e WHERE type = 'private' AND (prev_public IS NULL OR prev_public < public)`)
	if wrong > 0 {
		t.Errorf("%d private rows have a wrong prev_public", wrong)
	}
	var all []chatlog.Event
	for from := uint64(1); ; {
		p, err := l.Read(t.Context(), "room", chatlog.Range{From: from, Limit: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Events...)
		if from += uint64(len(p.Events)); !p.More {
			break
		}
	}
	for _, reader := range []string{"u0", "u1", "u2", ""} {
		var want []chatlog.Event
		for _, e := range all {
			if e.VisibleTo(reader) && e.UserID != "" {
				want = append(want, e)
			}
		}
		for _, limit := range []int{1, 10, 10_000} {
			for _, r := range []chatlog.Range{{}, {From: 1}, {From: 13}, {From: 3000}, {Before: 95}, {Before: 5505}} {
				r.Visible, r.Reader, r.Limit = true, reader, limit
				p, err := l.Read(t.Context(), "room", r)
				if err != nil {
					t.Fatal(err)
				}
				part := slices.DeleteFunc(slices.Clone(want), func(e chatlog.Event) bool {
					return e.Offset < r.From || r.Before > 0 && e.Offset >= r.Before
				})
				more := len(part) > limit
				if more && r.From > 0 {
					part = part[:limit]
				} else if more {
					part = part[len(part)-limit:]
				}
				if !slices.EqualFunc(p.Events, part, func(a, b chatlog.Event) bool { return reflect.DeepEqual(a, b) }) || p.More != more {
					t.Errorf("%q sees %d of %+v, more %v, want %d, %v", reader, len(p.Events), r, p.More, len(part), more)
				}
			}
		}
	}
}
