// Package sqlitelog keeps the rooms of package chat in one file, for one server: a
// [chat.Log] over SQLite, in Go alone and without a service to run.
//
//	rooms, err := sqlitelog.Open("chat.db")
//	...
//	defer rooms.CloseFile()
//	srv := chat.New(chat.WithLog(rooms))
//	defer srv.Close()
//
// # What it promises
//
// An acknowledged event is in the file and synced to the disk. It survives the end of the
// process and of the power. [WithSync] chooses fewer syncs. What waits goes into one
// transaction, so many senders share one sync.
//
// An append is idempotent by user and ID for as long as the event is kept, and for at
// least ten minutes with any retention.
//
// If the file cannot be written, for example because the disk is full, calls return errors
// and servers answer "unavailable". Nothing is acknowledged then. When the file can be
// written again, everything works again; nobody has to be restarted.
//
// A file has one Log at any time: [Open] returns [ErrLocked] otherwise. Other programs may
// read the file meanwhile, for example to copy it. For several servers, use pglog or redislog.
//
// A restart or a crash does not change the epochs of rooms. If the file is older than it was
// when it was used last, because a copy was restored or its end was cut off, all rooms get a
// new epoch, and clients that come back are told of a gap.
//
// Retention, copies, deleting and rates:
// https://github.com/seed-08328bfd/chat/blob/main/adapters/sqlitelog/README.md
package sqlitelog
