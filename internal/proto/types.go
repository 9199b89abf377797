package proto

// The types of the objects of chat.v1 that are not events of a log. Package chatlog has
// the types of events, which are also the types of the objects that carry them.
const (
	TypeWelcome  = "welcome"  // from the server, first on a connection
	TypePresence = "presence" // from the server: many users came or went
	TypePosition = "position" // from the server: everything up to there was sent
	TypeAck      = "ack"      // from the server: the log has the message
	TypeError    = "error"    // from the server
	TypeGoodbye  = "goodbye"  // from the server, before it shuts down
	TypeHistory  = "history"  // the request and its answer
	TypePing     = "ping"     // from the client
	TypePong     = "pong"     // the answer to ping
	TypeAuth     = "auth"     // from the client: a fresh token
	TypeHello    = "hello"    // from the server, first on a connection with many rooms
	TypeJoin     = "join"     // from the client: join a room, or several
	TypeLeave    = "leave"    // from the client: leave a room
	TypeLeft     = "left"     // from the server: nothing of the room comes after this
)
