package pglog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// A plan that was made while the tables were empty does not read a large room from its start.
func TestPlans(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	c.exec(t, `ALTER SYSTEM SET autovacuum = off`)
	c.exec(t, `SELECT pg_reload_conf()`)
	// Each pool has one connection, so all its plans are made on the first uses.
	pool, elsewhere := c.pool(t, "pool_max_conns=1"), c.pool(t, "pool_max_conns=1")
	l, other := migrated(t, pool), migrated(t, elsewhere)
	heardBy := opened(t, l)
	heard := opened(t, other, "room")
	n := 0
	use := func() {
		for range 10 {
			var e chatlog.Event
			say := func() {
				n++
				e = mustAppend(t, l, "room", text("u", fmt.Sprint(n), "m"))
			}
			say()
			eventuallyTold(t, "it is pushed", say, func() bool { return heard.offsets("room")[e.Offset] })
			position(t, l, "room")
			for _, r := range []chatlog.Range{{Limit: 10}, {From: e.Offset, Limit: 10}, {Before: e.Offset, Limit: 10}} {
				if _, err := l.Read(t.Context(), "room", r); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	use()
	const many = 20_000
	c.exec(t, `INSERT INTO chat.event SELECT r.id, o, r.last_at, 'message', 'u', 'u', '', '', 'm', 'x' || o
		FROM chat.room r, generate_series(r.last + 1, r.last + $1) o WHERE r.name = 'room'`, many)
	c.exec(t, `UPDATE chat.room SET last = last + $1 WHERE name = 'room'`, many)
	use()
	l.Close(heardBy)
	other.Close(heard)
	pool.Close()
	elsewhere.Close()
	// A backend reports its reads at the latest when it ends.
	eventually(t, "the connections are gone", func() bool {
		var n int
		c.query(t, &n, `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`)
		return n == 1
	})
	var read int
	c.query(t, &read, `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables WHERE relname IN ('room', 'event')`)
	if t.Logf("%d rows read", read); read < 100 || read > many/4 {
		t.Errorf("20 appends and 60 reads of at most ten events read %d rows", read)
	}
}

// The database keeps a plan of each statement that is executed often. Planning an append would
// take longer than executing it.
func TestPlansAreKept(t *testing.T) {
	t.Parallel()
	pool := shared.pool(t, "pool_max_conns=1")
	l := migrated(t, pool, pglog.WithSchema(newSchema()))
	for n := range 30 {
		target := mustAppend(t, l, "room", text("u", fmt.Sprint(n), "m")).Offset
		mustAmend(t, l, "room", withID(edit("u", target, "edited"), fmt.Sprint("e", n)))
		for _, some := range []chatlog.Range{{}, {Visible: true}, {Messages: true}, {Visible: true, Messages: true}} {
			for _, r := range []chatlog.Range{{Limit: 10}, {From: 5, Limit: 10}} {
				r.Visible, r.Messages, r.Reader = some.Visible, some.Messages, "u"
				if _, err := l.Read(t.Context(), "room", r); err != nil {
					t.Fatal(err)
				}
			}
		}
		position(t, l, "room")
		if _, _, err := l.MarkRead(t.Context(), "room", "u", uint64(n)+1); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Unread(t.Context(), "v", []string{"room", "other"}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Pace(t.Context(), "room", "u", "", time.Microsecond); err != nil {
			t.Fatal(err)
		}
		mustEnter(t, l, "A", "room", "u", 1)
		if _, err := l.Lookup(t.Context(), "room", "u", "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Versions(t.Context(), []string{"room"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := l.Present(t.Context(), "room", "u"); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Leave(t.Context(), "A", "room", "u"); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := pool.Query(t.Context(), `SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements WHERE generic_plans + custom_plans >= 30`)
	if err != nil {
		t.Fatal(err)
	}
	var statement string
	var kept, made, n int
	if _, err := pgx.ForEachRow(rows, []any{&statement, &kept, &made}, func() error {
		if n++; kept == 0 {
			t.Errorf("the database made a new plan %d times: %s", made, statement)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n < 19 {
		t.Errorf("%d statements are prepared, want 19", n)
	}
}
