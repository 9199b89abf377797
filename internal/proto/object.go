package proto

import (
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Object is an object that a chat.v1 client has sent, with the keys that the server knows.
// Values stay in the text that was read until they are used.
type Object struct {
	Type, Message, ID, To, Token, Request Value
	Data, ReplyTo, Offset, Name           Value
	Amending
	page pageKeys
}

// Amending has the keys of an object that amends a message.
type Amending struct{ Target, Reaction, Remove Value }

// pageKeys has the keys of a request for a part of the history.
type pageKeys struct{ before, after, limit Value }

// Value is the JSON text of a value; nil if the key was not given.
type Value []byte

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

// Text returns a value that must be a string; what names it in errors.
func (v Value) Text(what string) (string, *Error) {
	s, e := v.Chars(what)
	return string(s), e
}

// Chars is Text without a copy, where the text has no escapes.
func (v Value) Chars(what string) ([]byte, *Error) {
	if v == nil {
		return nil, nil
	}
	if v[0] != '"' {
		return nil, BadRequest("%s must be a string", what)
	}
	s, ok := unquote(v)
	if !ok {
		return nil, &Error{Code: CodeBadUTF8, Text: what + " has half of a surrogate pair"}
	}
	return s, nil
}

// Number returns a value that must be a whole number from 0 to 2^53-1; 0 if the key was not
// given. what names it in errors.
func (v Value) Number(what string) (uint64, *Error) {
	n, _, e := v.number(what)
	return n, e
}

// Place returns a value that must be the offset of an entry, from 1 to 2^53-1; 0 if the key
// was not given. what names it in errors.
func (v Value) Place(what string) (uint64, *Error) {
	n, given, e := v.number(what)
	if e == nil && given && n == 0 {
		e = BadRequest("%s must be above 0", what)
	}
	return n, e
}

// Bool returns a value that must be true or false; false if the key was not given.
func (v Value) Bool(what string) (bool, *Error) {
	switch string(v) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, BadRequest("%s must be true or false", what)
}

// number returns a value that must be a whole number of 0 or more.
func (v Value) number(what string) (n uint64, given bool, e *Error) {
	if v == nil {
		return 0, false, nil
	}
	n, err := ParseOffset(string(v))
	if err != nil {
		return 0, false, BadRequest("%s must be a whole number below 2^53", what)
	}
	return n, true, nil
}

// unquote returns the string of the JSON text b; without escapes it is a part of b. ok is
// false if it has a surrogate without its other half, which UTF-8 cannot represent.
func unquote(b []byte) (s []byte, ok bool) {
	b = b[1 : len(b)-1]
	plain := 0
	for plain < len(b) && b[plain] != '\\' {
		plain++
	}
	if plain == len(b) {
		return b, true
	}
	out := make([]byte, plain, len(b))
	copy(out, b)
	for i := plain; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		switch b[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hexRune(b[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				if len(b) < i+7 || b[i+1] != '\\' || b[i+2] != 'u' {
					return nil, false
				}
				if r = utf16.DecodeRune(r, hexRune(b[i+3:])); r == utf8.RuneError {
					return nil, false
				}
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, b[i])
		}
	}
	return out, true
}

func hexRune(b []byte) rune {
	n, _ := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n)
}
