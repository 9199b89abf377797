// Package rooms is the rooms in use on one server, over the log that they are kept in.
//
// A [Set] opens a room from its log when the first member joins, and drops it with the
// last. A [Member] is one connection's cursor in one room: [Set.Join] makes it one and
// [Member.Leave] undoes that, with everything that the log and the others are told of it.
// [Set.Publish] appends in order. The rest goes on by itself: rounds of delivery, catching
// up with what other servers append, and presence, which is told to the log and to the
// members until both agree with what is so.
package rooms
