package chatlog

import (
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Type is what an [Event] is.
type Type string

// The types of an [Event]. Only TypeMessage and TypePrivate are entries of the
// log; the others are seen live or not at all.
const (
	TypeMessage Type = "message" // to everyone in the room
	TypePrivate Type = "private" // to the members of two users
	TypeSystem  Type = "system"  // somebody joined or left
	TypeTyping  Type = "typing"  // somebody is typing
)

// A Kind is what a TypeSystem tells.
type Kind string

// The kinds of a TypeSystem.
const (
	KindJoin  Kind = "join"  // a user has come
	KindLeave Kind = "leave" // a user has gone
)

// An Event is one thing that happened in a room. Its JSON form is the object of the
// [protocol] that clients see.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
type Event struct {
	// Type is one of the Type constants.
	Type Type `json:"type"`
	// Offset is the event's place in its room's log, from 1; 0 for an event
	// that the log does not keep.
	Offset uint64 `json:"offset,omitempty"`
	// Kind is "join" or "leave" for TypeSystem, otherwise empty. Servers signal other
	// kinds to each other.
	Kind Kind `json:"event,omitempty"`
	// Time is set by the log's clock, in UTC with milliseconds. It never runs
	// backwards within a room.
	Time time.Time `json:"time"`
	// UserID is the stable id of the user whom the event is from, or empty; Username is
	// what people see.
	UserID   string `json:"user,omitempty"`
	Username string `json:"username"`
	// To and ToUsername are the id and the name of the receiver of a TypePrivate,
	// otherwise empty.
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	// Text is what was said, verbatim.
	Text string `json:"message"`
	// ID is the sender's own id of the message, at most 64 bytes, or empty.
	// The same UserID and ID are kept once (see Store.Append).
	ID string `json:"id,omitempty"`
}

// VisibleTo reports whether the user userID may read e. Everyone may, except that a
// private message is for its sender and its receiver only. The empty userID is nobody.
func (e *Event) VisibleTo(userID string) bool {
	return e.Type != TypePrivate || between(userID, e.UserID, e.To)
}

// between reports whether userID is one of the two of a private message. Nobody is
// not, even if the message is from nobody.
func between(userID, a, b string) bool {
	return userID != "" && (userID == a || userID == b)
}

// AppendJSON appends e to b as the JSON object that clients see, and returns the extended
// slice. What is not UTF-8 is replaced by U+FFFD. It leaves e as it is.
func AppendJSON(b []byte, e *Event) []byte {
	b = append(b, `{"type":`...)
	b = proto.AppendQuoted(b, string(e.Type))
	if e.Offset != 0 {
		b = strconv.AppendUint(append(b, `,"offset":`...), e.Offset, 10)
	}
	if e.Kind != "" {
		b = proto.AppendQuoted(append(b, `,"event":`...), string(e.Kind))
	}
	if e.Type != TypeTyping {
		b = proto.AppendTime(append(b, `,"time":"`...), e.Time)
		b = append(b, '"')
	}
	b = proto.AppendQuoted(append(b, `,"user":`...), e.UserID)
	b = proto.AppendQuoted(append(b, `,"username":`...), e.Username)
	if e.Type == TypePrivate {
		b = proto.AppendQuoted(append(b, `,"to":`...), e.To)
		b = proto.AppendQuoted(append(b, `,"to_username":`...), e.ToUsername)
	}
	if e.Type != TypeTyping {
		b = proto.AppendQuoted(append(b, `,"message":`...), e.Text)
	}
	if e.ID != "" {
		b = proto.AppendQuoted(append(b, `,"id":`...), e.ID)
	}
	return append(b, '}')
}

// MarshalJSON implements [json.Marshaler] with the object that clients see.
func (e Event) MarshalJSON() ([]byte, error) {
	return AppendJSON(make([]byte, 0, 192+len(e.Text)), &e), nil
}
