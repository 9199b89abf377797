package chatlog

import (
	"encoding/json"
	"time"
)

// A Type says what an [Event] is.
type Type string

// The messages. They are entries of the log.
const (
	TypeMessage Type = "message" // to everyone in the room
	TypePrivate Type = "private" // to the connections of two users
)

// The entries of the log that amend a message, which they name by Event.Target. Only a
// log that is an [Amender] has them.
const (
	TypeEdit     Type = "edit"     // the message has another text and other data
	TypeDelete   Type = "delete"   // the message is no longer there
	TypeReaction Type = "reaction" // a user has added a reaction to the message, or removed one
)

// Events that no log keeps: they are seen live or never.
const (
	TypeSystem Type = "system" // somebody joined or left
	TypeTyping Type = "typing" // somebody is typing
	TypeSignal Type = "signal" // a signal of an application to the members
	TypeRead   Type = "read"   // a user has read up to the offset Target
)

// A Kind says what a TypeSystem reports, or is the name of a TypeSignal.
type Kind string

// The kinds of a TypeSystem.
const (
	KindJoin  Kind = "join"  // a user has joined
	KindLeave Kind = "leave" // a user has left
)

// An Event is one thing that happened in a room. Its JSON form is the object of the
// [protocol] that clients see.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
type Event struct {
	// Type is one of the Type constants.
	Type Type `json:"type"`
	// Offset is the event's place in its room's log, from 1, or 0 for an event that the log does
	// not keep.
	Offset uint64 `json:"offset,omitempty"`
	// Kind is "join" or "leave" for TypeSystem, and the application's name of a
	// TypeSignal; otherwise empty. Servers signal other kinds to each other.
	Kind Kind `json:"event,omitempty"`
	// Time is set by the log's clock, in UTC with milliseconds. It never runs
	// backwards within a room.
	Time time.Time `json:"time"`
	// UserID is the stable id of the event's sender, or empty. Username is the name that users
	// see.
	UserID   string `json:"user,omitempty"`
	Username string `json:"username"`
	// To and ToUsername are the id and the name of the receiver of a TypePrivate. An entry that
	// amends a private message has in To the id of the message's other user, and no ToUsername.
	// In all other events both are empty.
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	// Text is the text of the message, verbatim.
	Text string `json:"message"`
	// ID is the sender's own id of the message, at most 64 bytes, or empty. Each UserID and ID
	// are stored only once (see Store.Append).
	ID string `json:"id,omitempty"`

	// Data is one JSON object (RFC 8259) of a message, a TypeEdit or a TypeSignal, or nil. The
	// application gives it a meaning. A log keeps its bytes unchanged. The bytes are shared, so
	// they must not be changed.
	Data json.RawMessage `json:"data,omitempty"`
	// ReplyTo is the offset of the earlier entry that a message replies to, or 0.
	ReplyTo uint64 `json:"reply_to,omitempty"`

	// Target is the offset of the message that a TypeEdit, TypeDelete or TypeReaction amends, or
	// the offset up to which the user of a TypeRead has read. Otherwise it is 0.
	Target uint64 `json:"target,omitempty"`
	// Reaction is the reaction that a TypeReaction adds to the target or, with Remove, removes
	// from it.
	Reaction string `json:"reaction,omitempty"`
	Remove   bool   `json:"remove,omitempty"`

	// Edited, Reactions and Amended are set in messages that were read with Range.Messages.
	// Edited is the time of the last TypeEdit, or zero. Reactions are in the order in which they
	// were first added, and nil or empty if there are none. They are shared as Data is. Amended
	// is the offset of the last entry that has amended the message, or 0. Text, Data, Edited and
	// Reactions include all entries up to Amended, and no later one.
	Edited    time.Time  `json:"edited,omitzero"`
	Reactions []Reaction `json:"reactions,omitempty"`
	Amended   uint64     `json:"amended,omitempty"`
}

// A Reaction is one of the reactions to a message.
type Reaction struct {
	// Reaction is the reaction itself: by default one emoji, or a name such as ":shipit:".
	Reaction string `json:"reaction"`
	// Count is the number of users who have given it, at least 1.
	Count int `json:"count"`
	// Users are the ids of these users, at most 50 of them, each once, in any order. It
	// has Count ids if Count is at most 50.
	Users []string `json:"users"`
}

// Amends reports whether e is an entry that amends a message.
func (e *Event) Amends() bool {
	return e.Type == TypeEdit || e.Type == TypeDelete || e.Type == TypeReaction
}

// Amendment returns the parts of e, an entry that amends a message, that a log keeps: its Type,
// Target, sender and ID, the Text and Data of a TypeEdit, and the Reaction and Remove of a
// TypeReaction. The log sets the Offset, the Time, and To if the message is private.
func (e *Event) Amendment() Event {
	n := Event{Type: e.Type, UserID: e.UserID, Username: e.Username, ID: e.ID, Target: e.Target}
	switch e.Type {
	case TypeEdit:
		n.Text, n.Data = e.Text, e.Data
	case TypeReaction:
		n.Reaction, n.Remove = e.Reaction, e.Remove
	}
	return n
}

// Erased reports whether e is the place of something deleted, which no user may see: a private
// message without users.
func (e *Event) Erased() bool { return e.Type == TypePrivate && e.UserID == "" && e.To == "" }

// VisibleTo reports whether the user userID may read e. Every user may, with one exception: a
// private message, and each entry that amends it, is only for the message's sender and its
// receiver. The empty userID is no user, and may not read those.
func (e *Event) VisibleTo(userID string) bool {
	return !e.Private() || between(userID, e.UserID, e.To)
}

// Private reports whether e is for the users UserID and To only: a private message, or an
// entry that amends one.
func (e *Event) Private() bool {
	return e.Type == TypePrivate || e.To != "" && e.Amends()
}

// between reports whether userID is one of the two users of a private message. The empty userID
// is not, even if the message has no sender.
func between(userID, a, b string) bool {
	return userID != "" && (userID == a || userID == b)
}
