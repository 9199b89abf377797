package pglog_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func mustAmend(t testing.TB, l *pglog.Log, room string, e chatlog.Event) chatlog.Event {
	t.Helper()
	a, err := l.Amend(t.Context(), room, e, false)
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	return a.Event
}

func edit(user string, target uint64, message string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeEdit, UserID: user, Target: target, Text: message}
}

func react(user string, target uint64, reaction string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeReaction, UserID: user, Target: target, Reaction: reaction}
}

func remove(user string, target uint64) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeDelete, UserID: user, Target: target}
}

// found returns the rows of all tables of a schema that contain a text.
func found(t testing.TB, schema, text string) (rows []string) {
	t.Helper()
	var tables []string
	shared.query(t, &tables, `SELECT array_agg(tablename::text) FROM pg_tables WHERE schemaname = $1`, schema)
	if len(tables) < 9 {
		t.Fatalf("the tables are %v", tables)
	}
	for _, table := range tables {
		var some []string
		shared.query(t, &some, `SELECT coalesce(array_agg(x::text), '{}') FROM `+pgx.Identifier{schema, table}.Sanitize()+` x WHERE x::text LIKE '%`+text+`%'`)
		rows = append(rows, some...)
	}
	return rows
}

// When a message is deleted, no table contains anything of it, nor of the entries that amended
// it.
func TestDeleteLeavesNothing(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	for i, to := range []string{"", "v"} {
		room := fmt.Sprint("room", i)
		e := text("u", "id", "secret one")
		e.Data, e.Username = []byte(`{"secret":2}`), "secret name"
		if to != "" {
			e.Type, e.To, e.ToUsername = chatlog.TypePrivate, to, "secret to"
		}
		target := mustAppend(t, l, room, e).Offset
		mustAppend(t, l, room, text("u", "", "stays"))
		for n := range 3 {
			e := edit("u", target, fmt.Sprint("secret edit ", n))
			e.ID, e.Data, e.Username = fmt.Sprint("e", n), []byte(`{"secret":3}`), "secret name"
			mustAmend(t, l, room, e)
			mustAmend(t, l, room, react("v", target, fmt.Sprint("secret", n)))
		}
		if len(found(t, schema, "secret")) < 5 {
			t.Fatal("found does not see the secret before it is deleted")
		}
		mustAmend(t, l, room, remove("u", target))
		if rows := found(t, schema, "secret"); len(rows) > 0 {
			t.Errorf("%s: the rows %q still have the secret", room, rows)
		}
	}
	if len(found(t, schema, "stays")) != 2 {
		t.Error("the other messages are gone")
	}
}

// Much of a room is hidden, and messages were deleted in any order. The work to read a page, and
// to count what is unread, depends on the limit only.
func TestAmendPlans(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	c := freshCluster(t)
	c.exec(t, `ALTER SYSTEM SET autovacuum = off`)
	c.exec(t, `SELECT pg_reload_conf()`)
	pool := c.pool(t, "pool_max_conns=1")
	l := migrated(t, pool)
	const many = 3000
	orders := map[string]func(o []uint64){
		"ascending":  func([]uint64) {},
		"descending": slices.Reverse[[]uint64],
		"random":     func(o []uint64) { rng.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] }) },
	}
	between := map[string]func(room string) []uint64{
		// All messages are deleted, one after the other.
		"messages": func(room string) []uint64 { return fill(t, l, room, many, text("u", "", "m")) },
		// Private messages of other users lie between.
		"private": func(room string) (deleted []uint64) {
			for range many / 50 {
				deleted = append(deleted, fill(t, l, room, 25, text("u", "", "m"))...)
				fill(t, l, room, 25, chatlog.Event{Type: chatlog.TypePrivate, UserID: "u", To: "v"})
			}
			return deleted
		},
		// Reactions lie between.
		"reactions": func(room string) (deleted []uint64) {
			for i := range many / 50 {
				deleted = append(deleted, fill(t, l, room, 25, text("u", "", "m"))...)
				for r := range 25 {
					mustAmend(t, l, room, react(fmt.Sprint("v", i, r), 1, ":a:"))
				}
			}
			return deleted
		},
	}
	var rooms []string
	for what, begin := range between {
		for how, order := range orders {
			room := what + " " + how
			rooms = append(rooms, room)
			fill(t, l, room, 20, text("u", "", "before"))
			deleted := begin(room)
			order(deleted)
			var wg sync.WaitGroup
			for part := range slices.Chunk(deleted, max(len(deleted)/8, 1)) {
				wg.Go(func() {
					for _, o := range part {
						mustAmend(t, l, room, remove("u", o))
					}
				})
			}
			wg.Wait()
			fill(t, l, room, 20, text("u", "", "after"))
		}
	}
	// A window of 25 times the limit, and a few steps.
	check := func() {
		t.Helper()
		before := rowsRead(t, c, pool)
		reads := 0
		for _, room := range rooms {
			for _, r := range []chatlog.Range{
				{Before: 2500}, {From: 200}, {From: 21}, {}, {From: 1}, {Before: 100}, {From: 2000},
			} {
				for _, r.Reader = range []string{"", "w"} {
					r.Limit, r.Messages, r.Visible = 4, true, true
					reads++
					p, err := l.Read(t.Context(), room, r)
					if err != nil {
						t.Fatal(err)
					}
					if len(p.Events) != 4 || strings.HasPrefix(p.Events[0].Text, "m") {
						t.Fatalf("%s %+v: %+v", room, r, p.Events)
					}
				}
			}
		}
		unread, err := l.Unread(t.Context(), "w", rooms)
		if err != nil {
			t.Fatal(err)
		}
		for i, u := range unread {
			reads++
			if u.Unread != 40 {
				t.Errorf("%s: %+v", rooms[i], u)
			}
		}
		n := rowsRead(t, c, pool) - before
		if t.Logf("%d reads read %d rows", reads, n); n < reads || n > 450*reads {
			t.Errorf("%d reads of at most 4 messages read %d rows", reads, n)
		}
	}
	check()
	c.exec(t, `ANALYZE`)
	check()
	var ranges int
	c.query(t, &ranges, `SELECT count(*) FROM chat.hidden`)
	if ranges > 2*len(rooms) {
		t.Errorf("%d ranges of hidden entries in %d rooms", ranges, len(rooms))
	}
}

// fill appends n events concurrently, and returns their offsets in order.
func fill(t testing.TB, l *pglog.Log, room string, n int, e chatlog.Event) []uint64 {
	t.Helper()
	offsets := make([]uint64, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { offsets[i] = mustAppend(t, l, room, e).Offset })
	}
	wg.Wait()
	slices.Sort(offsets)
	return offsets
}

// rowsRead returns how many rows of messages were read. A backend reports that at the latest
// when it ends. A last notice may have opened another connection.
func rowsRead(t testing.TB, c *cluster, pool *pgxpool.Pool) (n int) {
	t.Helper()
	eventually(t, "the connections are gone", func() bool {
		pool.Reset()
		var n int
		c.query(t, &n, `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`)
		return n == 1
	})
	c.query(t, &n, `SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN ('event', 'hidden')) +
		(SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN ('event', 'hidden'))`)
	return n
}
