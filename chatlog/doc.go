// Package chatlog is the contract of a log. A chat server keeps its rooms in a log, and shares
// them with other servers through it. The authors of logs need this package. Other programs need
// it only for the fields of what package chat returns.
//
// A log keeps the entries of each room in one order, dense from offset 1 ([Store]). It tells the
// servers that a room has grown ([Feed]), and knows the users in each room ([Presence]). [Log]
// is the three together. The server does what every log would otherwise have to do: it notices
// missing entries, reads them, and keeps the order.
//
// # How the contract grows
//
// The methods of Log, Sink and their parts do not change within a major version. A method
// returns a struct where it may need one more field. The zero value of a new field means what a
// log without that field does today. A new capability is a new, optional interface: a server
// asks a log for it with a type assertion, once, when the server is made. If the log lacks it,
// the server uses the methods of Log instead, more slowly, or does not offer the feature and
// says so in its documentation. Everything else works as before. [Amender], [Marker] and [Pacer] are optional.
// A log that wraps another one has only the optional interfaces of its own type, so it declares
// the methods that it passes on. [Observe] wraps a log and keeps them.
//
// The suite in package chattest tests a log against this contract. Package chat's documentation
// of the protocol says what clients see of it:
// https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
package chatlog
