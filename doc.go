// Package chat is a multi-room chat server over WebSockets, to be mounted in a Go
// service: clients connect, join a room and get its messages immediately.
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
// messages back, and one who lost the connection from the last place that was reached. A
// slow member's cursor falls off the part of the log that is still held, and until then
// it costs nobody anything. A bot in Go is one more cursor ([Server.Follow]). With the
// log in Redis or PostgreSQL ([WithLog]), several servers act as one.
//
// # A tour
//
// [New] makes a [Server] from [Option] values. It is an [http.Handler] for
//
//	GET /ws/{room}              joins a room: a WebSocket
//	GET /ws                     joins any number of rooms: a WebSocket
//	GET /rooms/{room}/events    joins a room where WebSockets are blocked: an event stream
//	POST /rooms/{room}/events   says one thing in a room
//	GET /rooms                  the rooms in use, and how many users are in each
//	GET /rooms/{room}/messages  a room's history, in pages
//	GET /rooms/{room}/members   who is there
//	GET /unread                 how much a user has not read
//
// below wherever it is mounted:
//
//	srv := chat.New(chat.WithHistory(100), chat.WithRateLimit(5, 20))
//	mux.Handle("/chat/", http.StripPrefix("/chat", srv))
//
// Package chatpage has a web page for it: with chatpage.Handler(srv) in place of srv, one
// line mounts a whole chat with its page.
//
// Clients speak one of two dialects. Without a subprotocol every text that they send is a
// message, which is all that a simple page needs. With the subprotocol chat.v1 they send
// and get JSON objects, and have acknowledgements, resuming, private messages, replies, edits,
// deletions, reactions, data of the application's own, read markers, signals and typing
// notices. The [protocol] describes both; package client speaks chat.v1 for Go programs.
//
// Hooks are your functions. [WithAuthenticator] says who a request is from, before the
// connection is upgraded; [WithTokenRefresh] takes fresh credentials on a live
// connection. [WithAuthorizer] says what a user may do, and [WithFilter] sees every
// [Message] before it is kept. [WithModerator] says who may delete the messages of others,
// and [WithReactionRule] what can be a reaction. [WithPresenceHook] is told who has come to a
// room or left it. A hook that says no returns [Refuse] with a text for the client. Any other error
// means that the hook could not decide: it is logged, and the client is told to try
// again.
//
// From Go, [Server.Publish] sends a Message into a room and returns its [Event].
// [Server.History] reads what a [Query] asks for, and [Server.Members] and [Server.Rooms]
// say who is there:
//
//	e, err := srv.Publish(ctx, "ops", chat.Message{Username: "Deployer", Text: "v2 is live", ID: "deploy-v2"})
//	page, err := srv.History(ctx, "ops", chat.Query{Before: e.Offset, Limit: 50})
//
// [Server.Follow] keeps reading, from [FromStart] or from the Position of the last event
// that was read:
//
//	for e, err := range srv.Follow(ctx, "ops", chat.FromStart) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(e.Position, e.Text)
//	}
//
// [Server.FollowAll] reads every room, and the log keeps how far each was handled: for
// archives, search and webhooks.
//
// [Server.Edit], [Server.Delete] and [Server.React] change a message that is there, on behalf
// of any user; a change is an event of the room's log, too. [Server.MarkRead] and
// [Server.Unread] keep how far users have read, and [Server.Signal] shows members what no log
// keeps.
//
// When a user's rights have changed, [Server.Reauthorize] asks the authorizer again on
// every server, and [Server.Disconnect] ends connections without asking. [Server.Shutdown]
// tells all members to come back later and ends the server.
//
// [WithRateLimit] and [WithSlowMode] bound what one user sends; more limits are named below.
// The rooms are in memory unless WithLog says otherwise; [NewMemoryLog] with [MemoryOptions]
// keeps more of them. Package chatlog is for those who write a log, chattest for those who
// test one. A server keeps no global state.
//
// # Guarantees
//
//  1. There is one order per room: every member, on every server, sees the room's
//     messages in the order of their offsets. If one Publish returns before another
//     begins, its message has the smaller offset.
//  2. On one connection nothing comes twice and there is no hole: a hole is always
//     told, by gap in the welcome (to a plain client by a system object) or by the close
//     of the connection. What a member gets on joining and what comes live after it
//     fit together exactly.
//  3. With resuming and ids of its own, a client's messages count once, and it gets
//     each message once: effectively once, within the log's window. When a message is
//     acknowledged, or Publish has returned without an error, it is in the log: memory's,
//     Redis's or PostgreSQL's, with that store's durability and no more.
//  4. Typing, join and leave notices, signals and what users have read come at most once.
//  5. Not promised are an order between rooms, delivery to users who never come back, and
//     secrecy from the server's owner.
//
// # Hostile clients
//
// Memory is bounded by [WithHistory], [WithMaxLag], [WithMessageSize], [WithDataSize] and the
// limits on connections, rooms and members ([WithMaxConnections], [WithMaxConnectionsPerAddress],
// [WithMaxConnectionsPerUser], [WithMaxRooms], [WithMaxMembers]). Members that do not read
// are closed with 1013. Silent ones are pinged ([WithPing]), and dropped if they do not
// answer. What is against RFC 6455 or not UTF-8 ends its connection and no other.
// Browsers may connect only from pages of the server's own origin and of
// [WithOriginPatterns].
//
// # More
//
//   - How to mount it under a router or framework: [mounting]
//   - Bots, moderation, archives, tests: [cookbook]
//   - Proxies, limits, sizing, metrics, restarts: [operations]
//   - How it works, and where in the code: [design]
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
// [mounting]: https://github.com/seed-08328bfd/chat/blob/main/docs/mounting.md
// [cookbook]: https://github.com/seed-08328bfd/chat/blob/main/docs/cookbook.md
// [operations]: https://github.com/seed-08328bfd/chat/blob/main/docs/operations.md
// [design]: https://github.com/seed-08328bfd/chat/blob/main/docs/design.md
package chat
