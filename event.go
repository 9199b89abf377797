package chat

import (
	"strconv"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// appendEvent appends e as the JSON object that clients see.
func appendEvent(b []byte, e *Event) []byte {
	b = append(b, `{"type":`...)
	b = proto.AppendQuoted(b, e.Type)
	if e.Offset != 0 {
		b = strconv.AppendUint(append(b, `,"offset":`...), e.Offset, 10)
	}
	if e.Event != "" {
		b = proto.AppendQuoted(append(b, `,"event":`...), e.Event)
	}
	if e.Type != TypeTyping {
		b = proto.AppendTime(append(b, `,"time":"`...), e.Time)
		b = append(b, '"')
	}
	b = proto.AppendQuoted(append(b, `,"user":`...), e.User)
	b = proto.AppendQuoted(append(b, `,"username":`...), e.Username)
	if e.Type == TypePrivate {
		b = proto.AppendQuoted(append(b, `,"to":`...), e.To)
		b = proto.AppendQuoted(append(b, `,"to_username":`...), e.ToUsername)
	}
	if e.Type != TypeTyping {
		b = proto.AppendQuoted(append(b, `,"message":`...), e.Message)
	}
	if e.ID != "" {
		b = proto.AppendQuoted(append(b, `,"id":`...), e.ID)
	}
	return append(b, '}')
}

// MarshalJSON implements [json.Marshaler] with the object that clients see.
func (e Event) MarshalJSON() ([]byte, error) {
	return appendEvent(make([]byte, 0, 192+len(e.Message)), &e), nil
}
