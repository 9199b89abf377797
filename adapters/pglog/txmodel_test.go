package pglog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/pglog"
)

// Transactions of an application store rows and messages. They commit, roll back, lose their
// connections, and roll back to savepoints, while members talk in the same rooms. Then the log
// has exactly the messages whose rows were committed, and the members on both servers have seen
// it: all of it, in its order, once.
func TestTransactions(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	c := freshCluster(t)
	migrated(t, c.pool(t))
	c.exec(t, `CREATE TABLE orders (room text, id text, PRIMARY KEY (room, id))`)
	c.exec(t, `ALTER SYSTEM SET deadlock_timeout = '50ms'`)
	c.exec(t, `SELECT pg_reload_conf()`)
	var all []*member
	for i := range 2 {
		_, url := serve(t, c)
		for _, room := range []string{"a", "b"} {
			all = append(all, join(t, room, fmt.Sprint("m", room, i), url))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var shops []*shop
	var wg sync.WaitGroup
	for i := range 5 {
		s := &shop{
			t: t, c: c, l: pglog.New(c.pool(t)), name: fmt.Sprint("order", i), offsets: map[order]uint64{},
			rng: rand.New(rand.NewPCG(rng.Uint64(), 0)),
		}
		shops = append(shops, s)
		wg.Go(func() { s.run(ctx, 30) })
	}
	during(t, all, wg.Wait)

	offsets := map[order]uint64{}
	for _, room := range []string{"a", "b"} {
		var members []*member
		for _, m := range all {
			if m.room == room {
				members = append(members, m)
			}
		}
		agree(t, c, room, members, 0)
		for _, e := range readAll(t, pglog.New(c.pool(t)), room) {
			if e.UserID == "shop" {
				offsets[order{room, e.ID}] = e.Offset
			}
		}
	}
	var rows []string
	c.query(t, &rows, `SELECT coalesce(array_agg(room || ' ' || id), '{}') FROM orders`)
	var logged []string
	for o := range offsets {
		logged = append(logged, o.room+" "+o.id)
	}
	slices.Sort(rows)
	slices.Sort(logged)
	if !slices.Equal(rows, logged) {
		t.Errorf("%d orders and %d messages: %v, %v", len(rows), len(logged), rows, logged)
	}
	certain, undone := 0, 0
	for _, s := range shops {
		for o, offset := range s.offsets {
			certain++
			if offsets[o] != offset {
				t.Errorf("%v was committed with offset %d, and has %d", o, offset, offsets[o])
			}
		}
		for _, o := range s.undone {
			undone++
			if offsets[o] != 0 {
				t.Errorf("%v was rolled back, and is in the log", o)
			}
		}
	}
	if certain < 30 || undone < 20 {
		t.Errorf("only %d orders were committed and %d rolled back", certain, undone)
	}
	t.Logf("%d orders stored, %d rolled back", len(rows), undone)
}
