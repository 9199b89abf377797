package chatlog

import (
	"strconv"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// AppendJSON appends e to b as the JSON object that clients see, and returns the extended slice.
// Bytes that are not UTF-8 are replaced by U+FFFD, except in Data, which must be JSON.
// AppendJSON does not change e.
func AppendJSON(b []byte, e *Event) []byte {
	b = append(b, `{"type":`...)
	b = proto.AppendQuoted(b, string(e.Type))
	if e.Type == TypeRead {
		b = proto.AppendQuoted(append(b, `,"user":`...), e.UserID)
		return append(strconv.AppendUint(append(b, `,"offset":`...), e.Target, 10), '}')
	}
	if e.Offset != 0 {
		b = strconv.AppendUint(append(b, `,"offset":`...), e.Offset, 10)
	}
	live := e.Type == TypeTyping || e.Type == TypeSignal
	if e.Kind != "" && !live {
		b = proto.AppendQuoted(append(b, `,"event":`...), string(e.Kind))
	}
	if !live {
		b = proto.AppendTime(append(b, `,"time":"`...), e.Time)
		b = append(b, '"')
	}
	b = proto.AppendQuoted(append(b, `,"user":`...), e.UserID)
	b = proto.AppendQuoted(append(b, `,"username":`...), e.Username)
	if e.Type == TypePrivate {
		b = proto.AppendQuoted(append(b, `,"to":`...), e.To)
		b = proto.AppendQuoted(append(b, `,"to_username":`...), e.ToUsername)
	}
	switch e.Type {
	case TypeTyping:
		return append(b, '}')
	case TypeSignal:
		b = proto.AppendQuoted(append(b, `,"name":`...), string(e.Kind))
	case TypeEdit, TypeDelete, TypeReaction:
		b = strconv.AppendUint(append(b, `,"target":`...), e.Target, 10)
	}
	switch e.Type {
	case TypeReaction:
		b = proto.AppendQuoted(append(b, `,"reaction":`...), e.Reaction)
		if e.Remove {
			b = append(b, `,"remove":true`...)
		}
	case TypeDelete, TypeSignal:
	default:
		b = proto.AppendQuoted(append(b, `,"message":`...), e.Text)
	}
	if e.Data != nil {
		b = append(append(b, `,"data":`...), e.Data...)
	}
	if e.ReplyTo != 0 {
		b = strconv.AppendUint(append(b, `,"reply_to":`...), e.ReplyTo, 10)
	}
	if e.Amended != 0 {
		b = appendState(b, e)
	}
	if e.ID != "" {
		b = proto.AppendQuoted(append(b, `,"id":`...), e.ID)
	}
	return append(b, '}')
}

// appendState appends the current state of an amended message.
func appendState(b []byte, e *Event) []byte {
	if !e.Edited.IsZero() {
		b = proto.AppendTime(append(b, `,"edited":"`...), e.Edited)
		b = append(b, '"')
	}
	for i := range e.Reactions {
		r := &e.Reactions[i]
		if b = append(b, ','); i == 0 {
			b = append(b, `"reactions":[`...)
		}
		b = proto.AppendQuoted(append(b, `{"reaction":`...), r.Reaction)
		b = strconv.AppendInt(append(b, `,"count":`...), int64(r.Count), 10)
		b = append(b, `,"users":[`...)
		for j, user := range r.Users {
			if j > 0 {
				b = append(b, ',')
			}
			b = proto.AppendQuoted(b, user)
		}
		b = append(b, "]}"...)
	}
	if len(e.Reactions) > 0 {
		b = append(b, ']')
	}
	return strconv.AppendUint(append(b, `,"amended":`...), e.Amended, 10)
}

// MarshalJSON implements [json.Marshaler] with the object that clients see.
func (e Event) MarshalJSON() ([]byte, error) {
	return AppendJSON(make([]byte, 0, 192+len(e.Text)+len(e.Data)), &e), nil
}
