package chat

import (
	"time"

	"github.com/seed-08328bfd/chat/internal/rules"
)

// A User is a user of the chat, as an authenticator returns it.
type User struct {
	// ID is the user's stable id, 1 to 128 bytes of UTF-8 without control characters. It
	// must not begin with "anon-", which marks the anonymous users of the server itself: an
	// authenticator that accepts guests must make ids for them in another form.
	ID string
	// Name is the name that people see. If it is empty, the request's username parameter
	// counts; if that is empty too, the default username.
	Name string
	// Expires is the time when the user's credentials run out. The client is told one
	// minute earlier; at this time the connection is closed with 4001. The zero time means
	// never.
	Expires time.Time
	// Value is any value that the authenticator sets for the other hooks. The server does
	// not use it.
	Value any
}

// Anonymous reports whether u is not authenticated: the server has made the ID itself, or
// the ID is empty, as for a request over HTTP without an authenticator.
func (u User) Anonymous() bool { return rules.User(u).Anonymous() }

// An Action is what a [WithAuthorizer] hook is asked about.
type Action string

// The actions of a user in a room.
const (
	ActionJoin    Action = "join"                      // connect, which shows the room's latest messages and its members
	ActionRead    Action = "read"                      // read more of the room's history, over HTTP or on the connection
	ActionMembers Action = "members"                   // read the list of the room's members over HTTP
	ActionList    Action = "list"                      // see the room in the list of rooms
	ActionSend    Action = "send"                      // send a message to everyone
	ActionPrivate Action = Action(rules.ActionPrivate) // send a private message
	ActionTyping  Action = "typing"                    // show the others that the user is typing
	ActionEdit    Action = "edit"                      // give a message of the user's own another text
	ActionDelete  Action = "delete"                    // delete a message, of the user's own or as a moderator
	ActionReact   Action = "react"                     // add a reaction to a message, or remove one
	ActionMark    Action = "mark"                      // say how far the user has read
	ActionSignal  Action = "signal"                    // send a signal of the application to the others
)

// Refuse returns an error with which a hook refuses what it was asked about. text is shown
// to the client, cut to 1,024 bytes; clients see no other text of a hook. Any other error
// means that the hook could not decide: it is logged, and the client is told to try again.
func Refuse(text string) error { return rules.Refuse(text) }
