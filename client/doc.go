// Package client is a chat.v1 client for Go programs: bots, services that talk to people,
// and tests. The [protocol] is documented with the server.
//
//	c, err := client.Dial(ctx, "https://example.com/chat", "general", client.WithUsername("Bot"))
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	for e, err := range c.Events(ctx) {
//		if err != nil {
//			return err
//		}
//		if e.Type == chat.TypeMessage {
//			fmt.Printf("%s: %s\n", e.Username, e.Text)
//		}
//	}
//
// [Dial] joins a room and returns a [Conn]. The Conn stays in the room and reconnects
// whenever the connection is lost. [Conn.Events] yields what happens in the room.
// [Conn.Send] sends a message and waits until the server has stored it; [Conn.Publish] sends
// one with data, or a reply. [Conn.Edit], [Conn.Delete], [Conn.React] and [Conn.Unreact]
// change what was sent. [Conn.MarkRead] says how far the user has read. [Conn.Signal] and
// [Conn.Typing] tell what is not stored.
//
// # Guarantees
//
//  1. Messages, and the edits, deletes and reactions that amend them, arrive in the order
//     of their offsets, and each arrives exactly once, over all connections. After a loss
//     the Conn returns as the same user and continues at the position that it had reached.
//     If the server no longer has everything from there, the Conn reports a gap ([TypeGap],
//     [OnGap]). What was amended in the gap arrives no more: of the messages that follow,
//     those that came before it arrive as they are now, as [TypeUpdate].
//  2. When Send, Publish, Edit, Delete, React or Unreact returns without an error, the
//     server's log has the message, or what amends it, exactly once: what is sent again
//     after a loss has the same ID. They return an error only when the server refuses,
//     their context has ended, the Conn has ended, or sending again might store it twice
//     ([ErrUncertain]). What one goroutine sends keeps its order.
//  3. Join and leave notices, presence, typing, signals and the read markers of others
//     arrive at most once. Those between two connections are lost. The welcome of each
//     connection ([TypeWelcome]) lists the users who are present.
//
// # The room as it is now
//
// A message that the program shows may be edited, deleted and reacted to. A [View] keeps the
// messages as they are now, from the events and from pages of the history.
//
// # Reconnecting
//
// The Conn waits a random time before each attempt, with a growing upper bound
// ([WithBackoff]), unless the server has said when to come back. It sends a ping to a
// server that is silent ([WithPing]). The Conn ends, and Events and Send return the
// reason, in these cases:
//
//   - The server closes the connection with 4003, or with 4001 (the credentials have
//     expired) when there is no [WithTokenSource].
//   - The server refuses the handshake with a status from 400 to 499 other than 429.
//   - The server does not speak chat.v1.
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
// Events that the program has not yet read wait in a buffer ([WithBuffer]). When it is
// full the Conn stops reading, and after a while the server closes the connection (code
// 1013). The Conn reconnects when the buffer has room. Nothing is lost as long as the
// server's log still has the messages from there on; otherwise the Conn reports a gap.
// While Send or another call waits for its answer, the Conn continues to read, discards
// the events, and fetches them again later. So a program may call Send in the loop over
// Events.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
// [jwtauth]: https://pkg.go.dev/github.com/seed-08328bfd/chat/adapters/jwtauth
package client
