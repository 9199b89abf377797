package chat

import "time"

// A User is somebody who connects: what an authenticator returns.
type User struct {
	// ID is the user's stable id, 1 to 128 bytes of UTF-8 without control
	// characters. It must not begin with "anon-", which marks the users that the
	// server makes itself: an authenticator that lets guests in too gives them ids
	// of its own.
	ID string
	// Name is what people see. If empty, the request's username parameter
	// counts, or else the default username.
	Name string
	// Expires is when the user's credentials run out: the connection is told a
	// minute before and closed with 4001 then. The zero time is never.
	Expires time.Time
	// Value is the authenticator's to set, for the authorizer to see.
	Value any
}

// Anonymous reports whether the server does not know who u is: it made the ID
// itself, or there is none, as for who reads over HTTP without an authenticator.
func (u User) Anonymous() bool { return u.ID == "" || isAnonymous(u.ID) }

// An Action is what a [WithAuthorizer] hook is asked about.
type Action string

// The actions of a user in a room.
const (
	ActionJoin    Action = "join"    // connect, which shows its latest messages and its members
	ActionRead    Action = "read"    // read more of its history, over HTTP or on the socket
	ActionMembers Action = "members" // read the list of its members over HTTP
	ActionList    Action = "list"    // see it in the list of rooms
	ActionSend    Action = "send"    // send a message to everyone
	ActionPrivate Action = "private" // send a private message
	ActionTyping  Action = "typing"  // show that one is typing
)
