package proto

import (
	"encoding/json"
	"strconv"
)

// Object is an object that a chat.v1 client has sent, with the keys that the server knows.
// Values stay in the text that was read until they are used.
type Object struct {
	Type, Message, ID, To, Token, Request Value
	Data, ReplyTo, Offset, Name           Value
	Room                                  Value
	Joining
	Amending
	page pageKeys
}

// Joining has the keys of an object that joins rooms or leaves one.
type Joining struct{ Rooms, Since, Back Value }

// Amending has the keys of an object that amends a message.
type Amending struct{ Target, Reaction, Remove Value }

// pageKeys has the keys of a request for a part of the history.
type pageKeys struct{ before, after, limit Value }

func (o *Object) field(key []byte) *Value {
	switch string(key) {
	case "type":
		return &o.Type
	case "message":
		return &o.Message
	case "id":
		return &o.ID
	case "to":
		return &o.To
	case "token":
		return &o.Token
	case "request":
		return &o.Request
	case "data":
		return &o.Data
	case "reply_to":
		return &o.ReplyTo
	case "offset":
		return &o.Offset
	case "name":
		return &o.Name
	case "room":
		return &o.Room
	case "rooms":
		return &o.Rooms
	case "since":
		return &o.Since
	case "back":
		return &o.Back
	case "target":
		return &o.Target
	case "reaction":
		return &o.Reaction
	case "remove":
		return &o.Remove
	case "before":
		return &o.page.before
	case "after":
		return &o.page.after
	case "limit":
		return &o.page.limit
	}
	return nil
}

// ParseObject reads one JSON object (RFC 8259). Keys that the server does not know are
// skipped. No key may occur twice, because JSON readers differ on which value counts.
func ParseObject(text []byte) (o Object, e *Error) {
	bad := func(text string) *Error { return &Error{Code: CodeBadJSON, Text: text} }
	if !json.Valid(text) {
		return o, bad("not JSON")
	}
	s := scanner{b: text}
	if s.space(); s.b[s.i] != '{' {
		return o, bad("not an object")
	}
	s.i++
	var unknown map[string]struct{}
	for {
		s.space()
		switch s.b[s.i] {
		case '}':
			return o, nil
		case ',':
			s.i++
			continue
		}
		raw := s.value()
		key, ok := unquote(raw)
		if !ok {
			return o, &Error{Code: CodeBadUTF8, Text: "a key is not Unicode"}
		}
		s.space()
		s.i++ // the colon
		s.space()
		v := s.value()
		if f := o.field(key); f != nil {
			if *f != nil {
				return o, bad("the key " + strconv.Quote(string(key)) + " stands twice")
			}
			*f = v
			continue
		}
		if _, twice := unknown[string(key)]; twice {
			return o, bad("a key stands twice")
		}
		if unknown == nil {
			unknown = map[string]struct{}{}
		}
		unknown[string(key)] = struct{}{}
	}
}

// scanner walks over JSON text that is known to be valid.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// value skips one value and returns its text.
func (s *scanner) value() []byte {
	from, depth := s.i, 0
	for {
		switch s.b[s.i] {
		case '"':
			s.string()
		case '{', '[':
			depth++
			s.i++
		case '}', ']':
			depth--
			s.i++
		default:
			s.i++
			if depth == 0 {
				for s.i < len(s.b) && !ends(s.b[s.i]) {
					s.i++
				}
			}
		}
		if depth == 0 {
			return s.b[from:s.i:s.i]
		}
	}
}

// ends reports whether c ends a number or a literal.
func ends(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\t', '\r', '\n', ':':
		return true
	}
	return false
}

func (s *scanner) string() {
	for s.i++; s.b[s.i] != '"'; s.i++ {
		if s.b[s.i] == '\\' {
			s.i++
		}
	}
	s.i++
}
