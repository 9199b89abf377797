package pglog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// The tests cut connections of the database while entries with ids amend messages. Each entry is
// stored exactly once, and Amend returns no error.
func TestAmendAfterCut(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	l := migrated(t, c.pool(t))
	mustAppend(t, l, "room", text("u", "", "m"))
	var offsets sync.Map
	keep := func(id string) {
		retry(t, func(ctx context.Context) error {
			began := time.Now()
			a, err := l.Amend(ctx, "room", withID(react(id, 1, ":a:"), id), false)
			if err != nil && time.Since(began) < time.Second { // Amend tries for this long
				t.Error(err)
			}
			if err == nil {
				if a.Event.Type != chatlog.TypeReaction || a.Event.UserID != id || a.Event.Reaction != ":a:" {
					t.Errorf("stored %+v", a.Event)
				}
				offsets.Store(a.Event.Offset, id)
			}
			return err
		})
	}
	for i := range 8 {
		var wg sync.WaitGroup
		for w := range 10 {
			wg.Go(func() { keep(fmt.Sprint("before ", i, w)) })
		}
		c.exec(t, cutAll)
		for w := range 10 {
			wg.Go(func() { keep(fmt.Sprint("after ", i, w)) })
		}
		wg.Wait()
	}
	all := readAll(t, l, "room")
	checkDense(t, all)
	for _, e := range all[1:] {
		if id, _ := offsets.Load(e.Offset); id != e.ID {
			t.Errorf("entry %d is %s, and was acknowledged as %v", e.Offset, e.ID, id)
		}
	}
	p, err := l.Read(t.Context(), "room", chatlog.Range{Limit: 9, Messages: true})
	if err != nil || len(all) != 161 || p.Events[0].Reactions[0].Count != 160 {
		t.Errorf("%d entries, %+v, %v", len(all), p.Events, err)
	}
}

// A pool has two connections. A hundred amendments of one room use only one of them.
func TestAmendWaits(t *testing.T) {
	t.Parallel()
	c := freshCluster(t)
	pool := c.pool(t, "pool_max_conns=2")
	l := migrated(t, pool)
	mustAppend(t, l, "room", text("u", "", "m"))
	tx, err := c.pool(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), `SELECT FROM chat.room WHERE name = 'room' FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if _, err := l.Amend(t.Context(), "room", react(fmt.Sprint(i), 1, ":a:"), false); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "one amendment waits for the room", func() bool {
		var n int
		c.query(t, &n, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)
		return n == 1
	})
	mustAppend(t, l, "other", text("u", "", "m"))
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if n := len(readAll(t, l, "room")); n != 101 {
		t.Errorf("%d entries", n)
	}
}
