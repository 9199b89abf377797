package pglog_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// A plan made while the tables were empty does not read a room from its start
// when there is much in it.
func TestPlans(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	c.exec(t, `ALTER SYSTEM SET autovacuum = off`)
	c.exec(t, `SELECT pg_reload_conf()`)
	// One connection, so that it has made its plans, and a listener.
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
	// A backend reports what it has read when it ends, at the latest.
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

// The database keeps a plan of each statement that is executed often: planning an append
// takes it longer than carrying it out.
func TestPlansAreKept(t *testing.T) {
	t.Parallel()
	pool := shared.pool(t, "pool_max_conns=1")
	l := migrated(t, pool, pglog.WithSchema(newSchema()))
	for n := range 30 {
		mustAppend(t, l, "room", text("u", fmt.Sprint(n), "m"))
		for _, visible := range []bool{false, true} {
			for _, r := range []chatlog.Range{{Limit: 10}, {From: 5, Limit: 10}} {
				r.Visible, r.Reader = visible, "u"
				if _, err := l.Read(t.Context(), "room", r); err != nil {
					t.Fatal(err)
				}
			}
		}
		position(t, l, "room")
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
			t.Errorf("planned %d times: %s", made, statement)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if n < 11 {
		t.Errorf("%d statements are prepared, want 11", n)
	}
}

// Everything works without prepared statements too, which poolers may want.
func TestQueryModes(t *testing.T) {
	for _, mode := range []string{"simple_protocol", "exec", "describe_exec", "cache_describe"} {
		t.Run(mode, func(t *testing.T) {
			pool, err := pgxpool.New(t.Context(), shared.dsn()+" default_query_exec_mode="+mode)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(pool.Close)
			schema := pglog.WithSchema(newSchema())
			l := migrated(t, pool, schema, pglog.WithKeep(2), pglog.WithKeepFor(time.Hour))
			other := migrated(t, pool, schema)
			opened(t, l)
			heard := opened(t, other, "room")
			var last chatlog.Event
			for i := range 3 {
				last = mustAppend(t, l, "room", text("u'\\\x00", fmt.Sprint(i), "text '\\ \x00"))
			}
			if a, err := l.Append(t.Context(), "room", text("u'\\\x00", "2", "x")); err != nil || !a.Repeated || !reflect.DeepEqual(a.Event, last) {
				t.Errorf("repeated: %+v, %v", a, err)
			}
			eventually(t, "events are pushed", func() bool { return heard.offsets("room")[3] })
			if got := readAll(t, l, "room"); len(got) != 3 || !reflect.DeepEqual(got[2], last) {
				t.Errorf("read %+v", got)
			}
			if !mustEnter(t, l, "A", "room", "u", 1) || mustEnter(t, other, "B", "room", "u", 1) {
				t.Error("first is wrong")
			}
			mustBeat(t, other, "B", time.Nanosecond)
			if held, gone := mustBeat(t, l, "A", time.Minute); !held || len(gone) > 0 {
				t.Errorf("Beat: %v, %v", held, gone)
			}
			if last, err := l.Leave(t.Context(), "A", "room", "u"); err != nil || !last {
				t.Errorf("Leave: %v, %v", last, err)
			}
			if list, err := l.Members(t.Context(), "room", 10); err != nil || list.Total != 0 || len(list.Members) != 0 {
				t.Errorf("Members: %+v, %v", list, err)
			}
			if epoch, err := l.Renew(t.Context(), "room", position(t, l, "room").Epoch); err != nil || epoch != position(t, l, "room").Epoch {
				t.Errorf("Renew: %q, %v", epoch, err)
			}
			mustPrune(t, l)
			if p, err := l.Read(t.Context(), "room", chatlog.Range{From: 1, Limit: 9}); err != nil || p.First != 2 {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}
