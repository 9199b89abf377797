// Package lock has the locks of the server, in the one order in which they are taken:
// whoever holds one takes only those that stand below it here, and never two of a kind.
//
//	Order    of one room: appends to a log of this server alone, until the entry is in the room
//	Conn     what is to be written to one connection
//	Room     a room
//	Set      which rooms there are
//	Server   which sessions there are
//	Shard    a part of the memory log's rooms
//	Alive    which servers the memory log takes to live
//	Idle     the memory log's unused rooms
//	Leaf     anything else: nothing is locked while it is held
//
// None is held across a blocking write, a use of a log that may block, or users' code.
//
// They are plain mutexes. With the build tag lockcheck each remembers which goroutine
// holds it, and taking one out of order panics with both names; a leg of the tests runs so.
package lock
