package chatlog

import (
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// The types of an [Event]. Only TypeMessage and TypePrivate are entries of the
// log; the others are seen live or not at all.
const (
	TypeMessage = "message" // to everyone in the room
	TypePrivate = "private" // to the members of two users
	TypeSystem  = "system"  // somebody joined or left
	TypeTyping  = "typing"  // somebody is typing
)

// An Event is one thing that happened in a room. Its JSON form is the object
// that clients see (docs/protocol.md).
type Event struct {
	// Type is one of the Type constants.
	Type string `json:"type"`
	// Offset is the event's place in its room's log, from 1; 0 for an event
	// that the log does not keep.
	Offset uint64 `json:"offset,omitempty"`
	// Event is "join" or "leave" for TypeSystem, otherwise empty.
	Kind string `json:"event,omitempty"`
	// Time is set by the log's clock, in UTC with milliseconds. It never runs
	// backwards within a room.
	Time time.Time `json:"time"`
	// User is the stable id of whom the event is from; Username what people see.
	UserID   string `json:"user,omitempty"`
	Username string `json:"username"`
	// To and ToUsername name the receiver of a TypePrivate, otherwise empty.
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	// Message is the text, verbatim.
	Text string `json:"message"`
	// ID is the sender's own id of the message, at most 64 bytes, or empty.
	// The same User and ID are kept once (see Store.Append).
	ID string `json:"id,omitempty"`
}

// VisibleTo reports whether user may read e: everyone may, but for a private
// message, which is for its two users only. The empty user is nobody.
func (e *Event) VisibleTo(user string) bool {
	return e.Type != TypePrivate || between(user, e.UserID, e.To)
}

// between reports whether user is one of the two of a private message. Nobody is
// not, even if the message is from nobody.
func between(user, a, b string) bool {
	return user != "" && (user == a || user == b)
}

// AppendJSON appends e as the JSON object that clients see.
func AppendJSON(b []byte, e *Event) []byte {
	b = append(b, `{"type":`...)
	b = proto.AppendQuoted(b, e.Type)
	if e.Offset != 0 {
		b = strconv.AppendUint(append(b, `,"offset":`...), e.Offset, 10)
	}
	if e.Kind != "" {
		b = proto.AppendQuoted(append(b, `,"event":`...), e.Kind)
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
