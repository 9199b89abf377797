// Package client is a chat.v1 client for Go programs: bots, services that talk to
// people, and tests. What it speaks is described in the [protocol].
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
// [Dial] joins a room and returns a [Conn], which stays in it over any number of
// connections. [Conn.Events] yields what happens there, [Conn.Send] sends a message
// and waits until the server has it.
//
// # What is promised
//
//  1. Messages come in the order of their offsets, and each comes once, over all
//     connections. After a loss the Conn comes back as the same user, to the place
//     that it had reached. What the server could not give from there is told as a
//     gap ([TypeGap], [OnGap]).
//  2. When Send returns without an error the message is in the server's log, once:
//     what was sent again after a loss had the same ID. Send returns no error as
//     long as the message may still get there and its context has not ended.
//  3. Join and leave notices, presence and typing come at most once: those of the
//     time between two connections are lost. The welcome of each connection
//     ([TypeWelcome]) says who is there.
//
// # Coming back
//
// The Conn waits a random time before each attempt, of growing bounds
// ([WithBackoff]), unless the server has said when to come back. A server that
// falls silent is asked for a sign of life ([WithPing]). It gives up, and Events
// and Send return the reason, when the server closes with 4003, or with 4001 (the
// credentials ran out) and there is no [WithTokenSource]; when it refuses the
// handshake with a status of 400 to 499 other than 429; and when it
// does not speak chat.v1. A refusal counts if its body is the JSON that a chat server
// sends, as in the [protocol]: whatever else a proxy says in its place, the Conn comes
// back. It is redirected on the host of its URL only.
//
// # In a browser
//
// Under GOOS=js the Conn uses the WebSocket of the page. No header can be sent there:
// a token goes into the list of subprotocols as "bearer.TOKEN" (which jwtauth
// reads), and [WithHeader] and [WithDialer] do nothing. Why a handshake was refused is
// asked with a second request. Leaving a dead connection counts as going on purpose,
// so that the others may be told of a leave and a join.
//
// # Slow readers
//
// What was not yet taken from Events waits in a buffer ([WithBuffer]). When that is
// full the Conn stops reading, and after a while the server closes the connection
// (code 1013); the Conn is back when there is room. Nothing is lost while the
// server's log reaches back to that place, and a gap is told if it does not. While
// Send or another call waits for its answer the Conn reads on, lets the events go,
// and fetches them again later; so Send may be called in the loop over Events.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
package client
