// Package pglog keeps the rooms of package chat in PostgreSQL, for any number of
// servers: a [chat.Log] over a [pgxpool.Pool].
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	...
//	rooms := pglog.New(pool)
//	if err := rooms.Migrate(ctx); err != nil {
//		...
//	}
//	srv := chat.New(chat.WithLog(rooms))
//
// # What it promises
//
// An appended event is committed: it is as durable as a commit in the database. The
// statement that inserts events takes their offsets while it holds the lock of the room's
// row. So a room's events become readable in the order of their offsets and without
// holes, whichever servers write them.
//
// An append is idempotent by user and ID for as long as the event is kept, and for at
// least ten minutes with any retention.
//
// [Log.AppendTx] appends a message in a transaction of the application: it is stored together
// with the application's own rows, or not at all.
//
// NOTIFY tells servers which offsets are new; it carries no messages. If notifications
// are lost, servers find the new events by comparing positions every second.
//
// The epoch of a room changes when a backup was restored or a standby was promoted: such
// a database may lack the last events, and clients that reconnect with a position get a
// gap. A restart or a crash does not change the epoch. The database does not know when
// a copy of its files was restored; servers notice that by comparing it with what they
// have delivered.
//
// PostgreSQL 14 or newer is required, with the encoding UTF8. Tables, rights, retention
// and sizing: https://github.com/seed-08328bfd/chat/blob/main/adapters/pglog/README.md
package pglog
