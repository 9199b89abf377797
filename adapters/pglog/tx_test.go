package pglog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// mustAppendTx appends a message in a transaction of its own.
func mustAppendTx(t testing.TB, l *pglog.Log, tx pglog.Tx, room string, m chat.Message) chatlog.Event {
	t.Helper()
	e, err := l.AppendTx(t.Context(), tx, room, m)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// begin begins a transaction that ends with the test.
func begin(t testing.TB, options ...pgx.TxOptions) pgx.Tx {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), shared.dsn())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	tx, err := conn.BeginTx(t.Context(), append(options, pgx.TxOptions{})[0])
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func mustCommit(t testing.TB, tx pgx.Tx) {
	t.Helper()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A message in a transaction is told to every server after the commit, and to nobody before it.
// What was rolled back is never told.
func TestAppendTxIsTold(t *testing.T) {
	t.Parallel()
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	other := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	recorders := []*recorder{opened(t, l, "room"), opened(t, other, "room")}

	gone := begin(t)
	mustAppendTx(t, l, gone, "room", chat.Message{Text: "gone"})
	if err := gone.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	tx := begin(t)
	for _, text := range []string{"1", "2"} {
		mustAppendTx(t, l, tx, "room", chat.Message{UserID: "u", Text: text})
	}
	if p := position(t, other, "room"); p.Offset != 0 {
		t.Errorf("before the commit the position is %+v", p)
	}
	mustCommit(t, tx)
	inSQL := begin(t)
	if _, err := inSQL.Exec(t.Context(), `SELECT `+schema+`.append('room', '3')`); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, inSQL)
	for _, r := range recorders {
		eventually(t, "all are pushed", func() bool { o := r.offsets("room"); return o[1] && o[2] && o[3] })
		for _, p := range r.all() {
			if p.Event.Type != "" && p.Event.Text != fmt.Sprint(p.Event.Offset) {
				t.Errorf("pushed %+v", p.Event)
			}
		}
	}
}

// Whatever a message contains is stored as Publish would store it, and returned so.
func TestAppendTxContent(t *testing.T) {
	t.Parallel()
	schema := newSchema()
	l := migrated(t, shared.pool(t), pglog.WithSchema(schema))
	room := "r\x00\x1a'\\"
	mustEnter(t, l, "A", room, "v\x00", 1)
	tx := begin(t)
	var want []chatlog.Event
	for _, m := range []chat.Message{
		{Text: "plain"},
		{UserID: "u\x00", Username: "U\x1a", Text: "a\x00b'\\\x1a", ID: "i\x00", Data: json.RawMessage(` {"a" : "<\u0000"} `), ReplyTo: 1},
		{UserID: "u", Username: "U", To: "v\x00", Text: "private"},
		{UserID: "u", Username: "U", To: "absent", Data: json.RawMessage(`{}`)},
		{Text: strings.Repeat("x", 128<<10)},
	} {
		e := mustAppendTx(t, l, tx, room, m)
		if e.Offset != uint64(len(want)+1) || e.Text != m.Text || e.To != m.To || e.ReplyTo != m.ReplyTo || e.ID != m.ID {
			t.Errorf("AppendTx of %+v returned %+v", m, e)
		}
		want = append(want, e)
	}
	mustCommit(t, tx)
	if got := readAll(t, l, room); !cmp.Equal(got, want) {
		t.Errorf("stored (-want +got):\n%s", cmp.Diff(want, got))
	}
	want[4].Text = "" // is long
	if want[0].Username != "Anonymous" || string(want[1].Data) != `{"a":"\u003c\u0000"}` || want[2].ToUsername != "name of v\x00" || want[3].ToUsername != "absent" {
		t.Errorf("stored %+v", want)
	}
	// The transaction has ended, so the first message comes from the tables.
	again := begin(t)
	if e := mustAppendTx(t, l, again, room, chat.Message{UserID: "u\x00", ID: "i\x00", Text: "other"}); !cmp.Equal(e, want[1]) {
		t.Errorf("repeated (-want +got):\n%s", cmp.Diff(want[1], e))
	}
}

// A message that is refused leaves the transaction as it was.
func TestAppendTxRefuses(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	mustAppend(t, l, "room", text("u", "", "m"))
	tx := begin(t)
	long := strings.Repeat("x", 3000)
	for name, c := range map[string]struct {
		room string
		m    chat.Message
		want error
	}{
		"no room":        {"", chat.Message{Text: "m"}, chat.ErrBadName},
		"long room":      {long, chat.Message{Text: "m"}, chat.ErrBadMessage},
		"room not UTF-8": {"\xff", chat.Message{Text: "m"}, chat.ErrBadMessage},
		"no text":        {"room", chat.Message{}, chat.ErrBadMessage},
		"blank":          {"room", chat.Message{Text: " \u200b\n"}, chat.ErrBadMessage},
		"not UTF-8":      {"room", chat.Message{Text: "\xff"}, chat.ErrBadMessage},
		"long text":      {"room", chat.Message{Text: strings.Repeat("x", 128<<10+1)}, chat.ErrBadMessage},
		"long id":        {"room", chat.Message{Text: "m", ID: strings.Repeat("x", 65)}, chat.ErrBadMessage},
		"long user":      {"room", chat.Message{Text: "m", UserID: strings.Repeat("x", 129)}, chat.ErrBadMessage},
		"long receiver":  {"room", chat.Message{Text: "m", To: long}, chat.ErrBadMessage},
		"data no JSON":   {"room", chat.Message{Data: json.RawMessage(`{`)}, chat.ErrBadMessage},
		"data no object": {"room", chat.Message{Data: json.RawMessage(`[]`)}, chat.ErrBadMessage},
		"a reply":        {"room", chat.Message{Text: "m", ReplyTo: 2}, chat.ErrBadMessage},
		"a far reply":    {"room", chat.Message{Text: "m", ReplyTo: 1 << 63}, chat.ErrBadMessage},
	} {
		if _, err := l.AppendTx(t.Context(), tx, c.room, c.m); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if e := mustAppendTx(t, l, tx, "room", chat.Message{Text: "m", ReplyTo: 1}); e.Offset != 2 {
		t.Errorf("the offset is %d", e.Offset)
	}
	mustCommit(t, tx)
}

// Two transactions with one id: the second waits, and gets the message of the first. If the first
// is rolled back, the second stores its own.
func TestAppendTxSameID(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	for _, commit := range []bool{false, true} {
		first, second := begin(t), begin(t)
		room := fmt.Sprint(commit)
		mustAppendTx(t, l, first, room, chat.Message{UserID: "u", ID: "i", Text: "first"})
		got := make(chan chatlog.Event)
		go func() {
			e, err := l.AppendTx(context.Background(), second, room, chat.Message{UserID: "u", ID: "i", Text: "second"})
			if err != nil {
				t.Error(err)
			}
			got <- e
		}()
		eventually(t, "the second waits", func() (waits bool) {
			shared.query(t, &waits, `SELECT count(*) > 0 FROM pg_locks WHERE pid = $1 AND NOT granted`, int(second.Conn().PgConn().PID()))
			return waits
		})
		want := "first"
		if commit {
			mustCommit(t, first)
		} else {
			want = "second"
			if err := first.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if e := <-got; e.Offset != 1 || e.Text != want {
			t.Errorf("the second got %+v", e)
		}
		mustCommit(t, second)
		if all := readAll(t, l, room); len(all) != 1 || all[0].Text != want {
			t.Errorf("stored %+v", all)
		}
	}
}

// With stricter isolation, AppendTx fails with a serialization failure if somebody else has
// written to the room since the transaction began, or has created it.
func TestAppendTxIsolation(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		for _, exists := range []bool{true, false} {
			room := fmt.Sprint(level, exists)
			if exists {
				mustAppend(t, l, room, text("u", "", "m"))
			}
			tx := begin(t, pgx.TxOptions{IsoLevel: level})
			if _, err := tx.Exec(t.Context(), `SELECT 1`); err != nil {
				t.Fatal(err)
			}
			mustAppend(t, l, room, text("u", "i", "m"))
			_, err := l.AppendTx(t.Context(), tx, room, chat.Message{UserID: "u", ID: "i", Text: "m"})
			var refused *pgconn.PgError
			if !errors.As(err, &refused) || refused.Code != "40001" {
				t.Errorf("%s: %v", room, err)
			}
			if err := tx.Rollback(t.Context()); err != nil {
				t.Error(err)
			}
			tx = begin(t, pgx.TxOptions{IsoLevel: level})
			mustAppendTx(t, l, tx, room, chat.Message{Text: "m"})
			mustCommit(t, tx)
		}
	}
}

// AppendTx needs only the transaction: it works while the pool has no free connection, and with a
// Log that was never used.
func TestAppendTxAlone(t *testing.T) {
	t.Parallel()
	schema := pglog.WithSchema(newSchema())
	migrated(t, shared.pool(t), schema)
	pool := shared.pool(t, "pool_max_conns=1")
	l := pglog.New(pool, schema)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustAppendTx(t, l, tx, "room", chat.Message{Text: "m"})
	mustCommit(t, tx)
	if all := readAll(t, l, "room"); len(all) != 1 {
		t.Errorf("stored %+v", all)
	}
	_, err = pglog.New(pool, pglog.WithSchema(newSchema())).AppendTx(t.Context(), pool, "room", chat.Message{Text: "m"})
	if err == nil || !strings.Contains(err.Error(), "Migrate") {
		t.Errorf("without tables: %v", err)
	}
}
