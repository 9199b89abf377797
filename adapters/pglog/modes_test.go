package pglog_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Everything also works without prepared statements, which some poolers need.
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
			queryModeAmends(t, l)
			m := chat.Message{UserID: "u'\\\x00", ID: "'\x00", Text: "'\x00", Data: []byte(`{"a":"'"}`)}
			e := mustAppendTx(t, l, pool, "tx", m)
			if again := mustAppendTx(t, l, pool, "tx", m); e.Text != m.Text || !reflect.DeepEqual(again, e) {
				t.Errorf("AppendTx: %+v, %+v", e, again)
			}
		})
	}
}

// queryModeAmends amends a message of a room in all ways, and marks it as read.
func queryModeAmends(t *testing.T, l *pglog.Log) {
	t.Helper()
	room, user := "amended '\\\x00", "u'\\\x00"
	e := text(user, "m", "text")
	e.Data = []byte(`{"a":"'\\\\é"}`)
	e.ReplyTo = 1
	target := mustAppend(t, l, room, e)
	if !reflect.DeepEqual(readAll(t, l, room), []chatlog.Event{target}) {
		t.Errorf("read %+v, not %+v", readAll(t, l, room), target)
	}
	changed := edit(user, 1, "edited '\x00")
	changed.Data = e.Data
	mustAmend(t, l, room, changed)
	mustAmend(t, l, room, react("v\x1e\x1f\x1a", 1, "'\x1f"))
	p, err := l.Read(t.Context(), room, chatlog.Range{Limit: 9, Messages: true, Visible: true})
	if err != nil || len(p.Events) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	got := p.Events[0]
	want := []chatlog.Reaction{{Reaction: "'\x1f", Count: 1, Users: []string{"v\x1e\x1f\x1a"}}}
	if got.Text != changed.Text || string(got.Data) != string(e.Data) || got.Amended != 3 || !reflect.DeepEqual(got.Reactions, want) {
		t.Errorf("read %+v", got)
	}
	if read, raised, err := l.MarkRead(t.Context(), room, "w", 9); read != 3 || !raised || err != nil {
		t.Errorf("MarkRead: %d, %v, %v", read, raised, err)
	}
	if got, err := l.Unread(t.Context(), "v", []string{"none", room}); err != nil || got[1] != (chatlog.Unread{Last: 3, Unread: 1}) {
		t.Errorf("Unread: %+v, %v", got, err)
	}
	for _, want := range []bool{false, true} {
		if wait, err := l.Pace(t.Context(), room, user, "", time.Hour); err != nil || wait > 0 != want || wait > time.Hour {
			t.Errorf("Pace: %v, %v", wait, err)
		}
	}
	mustAmend(t, l, room, remove(user, 1))
	if all := readAll(t, l, room); len(all) != 4 || all[0].UserID != "" || all[0].Text != "" || all[3].Type != chatlog.TypeDelete {
		t.Errorf("read %+v", all)
	}
}
