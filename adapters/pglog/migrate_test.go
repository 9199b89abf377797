package pglog_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Any number of servers may migrate concurrently, and repeatedly.
func TestMigrateConcurrently(t *testing.T) {
	schema := pglog.WithSchema("odd \"name\"; --" + newSchema())
	pool := shared.pool(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := pglog.New(pool, schema).Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	l := migrated(t, pool, schema)
	mustAppend(t, l, "room", text("u", "1", "m"))
	if err := l.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if e := mustAppend(t, l, "room", text("u", "2", "m")); e.Offset != 2 {
		t.Errorf("offset %d after migrating again", e.Offset)
	}
}

// Two schemas share nothing.
func TestSchemas(t *testing.T) {
	a, b := newLog(t), newLog(t)
	heard := opened(t, b, "room")
	opened(t, a)
	mustAppend(t, a, "room", text("u", "1", "m"))
	if err := a.Signal(t.Context(), "room", chatlog.Event{Type: chatlog.TypeTyping, UserID: "u"}); err != nil {
		t.Fatal(err)
	}
	if e := mustAppend(t, b, "room", text("u", "2", "m")); e.Offset != 1 {
		t.Errorf("offset %d", e.Offset)
	}
	eventually(t, "the event of its own schema is pushed", func() bool { return len(heard.all()) > 0 })
	if got := heard.all(); len(got) != 1 || got[0].Event.ID != "2" {
		t.Errorf("pushed: %+v", got)
	}
}

func TestNotMigrated(t *testing.T) {
	l := pglog.New(shared.pool(t), pglog.WithSchema(newSchema()))
	if err := l.Open(t.Context(), &recorder{}); err == nil || !strings.Contains(err.Error(), "Migrate") {
		t.Errorf("Open: %v", err)
	}
	if _, err := l.Append(t.Context(), "room", text("u", "1", "m")); err == nil || !strings.Contains(err.Error(), "Migrate") {
		t.Errorf("Append: %v", err)
	}
}

func TestWrongEncoding(t *testing.T) {
	shared.exec(t, `DROP DATABASE IF EXISTS latin`)
	shared.exec(t, `CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)
	pool, err := pgxpool.New(t.Context(), strings.Replace(shared.dsn(), "dbname=postgres", "dbname=latin", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := pglog.New(pool).Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("Migrate: %v", err)
	}
}

// The rights in the README are enough to run a server, if another user has made the schema.
func TestRights(t *testing.T) {
	schema := newSchema()
	migrated(t, shared.pool(t), pglog.WithSchema(schema))
	role := "role_" + schema
	shared.exec(t, `CREATE ROLE `+role+` LOGIN`)
	shared.exec(t, `GRANT USAGE ON SCHEMA `+schema+` TO `+role)
	shared.exec(t, `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA `+schema+` TO `+role)
	pool, err := pgxpool.New(t.Context(), strings.Replace(shared.dsn(), "user=postgres", "user="+role, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	l := migrated(t, pool, pglog.WithSchema(schema), pglog.WithKeep(1))
	heard := opened(t, l, "room")
	private := text("u", "1", "m")
	private.Type, private.To = chatlog.TypePrivate, "v"
	mustAppend(t, l, "room", private)
	mustAppend(t, l, "room", text("u", "2", "m"))
	if _, err := l.Enter(t.Context(), "s", "room", chatlog.Member{UserID: "u", Username: "U", Connections: 1}); err != nil {
		t.Error(err)
	}
	if _, err := l.Beat(t.Context(), "s", 1); err != nil {
		t.Error(err)
	}
	if p, err := l.Beat(t.Context(), "t", 1); err != nil || !p.Held {
		t.Error(p, err)
	}
	if err := pglog.PruneStep(t.Context(), l); err != nil {
		t.Error(err)
	}
	if err := l.Signal(t.Context(), "room", chatlog.Event{Type: chatlog.TypeTyping}); err != nil {
		t.Error(err)
	}
	queryModeAmends(t, l)
	mustAppendTx(t, l, pool, "tx", chat.Message{Text: "m"})
	if _, err := pool.Exec(t.Context(), `SELECT `+schema+`.append('tx', 'm')`); err != nil {
		t.Error(err)
	}
	p, err := l.Read(t.Context(), "room", chatlog.Range{Limit: 10})
	if err != nil || len(p.Events) != 1 || p.First != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	if epoch, err := l.Renew(t.Context(), "room", p.Position.Epoch); err != nil || epoch == p.Position.Epoch {
		t.Errorf("Renew: %q, %v", epoch, err)
	}
	eventually(t, "events are pushed", func() bool { return len(heard.all()) == 3 })
}
