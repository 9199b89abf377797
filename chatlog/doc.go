// Package chatlog is the contract of a log: what a chat server keeps its rooms in and
// shares with other servers. Whoever writes a log needs this package; whoever runs a
// chat needs it for nothing but the fields of what package chat hands out.
//
// A log keeps the entries of each room in one order, dense from offset 1 ([Store]),
// tells the servers that a room has grown ([Feed]), and knows who is in which room
// ([Presence]). [Log] is the three together. The server does once what every log
// would otherwise repeat: it notices what is missing, reads it, and keeps the order.
//
// # How the contract grows
//
// The methods of Log, Sink and their parts stay as they are within a major version. What
// a method returns is a struct where it may need one more field; a new field's zero value
// means what a log that does not know the field does today. For a new capability there is
// a new interface, which is optional: a server asks a log for it with a type assertion,
// once, when the server is made. With a log that lacks it, the server uses the methods of
// Log instead, more slowly, or does not offer the feature and says so in its
// documentation; everything else works as before. A log that wraps another one has the
// optional interfaces of its own type only, so it declares the methods that it passes on.
// [Amender], [Marker] and [Pacer] are optional.
//
// The suite in package chattest holds a log to this contract. Package chat's
// documentation of the protocol says what clients see of it:
// https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
package chatlog
