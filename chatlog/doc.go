// Package chatlog is the contract of a log: what a chat server keeps its rooms in and
// shares with other servers. Whoever writes a log needs this package; whoever runs a
// chat needs it for nothing but the fields of what package chat hands out.
//
// A log keeps the entries of each room in one order, dense from offset 1 ([Store]),
// tells the servers that a room has grown ([Feed]), and knows who is in which room
// ([Presence]). [Log] is the three together. The server does once what every log
// would otherwise repeat: it notices what is missing, reads it, and keeps the order.
//
// The suite in package chattest holds a log to this contract.
package chatlog
