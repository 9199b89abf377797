package pglog_test

import (
	"fmt"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// The work to read a page of the events that one user may see depends on the page only, not on
// the hidden events between. That is so with plans from empty tables, and with plans from tables
// with statistics.
func TestVisiblePlans(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	c.exec(t, `ALTER SYSTEM SET autovacuum = off`)
	c.exec(t, `SELECT pg_reload_conf()`)
	pool := c.pool(t, "pool_max_conns=1")
	l := migrated(t, pool)
	for n := range 10 {
		mustAppend(t, l, "room", text("ann", "", fmt.Sprint(n)))
		mustAppend(t, l, "room", chatlog.Event{Type: chatlog.TypePrivate, UserID: "bob", Username: "b", To: []string{"bob", "ann"}[n%2], Text: "psst"})
	}
	const many, run = 100_000, 500 // private messages; one message in each run is public
	reads := 0
	use := func(l *pglog.Log) {
		t.Helper()
		for range 10 {
			for _, r := range []chatlog.Range{
				{Limit: 10}, {From: 1, Limit: 10}, {From: 15, Limit: 10}, {From: many / 2, Limit: 10}, {Before: 20, Limit: 10}, {Before: many / 2, Limit: 10},
				{Before: many / 2, Limit: 10, Reader: "ann"}, {From: 1, Limit: 10, Reader: "bob"}, {Limit: 10, Reader: "bob"}, {Limit: 10, Reader: "eve"},
				{From: 15, Limit: 10, Reader: "made up 7"},
			} {
				for _, some := range []chatlog.Range{{Visible: true}, {Messages: true}, {Visible: true, Messages: true}} {
					reads++
					r.Visible, r.Messages = some.Visible, some.Messages
					if _, err := l.Read(t.Context(), "room", r); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	use(l)
	c.exec(t, `INSERT INTO chat.event SELECT r.id, o, r.last_at, CASE o % $2 WHEN 0 THEN 'message' ELSE 'private' END, 'eve', 'u', 'made up ' || o % 5000, '', 'm', ''
		FROM chat.room r, generate_series(r.last + 1, r.last + $1) o WHERE r.name = 'room'`, many, run)
	c.exec(t, `UPDATE chat.room SET last = last + $1 WHERE name = 'room'`, many)
	use(l)
	c.exec(t, `ANALYZE`)
	use(l)
	pool.Close()
	again := c.pool(t, "pool_max_conns=1")
	use(pglog.New(again))
	again.Close()
	// A backend reports its reads at the latest when it ends.
	eventually(t, "the connections are gone", func() bool {
		var n int
		c.query(t, &n, `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`)
		return n == 1
	})
	var read, unused int
	c.query(t, &read, `SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'event') +
		(SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname = 'event')`)
	c.query(t, &unused, `SELECT count(*) FROM pg_stat_user_indexes WHERE indexrelname LIKE 'event_%' AND indexrelname <> 'event_client_id' AND idx_scan = 0`)
	read -= many // the trigger reads one row for each insert
	// Eleven events and a window of 275 rows, twice, and the rows that lead to the next public
	// ones.
	if t.Logf("%d rows read", read); read < 2*reads || read > 400*reads {
		t.Errorf("%d reads of at most ten events read %d rows", reads, read)
	}
	if unused > 0 {
		t.Errorf("%d of the indexes were not used", unused)
	}
}
