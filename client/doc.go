// Package client is a chat.v1 client for Go programs: bots, services that talk to people,
// and tests. The [protocol] is documented with the server.
//
//	room, err := client.Dial(ctx, "https://example.com/chat", "general", client.WithUsername("Bot"))
//	if err != nil {
//		return err
//	}
//	defer room.Close()
//	for e, err := range room.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		if e.Type == chat.TypeMessage {
//			fmt.Printf("%s: %s\n", e.Username, e.Text)
//		}
//	}
//
// [Dial] joins a room and returns a [Room], which stays in the room and reconnects whenever
// the connection is lost. [Room.Events] yields what happens in the room. [Room.Send] sends a
// message and waits until the server has stored it; [Room.Publish] sends one with data, or a
// reply. [Room.Edit], [Room.Delete], [Room.React] and [Room.Unreact] change what was sent.
// [Room.MarkRead] says how far the user has read. [Room.Signal] and [Room.Typing] tell what is
// not stored.
//
// # Many rooms
//
// Rooms that share a connection share its cost, its user and its rate limit. [Connect] opens
// one, and [Conn.Join] enters a room over it:
//
//	conn, err := client.Connect(ctx, "https://example.com/chat", client.WithUsername("Bot"))
//	if err != nil {
//		return err
//	}
//	defer conn.Close()
//	general, err := conn.Join(ctx, "general")
//	if err != nil {
//		return err
//	}
//	random, err := conn.Join(ctx, "random")
//	if err != nil {
//		return err
//	}
//
// Each Room has its own events, its own place in its log and its own end. Read the events of
// each in a goroutine of its own. After a lost connection the Conn is back in all its rooms
// with one object, and each Room continues at its place. [Room.Close] leaves one room,
// [Conn.Close] all of them. A service may put a user into a room without being asked:
// [Conn.Accept] returns those rooms.
//
// # Guarantees
//
//  1. Messages, and the edits, deletes and reactions that amend them, arrive in the order
//     of their offsets, and each arrives exactly once, over all connections. After a loss
//     the user returns, and the Room continues at the position that it had reached. If the
//     server no longer has everything from there, the Room reports a gap ([TypeGap],
//     [OnGap]). What was amended in the gap arrives no more: of the messages that follow,
//     those that came before it arrive as they are now, as [TypeUpdate].
//  2. When Send, Publish, Edit, Delete, React or Unreact returns without an error, the
//     server's log has the message, or what amends it, exactly once: what is sent again
//     after a loss has the same ID. They return an error only when the server refuses,
//     their context has ended, the Room has ended, or sending again might store it twice
//     ([ErrUncertain]). What one goroutine sends to a room keeps its order.
//  3. Join and leave notices, presence, typing, signals and the read markers of others
//     arrive at most once. Those between two connections are lost. The welcome of each
//     connection ([TypeWelcome]) lists the users who are present.
//  4. Between rooms there is no order. A room whose events are not read holds up no other
//     room of its connection.
//
// # The room as it is now
//
// A message that the program shows may be edited, deleted and reacted to. A [View] keeps the
// messages as they are now, from the events and from pages of the history.
//
// # Reconnecting
//
// A Conn, and a Room of Dial, waits a random time before each attempt, with a growing upper bound
// ([WithBackoff]), unless the server has said when to come back. It sends a ping to a
// server that is silent ([WithPing]). It ends, and Events and Send return the reason, in these
// cases:
//
//   - The server closes the connection with 4003, with 1000 (the service has taken the user
//     out of the room), or with 4001 (the credentials have expired) when there is no
//     [WithTokenSource].
//   - The server refuses the handshake with a status from 400 to 499 other than 429.
//   - The server does not speak chat.v1.
//
// The server may end one room of a connection. With code 4003 or 1000, or if it refuses to
// have the user back, that Room ends with an [Error]. Otherwise the Conn joins the room again
// after a pause. The other rooms do not notice.
//
// A refusal counts only if its body is the JSON of a chat server, as the [protocol] has
// it. After any other answer, such as that of a proxy, the Conn tries again. It follows
// redirects only on the host of its URL.
//
// # In a browser
//
// Under GOOS=js the Conn uses the WebSocket of the page, which cannot send headers. The
// token is sent in the list of subprotocols as "bearer.TOKEN" ([jwtauth] reads it there).
// [WithHeader] and [WithDialer] have no effect. A second request finds out why a handshake
// was refused. A page cannot drop a dead connection without a close frame, so the others
// may see a leave and a join.
//
// # Slow readers
//
// Events that the program has not yet read wait in a buffer, one for each room ([WithBuffer]).
//
// When it is full, a Room of Dial stops reading, and after a while the server closes the
// connection (code 1013). The Room reconnects when the buffer has space again. While Send or
// another call waits for its answer, it continues to read, discards the events, and fetches
// them again later. So a program may call Send in the loop over Events.
//
// A connection with many rooms is always read, for the sake of the other rooms. When the
// buffer of one is full, the Conn leaves this room. It joins it again, at the Room's place,
// when half of the buffer is free or a call needs it, and the server sends the events then.
// The others in the room see the user leave if that takes longer than the server's grace for
// a lost connection, by default 5 s.
//
// In both cases nothing is lost as long as the server's log still has the messages from there
// on; otherwise the Room reports a gap.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
// [jwtauth]: https://pkg.go.dev/github.com/seed-08328bfd/chat/adapters/jwtauth
package client
