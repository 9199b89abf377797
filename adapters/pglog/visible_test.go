package pglog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// What the database reads for a page of what one user may see hangs on the page, not
// on what lies between: with plans made while the tables were empty, and with those
// made when much is known of them.
func TestVisiblePlans(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	c.exec(t, `ALTER SYSTEM SET autovacuum = off`)
	c.exec(t, `SELECT pg_reload_conf()`)
	pool := c.pool(t, "pool_max_conns=1")
	l := migrated(t, pool)
	for n := range 10 {
		mustAppend(t, l, "room", text("ann", "", fmt.Sprint(n)))
		mustAppend(t, l, "room", chatlog.Event{Type: chatlog.TypePrivate, User: "bob", Username: "b", To: []string{"bob", "ann"}[n%2], Message: "psst"})
	}
	const many = 20_000
	use := func(l *pglog.Log) {
		t.Helper()
		for range 10 {
			for _, r := range []chatlog.Range{
				{Limit: 10}, {From: 1, Limit: 10}, {From: 15, Limit: 10}, {Before: 20, Limit: 10}, {Before: many / 2, Limit: 10},
				{Before: many / 2, Limit: 10, Reader: "ann"}, {From: 1, Limit: 10, Reader: "bob"}, {Limit: 10, Reader: "bob"}, {Limit: 10, Reader: "eve"},
				{From: 15, Limit: 10, Reader: "made up 7"},
			} {
				r.Visible = true
				if _, err := l.Read(t.Context(), "room", r); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	use(l)
	c.exec(t, `INSERT INTO chat.event SELECT r.id, o, r.last_at, 'private', 'eve', 'u', 'made up ' || o % 5000, '', 'm', ''
		FROM chat.room r, generate_series(r.last + 1, r.last + $1) o WHERE r.name = 'room'`, many)
	c.exec(t, `UPDATE chat.room SET last = last + $1 WHERE name = 'room'`, many)
	use(l)
	c.exec(t, `ANALYZE`)
	use(l)
	pool.Close()
	again := c.pool(t, "pool_max_conns=1")
	use(pglog.New(again))
	again.Close()
	// A backend reports what it has read when it ends, at the latest.
	eventually(t, "the connections are gone", func() bool {
		var n int
		c.query(t, &n, `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`)
		return n == 1
	})
	var read, unused int
	c.query(t, &read, `SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'event') +
		(SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname = 'event')`)
	c.query(t, &unused, `SELECT count(*) FROM pg_stat_user_indexes WHERE indexrelname LIKE 'event_p%' AND indexrelname <> 'event_pkey' AND idx_scan = 0`)
	if t.Logf("%d rows read", read); read < 1000 || read > many {
		t.Errorf("400 reads of at most ten events read %d rows", read)
	}
	if unused > 0 {
		t.Errorf("%d of the indexes were not used", unused)
	}
}

// The schema of the version before is brought up to date while its servers write: no
// append waits for it. What a migration has left that was cut off is made anew.
func TestMigrateOnline(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	pool := c.pool(t, "pool_max_conns=20")
	l := pglog.New(pool)
	if err := pglog.MigrateTo(t.Context(), l, 1); err != nil {
		t.Fatal(err)
	}
	for n := range 100 {
		mustAppend(t, l, "room", chatlog.Event{Type: []string{chatlog.TypeMessage, chatlog.TypePrivate}[n%2], User: fmt.Sprint("u", n%3), Username: "u", To: "u1", Message: "m"})
	}
	// Somebody's transaction is under way, which whoever makes an index waits for.
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), `UPDATE chat.event SET message = 'n' WHERE "offset" = 1`); err != nil {
		t.Fatal(err)
	}
	building := func() bool {
		var n int
		c.query(t, &n, `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'`)
		return n > 0
	}
	cut, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- pglog.New(pool).Migrate(cut) }()
	eventually(t, "a migration waits for the transaction", building)
	cancel()
	if err := <-failed; err == nil {
		t.Error("a migration that was cut off reports no error")
	}
	eventually(t, "it has ended", func() bool { return !building() })
	var left int
	if c.query(t, &left, `SELECT count(*) FROM pg_index WHERE NOT indisvalid`); left != 1 {
		t.Errorf("it has left %d indexes, and this test wants one", left)
	}
	done := make(chan error, 3)
	for range 3 {
		go func() { done <- pglog.New(pool).Migrate(t.Context()) }()
	}
	eventually(t, "another one waits for it", building)
	for n := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if _, _, _, err := l.Append(ctx, "room", text("u", fmt.Sprint(n), "meanwhile")); err != nil {
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
	var valid, locks int
	c.query(t, &valid, `SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname IN ('event_public', 'event_private_from', 'event_private_to') AND indisvalid`)
	c.query(t, &locks, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`)
	if valid != 3 || locks != 0 {
		t.Errorf("%d of 3 indexes, and %d locks are left", valid, locks)
	}
	all := readAll(t, l, "room")
	for _, reader := range []string{"u0", "u1", "u2", ""} {
		p, err := l.Read(t.Context(), "room", chatlog.Range{Visible: true, Reader: reader, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range all {
			if e.VisibleTo(reader) && n < len(p.Events) && p.Events[n] == e {
				n++
			} else if e.VisibleTo(reader) {
				t.Fatalf("%q does not see %+v", reader, e)
			}
		}
		if n != len(p.Events) {
			t.Errorf("%q sees %d events, want %d", reader, len(p.Events), n)
		}
	}
}
