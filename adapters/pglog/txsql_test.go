package pglog_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// The function append refuses what AppendTx refuses.
func TestAppendInSQLRefuses(t *testing.T) {
	t.Parallel()
	schema := newSchema()
	pool := shared.pool(t)
	l := migrated(t, pool, pglog.WithSchema(schema))
	var offset uint64
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for name, args := range map[string]string{
		"no room":        `'', 'm'`,
		"NULL room":      `NULL, 'm'`,
		"long room":      `repeat('x', 300), 'm'`,
		"no text":        `'room', ''`,
		"NULL text":      `'room', NULL`,
		"blank":          `'room', E' \n'`,
		"long text":      `'room', repeat('x', 131073)`,
		"long id":        `'room', 'm', id => repeat('x', 65)`,
		"long user":      `'room', 'm', repeat('x', 129)`,
		"data no object": `'room', 'm', data => '[]'`,
		"JSON null":      `'room', 'm', data => 'null'`,
		"deep data":      `'room', 'm', data => '` + deep(33) + `'`,
		"deep list":      `'room', 'm', data => '{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}'`,
		"a reply":        `'room', 'm', reply_to => 1`,
		"a reply below":  `'room', 'm', reply_to => -1`,
	} {
		err := pool.QueryRow(t.Context(), `SELECT `+schema+`.append(`+args+`)`).Scan(&offset)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "22023" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, args := range []string{
		`'room', 'm'`,
		`'room', E'<\x1a>', 'u', 'U', 'i', 'v', '{"a": "<\u2028"}', 1`,
		`'room', NULL, data => '` + deep(32) + `'`,
		`'room', E'again', 'u', id => 'i'`,
		`'room', 'm', NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
	} {
		shared.exec(t, `SELECT `+schema+`.append(`+args+`)`)
	}
	got := readAll(t, l, "room")
	if len(got) != 4 || got[0].Username != "Anonymous" || got[1].Text != "<\x1a>" || got[1].Type != chatlog.TypePrivate || got[1].To != "v" ||
		string(got[1].Data) != `{"a": "\u003c\u2028"}` || got[1].ReplyTo != 1 || string(got[2].Data) == "" {
		t.Errorf("stored %+v", got)
	}
}
