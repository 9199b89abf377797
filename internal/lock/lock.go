// Package lock has the locks of the server, in the one order in which they are taken. A
// goroutine that holds a lock takes only locks that stand below it here, and never two of
// one kind.
//
//	Order    appends to a memory log of this server alone: held per room until the entry is in the room
//	Conn     the writing side of one connection
//	Room     one room: its place in the log, its members and its users
//	Set      the rooms in use
//	Server   the sessions
//	Consumers the readers of all rooms of the memory log
//	Shard    one part of the memory log's rooms
//	Alive    the servers that the memory log counts as alive
//	Idle     the memory log's unused rooms
//	Leaf     anything else: no other lock is taken while it is held
//
// No lock is held during a blocking write, a use of a log that may block, or a call of a
// hook or the user's logger.
//
// They are plain mutexes. With the build tag lockcheck each lock remembers which goroutine
// holds it, and taking a lock out of order panics with both names. One leg of the tests
// runs with this tag.
package lock
