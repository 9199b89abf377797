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
// An appended event is committed: it is as durable as the database's own settings
// make a commit. Offsets are given under the lock of the room's row by the
// statement that inserts the events, so that a room's events become readable in
// the order of their offsets and without holes, whoever writes them from where.
//
// An append is idempotent by user and ID for as long as the event is kept, and
// for ten minutes at least, whatever the retention.
//
// LISTEN and NOTIFY say that there is more, and where; they carry no message.
// What they lose, the servers find out by comparing positions every second.
//
// The epoch of a room changes when the database is another one than before, a
// restored backup, or a standby that was promoted: such a database may lack the
// last events, and clients that come back with a position are told of the gap. A
// restart or a crash changes nothing. What the database cannot know, the restore
// of a copy of its files, the servers notice by what they have delivered.
//
// PostgreSQL 14 or newer is needed, with the encoding UTF8.
package pglog
