package pglog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// rows returns how many events of all rooms the table holds.
func rows(t testing.TB, schema string) (n int) {
	t.Helper()
	shared.query(t, &n, `SELECT count(*) FROM `+schema+`.event`)
	return n
}

func mustPrune(t testing.TB, l *pglog.Log) {
	t.Helper()
	if err := pglog.PruneStep(t.Context(), l); err != nil {
		t.Fatal(err)
	}
}

// age makes all stored events older.
func age(t testing.TB, schema string, d time.Duration) {
	shared.exec(t, `UPDATE `+schema+`.event SET at = at - $1::interval`, d)
}

// WithKeep keeps the newest events of each room. The others are hidden immediately. Their rows
// are deleted when their ids need not be known.
func TestKeep(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema), pglog.WithKeep(5))
	for i := range 20 {
		mustAppend(t, l, "long", text("u", fmt.Sprint(i+1), "m"))
	}
	mustAppend(t, l, "short", text("u", "1", "m"))
	mustPrune(t, l)
	p, err := l.Read(t.Context(), "long", chatlog.Range{From: 1, Limit: 100})
	if err != nil || p.First != 16 || len(p.Events) != 5 || p.Events[0].Offset != 16 || p.Position.Offset != 20 || p.More {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := l.Read(t.Context(), "long", chatlog.Range{Before: 18, Limit: 100}); err != nil || len(p.Events) != 2 || p.More {
		t.Errorf("before 18: %+v, %v", p, err)
	}
	if p, err := l.Read(t.Context(), "long", chatlog.Range{Before: 5, Limit: 100}); err != nil || len(p.Events) != 0 || p.More {
		t.Errorf("before 5: %+v, %v", p, err)
	}
	if a, err := l.Append(t.Context(), "long", text("u", "1", "m")); err != nil || !a.Repeated || a.Event.Offset != 1 {
		t.Errorf("the first id, repeated: %+v, %v", a, err)
	}
	if n := rows(t, schema); n != 21 {
		t.Errorf("%d rows before they are ten minutes old", n)
	}
	age(t, schema, time.Hour)
	mustPrune(t, l)
	if n := rows(t, schema); n != 6 {
		t.Errorf("%d rows after ten minutes", n)
	}
	if e := mustAppend(t, l, "long", text("u", "1", "m")); e.Offset != 21 {
		t.Errorf("a repeated id that was deleted: offset %d", e.Offset)
	}
}

// Events older than the limit are deleted, and a room may become empty.
func TestKeepFor(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema), pglog.WithKeepFor(30*time.Minute))
	for i := range 10 {
		mustAppend(t, l, "a", text("u", fmt.Sprint(i), "m"))
		mustAppend(t, l, "b", text("u", fmt.Sprint(i), "m"))
	}
	age(t, schema, time.Hour)
	mustAppend(t, l, "b", text("u", "new", "m"))
	mustPrune(t, l)
	for room, first := range map[string]uint64{"a": 11, "b": 11} {
		p, err := l.Read(t.Context(), room, chatlog.Range{Limit: 100})
		if err != nil || p.First != first || uint64(len(p.Events)) != p.Position.Offset+1-first {
			t.Errorf("%s: %+v, %v", room, p, err)
		}
	}
	if n := rows(t, schema); n != 1 {
		t.Errorf("%d rows", n)
	}
	if e := mustAppend(t, l, "a", text("u", "next", "m")); e.Offset != 11 {
		t.Errorf("offset %d in the emptied room", e.Offset)
	}
}

// Calls of Beat work off a backlog of many rooms and of a long one step by step.
func TestKeepBacklog(t *testing.T) {
	schema := newSchema()
	shut := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	mustAppend(t, shut, "long", text("u", "", "m"))
	shared.exec(t, `INSERT INTO `+schema+`.room (name, epoch) SELECT 'r' || i, 'e' FROM generate_series(1, 1200) i`)
	shared.exec(t, `UPDATE `+schema+`.room SET last = CASE name WHEN 'long' THEN 30000 ELSE 9 END WHERE name <> chr(26)`)
	// All events of each room are old except the last one, and except the last ten of the long
	// room.
	shared.exec(t, `INSERT INTO `+schema+`.event
		SELECT r.id, o, now() - CASE WHEN o = last OR o > 29990 THEN interval '0' ELSE interval '1 day' END, 'message', 'u', 'u', '', '', 'm', ''
		FROM `+schema+`.room r, generate_series(1, last) o ON CONFLICT DO NOTHING`)
	shared.exec(t, `UPDATE `+schema+`.event SET at = now() - interval '1 day' WHERE "offset" = 1`)
	for _, row := range []struct {
		option pglog.Option
		first  uint64 // of the long room
	}{
		{pglog.WithKeepFor(time.Hour), 29991},
		{pglog.WithKeep(1), 30000}, // the rows stay while their ids are known
	} {
		l := migrated(t, shared.pool(t), pglog.WithSchema(schema), row.option)
		r := opened(t, l)
		eventually(t, "the table is small", func() bool {
			mustBeat(t, l, "A", time.Minute)
			p, err := shut.Read(t.Context(), "long", chatlog.Range{Limit: 100})
			return err == nil && p.First == row.first && rows(t, schema) == 1200+10
		})
		l.Close(r)
	}
}
