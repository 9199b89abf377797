package pglog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// kept returns the readable messages of a room, and the offset from which on every entry is
// readable.
func kept(t testing.TB, l *pglog.Log, room string) (messages []chatlog.Event, first uint64) {
	t.Helper()
	m, err := l.Read(t.Context(), room, chatlog.Range{Limit: 10_000, Messages: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Read(t.Context(), room, chatlog.Range{From: 1, Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if m.First > p.First || len(p.Events) > 0 && p.Events[0].Offset != p.First || uint64(len(p.Events)) != p.Position.Offset+1-p.First {
		t.Errorf("%s: messages from %d, %d entries from %d to %d", room, m.First, len(p.Events), p.First, p.Position.Offset)
	}
	return m.Events, p.First
}

// WithKeep keeps its number of messages, however many entries amend them, and the right number
// of amending entries.
func TestKeepMessages(t *testing.T) {
	rng := seed(t)
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema), pglog.WithKeep(20))
	deleted, given, n := map[uint64]bool{}, map[uint64]int{}, 0
	var last uint64
	held := func() []chatlog.Event { m, _ := kept(t, l, "room"); return m }
	for round := range 12 {
		for range 10 {
			n++
			last = mustAppend(t, l, "room", text("u", fmt.Sprint(n), fmt.Sprint(n))).Offset
		}
		some := held()
		for range rng.IntN(60) {
			e := some[rng.IntN(len(some))]
			switch rng.IntN(10) {
			case 0:
				if !deleted[e.Offset] && e.Offset != last {
					deleted[e.Offset] = true
					mustAmend(t, l, "room", remove("u", e.Offset))
				}
			default:
				if !deleted[e.Offset] {
					given[e.Offset]++
					mustAmend(t, l, "room", react(fmt.Sprint("v", given[e.Offset]), e.Offset, ":a:"))
				}
			}
		}
		mustPrune(t, l)
		if round%3 == 2 {
			age(t, schema, time.Hour)
			mustPrune(t, l)
		}
		messages, _ := kept(t, l, "room")
		left := 0
		for _, e := range messages {
			if deleted[e.Offset] {
				t.Errorf("the deleted message %d is read", e.Offset)
			}
			if g := given[e.Offset]; g > 0 && (len(e.Reactions) != 1 || e.Reactions[0].Count != g) || g == 0 && e.Amended != 0 {
				t.Errorf("message %d has the reactions %+v, want %d", e.Offset, e.Reactions, g)
			}
			left++
		}
		if left != min(20, n-len(deleted)) && round > 0 {
			t.Errorf("round %d: %d messages are kept", round, left)
		}
		if e := messages[len(messages)-1]; e.Offset != last {
			t.Errorf("the last message is %d, want %d", e.Offset, last)
		}
	}
	counted(t, schema)
}

// counted checks the numbers of other entries that the rooms store.
func counted(t testing.TB, schema string) {
	t.Helper()
	var wrong int
	shared.query(t, &wrong, `SELECT count(*) FROM `+schema+`.room r WHERE others IS NOT NULL AND (
		others <> last + 1 - first - (SELECT count(*) FROM `+schema+`.event e
			WHERE e.room = r.id AND e."offset" >= first AND e.type IN ('message', 'private')) OR
		recent <> (SELECT count(*) FROM `+schema+`.event e
			WHERE e.room = r.id AND e."offset" >= greatest(first, first_entry) AND e.type NOT IN ('message', 'private')) OR
		counted <> first)`)
	if wrong > 0 {
		t.Errorf("%d rooms have wrong counts", wrong)
	}
}

// WithKeep limits the amending entries too. The messages before the limit stay.
func TestKeepAmendments(t *testing.T) {
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema), pglog.WithKeep(5))
	for i := range 4 {
		mustAppend(t, l, "room", text("u", fmt.Sprint("m", i), "m"))
	}
	for i := range 400 {
		mustAmend(t, l, "room", react(fmt.Sprint("v", i), uint64(i%4)+1, ":a:"))
	}
	mustPrune(t, l)
	messages, first := kept(t, l, "room")
	if len(messages) != 4 || messages[3].Reactions[0].Count != 100 || len(messages[3].Reactions[0].Users) != 50 || first != 404+1-256 {
		t.Errorf("%d messages, entries from %d, %+v", len(messages), first, messages)
	}
	if a, err := l.Amend(t.Context(), "room", withID(edit("u", 1, "new"), "e"), false); err != nil || a.Event.Offset != 405 {
		t.Errorf("%+v, %v", a, err)
	}
	if n := rows(t, schema); n != 405 {
		t.Errorf("%d rows before they are ten minutes old", n)
	}
	age(t, schema, time.Hour)
	mustPrune(t, l)
	mustPrune(t, l)
	if n := rows(t, schema); n != 4+256 {
		t.Errorf("%d rows after ten minutes", n)
	}
	if messages, first := kept(t, l, "room"); len(messages) != 4 || messages[0].Text != "new" || first != 405+1-256 {
		t.Errorf("%d messages, entries from %d", len(messages), first)
	}
	counted(t, schema)
	// When messages are hidden, everything about them is hidden too.
	for i := range 5 {
		mustAppend(t, l, "room", text("u", fmt.Sprint("n", i), "n"))
	}
	age(t, schema, time.Hour)
	mustPrune(t, l)
	mustPrune(t, l)
	var given int
	shared.query(t, &given, `SELECT count(*) FROM `+schema+`.reaction`)
	if messages, first := kept(t, l, "room"); len(messages) != 5 || given != 0 || first != 406+1-256 && first > 406 {
		t.Errorf("%d messages, entries from %d, %d reactions", len(messages), first, given)
	}
	counted(t, schema)
}

func withID(e chatlog.Event, id string) chatlog.Event {
	e.ID = id
	return e
}

// The age limit counts for amending entries as for messages. A server of the previous version
// hides too much here. That makes no later count wrong.
func TestKeepForAmended(t *testing.T) {
	rng := seed(t)
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema), pglog.WithKeepFor(30*time.Minute), pglog.WithKeep(30))
	before := pglog.New(shared.pool(t), pglog.WithSchema(schema), pglog.WithKeep(25))
	if err := pglog.AsVersion4(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	say := func(n int) {
		for range n {
			o := mustAppend(t, l, "room", text("u", "", "m")).Offset
			for r := range rng.IntN(3) {
				mustAmend(t, l, "room", react(fmt.Sprint(r), o, ":a:"))
			}
			if rng.IntN(5) == 0 {
				mustAmend(t, l, "room", remove("u", o))
			}
		}
	}
	say(20)
	age(t, schema, time.Hour)
	say(10)
	mustPrune(t, l)
	messages, first := kept(t, l, "room")
	for _, e := range messages {
		if time.Since(e.Time) > 30*time.Minute {
			t.Errorf("message %d of %v is kept", e.Offset, e.Time)
		}
	}
	if first < 21 || len(messages) == 0 {
		t.Errorf("%d messages, entries from %d", len(messages), first)
	}
	counted(t, schema)
	say(30)
	mustPrune(t, before)
	say(40)
	mustPrune(t, l)
	if messages, _ := kept(t, l, "room"); len(messages) != 30 {
		t.Errorf("%d messages", len(messages))
	}
	counted(t, schema)
	age(t, schema, time.Hour)
	mustPrune(t, l)
	if messages, first := kept(t, l, "room"); len(messages) != 0 || first != position(t, l, "room").Offset+1 {
		t.Errorf("%d messages, entries from %d", len(messages), first)
	}
	if e := mustAppend(t, l, "room", text("u", "", "m")); e.Offset != position(t, l, "room").Offset {
		t.Error("an append after everything was hidden")
	}
	counted(t, schema)
}
