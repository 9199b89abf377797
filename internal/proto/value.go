package proto

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Value is the JSON text of a value; nil if the key was not given.
type Value []byte

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

// Texts returns the names and values of an object whose values must be strings, in the
// order in which they stand. No name may stand twice. what names the object in errors.
func (v Value) Texts(what string) (names, values []string, e *Error) {
	if v == nil {
		return nil, nil, nil
	}
	if v[0] != '{' {
		return nil, nil, BadRequest("%s must be an object", what)
	}
	s := scanner{b: v, i: 1}
	seen := map[string]bool{}
	for {
		switch s.space(); s.b[s.i] {
		case '}':
			return names, values, nil
		case ',':
			s.i++
			continue
		}
		name, e := Value(s.value()).Text("a name in " + what)
		if e != nil {
			return nil, nil, e
		}
		s.space()
		s.i++ // the colon
		s.space()
		value, e := Value(s.value()).Text(what + "." + CutText(name, MaxID))
		switch {
		case e != nil:
			return nil, nil, e
		case seen[name]:
			return nil, nil, BadRequest("a name in %s stands twice", what)
		}
		seen[name] = true
		names, values = append(names, name), append(values, value)
	}
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
