// Package chat is a multi-room chat server over WebSockets, to be mounted in a Go
// service: clients connect, join a room and get its messages at once.
//
// # A room is a log
//
// Every message of a room is appended to the room's log once. Everything else is
// a read of the log from an offset:
//
//	           first             cursor            last
//	             v                 v                 v
//	(trimmed) | e41 | e42 | e43 | e44 | e45 | e46 | e47 | <- append
//	                              `-------flush-------'   one write
//
// A member who is up to date reads from the last offset, one who joins from some
// messages back, one who lost the connection from the place it had reached. A
// slow member's cursor falls off the part of the log still held, and costs nobody
// anything before. A bot in Go is one more cursor ([Server.Follow]). With the log
// in Redis or PostgreSQL ([WithLog]), several servers act as one. A wake-up
// carries nothing; the log carries everything.
//
// # A tour
//
// [New] makes a [Server] from [Option] values. It is an [http.Handler] for
//
//	GET /ws/{room}              joins a room: a WebSocket
//	GET /rooms                  the rooms in use, and how many users are in each
//	GET /rooms/{room}/messages  a room's history, in pages
//	GET /rooms/{room}/members   who is there
//
// below wherever it is mounted with [http.StripPrefix]. Clients speak one of two
// dialects: without a subprotocol every text they send is a message, which is all
// that a simple page needs; with the subprotocol chat.v1 they send and get JSON
// objects, and have acknowledgements, resuming, private messages and typing
// notices. docs/protocol.md in the repository describes both; package client
// speaks chat.v1 for Go programs.
//
// [WithAuthenticator] says who a request is from before the connection is
// upgraded, [WithAuthorizer] what a user may do, [WithFilter] sees every message
// before it is kept, and [WithRateLimit] bounds what one user sends. From Go,
// [Server.Publish] sends into a room, [Server.History] and [Server.Members] read
// it, [Server.Follow] keeps reading, [Server.Disconnect] removes a user, and
// [Server.Shutdown] sees everybody out. A server keeps no global state. [Log] and
// the types it is made of are for who writes a log.
//
// # Guarantees
//
//  1. There is one order a room: every member, on every server, sees the room's
//     messages in the order of their offsets. If one Publish returns before
//     another begins, its message has the smaller offset.
//  2. On one connection nothing comes twice and there is no hole: a hole is always
//     told, by gap in the welcome (to a plain client by a system object) or by the close
//     of the connection. What a member gets on joining and what comes live after it
//     fit together exactly.
//  3. With resuming and ids of its own, a client's messages count once, and it
//     gets each message once, as long as the log reaches back far enough. When a
//     message is acknowledged, or Publish has returned without an error, it is in
//     the log, with the durability of where that log is kept and no more.
//  4. Typing, join and leave notices come at most once.
//  5. Not promised are an order between rooms, delivery to those who never come
//     back, and secrecy from the server's owner.
//
// # Hostile clients
//
// Memory is bounded by [WithHistory], [WithMaxLag], [WithMessageSize] and the
// limits on connections, rooms and members. Members that do not read are closed
// with 1013, silent ones are pinged ([WithPing]) and dropped, and what is against
// RFC 6455 or not UTF-8 ends its connection and no other. Browsers may connect
// only from pages of the server's own origin and of [WithOriginPatterns].
//
// docs/design.md in the repository tells how it works, and where in the code.
package chat
