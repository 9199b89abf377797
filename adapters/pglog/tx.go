package pglog

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/server"
)

// The largest text and data of AppendTx, in bytes. A server with default options can deliver
// messages of this size (chat.WithMaxLag). The function append has the same limits
// (migrations/0007.sql).
const (
	maxTxText = 128 << 10
	maxTxData = 64 << 10
)

// The results of the database's function append_in.
const (
	txStored = iota
	txRepeated
	txNoReply
)

// txRules checks the messages of AppendTx.
var txRules = rules.New(rules.Config{
	DefaultName: server.Defaults().DefaultName,
	Sizes:       request.Sizes{Text: maxTxText, Data: maxTxData},
})

// A Tx is a transaction of the application. A [pgx.Tx] is a Tx. [SQLTx] makes one of a transaction
// of database/sql.
type Tx interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// SQLTx returns a Tx that uses tx, for example a [sql.Tx] with any driver for PostgreSQL.
func SQLTx(tx interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) Tx {
	return sqlTx{tx.QueryRowContext}
}

type sqlTx struct {
	queryRow func(ctx context.Context, query string, args ...any) *sql.Row
}

func (tx sqlTx) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	return tx.queryRow(ctx, query, args...)
}

// AppendTx appends a message to room in a transaction of the application, on the database of the
// Log. The message is stored if the transaction commits, and otherwise nothing is. Members on all
// servers get it right after the commit, in its order. If this process ends at that moment, they
// get it about a second later. AppendTx returns the message as the log will hold it. Its Offset
// and Time are final only after the commit. If the user has already stored a message with m.ID,
// AppendTx stores nothing, and returns that one.
//
// m is as for [chat.Server.Publish], with these differences. No hook and no rule of a server is
// used. So room must be written as the servers' room rule returns it (see [chat.CleanRoom]). The
// text may have 128 KiB and the data 64 KiB. A message may be for a user whom no server knows. An
// empty Username is stored as "Anonymous". [chat.ErrBadName] and [chat.ErrBadMessage] are errors
// that leave the transaction as it was. After any other error it can only be rolled back, also
// to a savepoint.
//
// From the call until its transaction ends, the transaction holds the lock of the room's row.
// Everybody who writes to the room waits for it, at most until the server's log timeout. So call
// AppendTx last, and commit immediately. AppendTx itself waits for other transactions; ctx and the
// database's lock_timeout limit this. To avoid deadlocks, transactions that append to several
// rooms do so in the order of their names ([sort.Strings]). With the isolation levels repeatable
// read and serializable, AppendTx or the commit often fails with SQLSTATE 40001, because somebody
// else has written to the room. Then the application must try the transaction again, as with
// these levels it must always. Read committed, the default level, does not have this error.
func (l *Log) AppendTx(ctx context.Context, tx Tx, room string, m chat.Message) (chatlog.Event, error) {
	if room == "" {
		return chatlog.Event{}, fmt.Errorf("%w: the room's name is empty", chat.ErrBadName)
	}
	e, err := txRules.Entry(chatlog.TypeMessage, rules.Message(m))
	if err != nil {
		return chatlog.Event{}, err
	}
	if e.To, e.ReplyTo = m.To, m.ReplyTo; e.To != "" {
		e.Type = chatlog.TypePrivate
	}
	if err := checkEvent(room, &e); err != nil {
		return chatlog.Event{}, fmt.Errorf("%w: %w", chat.ErrBadMessage, err)
	}
	if e.ReplyTo > 1<<53 {
		return chatlog.Event{}, errNoReply
	}
	a := txAppend{room: room}
	var result int
	var offset *int64
	var toName string
	var at sql.NullTime
	err = tx.QueryRow(ctx, l.txSQL.append,
		escape(room), escape(e.UserID), escape(e.Username), escape(e.To), escape(e.Text), escape(e.ID), dataOf(&e), offsetOf(e.ReplyTo),
	).Scan(&result, &offset, &at, &toName, &a.xid)
	if err != nil {
		return chatlog.Event{}, l.explain(err)
	}
	switch result {
	case txNoReply:
		return chatlog.Event{}, errNoReply
	case txRepeated:
		var r row
		if err := tx.QueryRow(ctx, l.txSQL.lookup, escape(room), escape(e.UserID), escape(e.ID)).Scan(r.columns()...); err != nil {
			return chatlog.Event{}, l.explain(err)
		}
		return r.stored(), nil
	}
	e.Offset, e.Time, e.ToUsername = uint64(*offset), at.Time.UTC(), unescape(toName)
	a.offset = e.Offset
	l.announceCommitted(a)
	return e, nil
}

var errNoReply = fmt.Errorf("%w: a reply to what is not there yet", chat.ErrBadMessage)

// txStatements are the statements of AppendTx. They never change after New.
type txStatements struct{ append, lookup string }

func newTxStatements(schema string) txStatements {
	in := filler(schema, "")
	return txStatements{
		append: in(`
SELECT a.result, a.at_offset, a.at_time, a.to_name, pg_current_xact_id()::text
FROM {schema}.append_in($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint) a`),
		lookup: in(`
SELECT e.* FROM {schema}.room r
CROSS JOIN LATERAL (
	SELECT {event} FROM {schema}.event e
	WHERE e.room = r.id AND e.user_id = $2::text AND e.client_id = $3::text AND e.client_id <> ''
	LIMIT 1) e
WHERE r.name = $1::text`),
	}
}
