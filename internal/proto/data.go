package proto

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxDepth is the largest depth of objects and arrays in data. The data itself has depth 1.
const MaxDepth = 32

// CheckData returns data, a JSON object, as a log keeps it and clients get it: the same
// JSON value without the white space between its parts, with numbers as they are written,
// and with the characters escaped that AppendQuoted escapes in a page. It is a copy.
//
// limit is the largest size in bytes of the written text, without that white space. Nothing in
// data may be deeper than MaxDepth, no object in it may have a key twice (however its characters
// are escaped), and no string may have half of a surrogate pair. The work grows only with the
// length of data.
func CheckData(data []byte, limit int) (json.RawMessage, *Error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, &Error{Code: CodeBadJSON, Text: "data is not JSON"}
	}
	return Value(bytes.Trim(data, " \t\r\n")).Data(limit)
}

// CheckKept is CheckData for data that may come from a log. The escapes that CheckData makes
// count as the characters that they stand for. So it accepts everything that CheckData has
// returned.
func CheckKept(data []byte, limit int) (json.RawMessage, *Error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return CheckData(data, limit)
	}
	v := bytes.Trim(data, " \t\r\n")
	return Value(v).Data(limit + escaped(v))
}

// escaped returns how many bytes the escapes that CheckData makes add to data, which is JSON.
func escaped(data []byte) (n int) {
	for i := 0; i+1 < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		if i++; data[i] != 'u' {
			continue
		}
		switch string(data[i+1 : i+5]) {
		case "003c":
			n += len(`\u003c`) - len("<")
		case "2028", "2029":
			n += len(`\u2028`) - len("\u2028")
		}
	}
	return n
}

// Data is CheckData for a value that was parsed. It returns nil if the key was not given.
func (v Value) Data(limit int) (json.RawMessage, *Error) {
	if v == nil {
		return nil, nil
	}
	if v[0] != '{' {
		return nil, BadRequest("data must be an object")
	}
	c := compactor{scanner: scanner{b: v}, text: string(v), out: make([]byte, 0, min(len(v), limit))}
	if e := c.object(limit); e != nil {
		return nil, e
	}
	if cap(c.out)-len(c.out) > len(c.out)/8 { // there was white space
		return bytes.Clone(c.out), nil
	}
	return c.out, nil
}

// compactor copies an object that is known to be valid JSON.
type compactor struct {
	scanner
	text string // of the scanner; keys are parts of it
	out  []byte
	size int // bytes read, without white space between parts

	keys    map[dataKey]struct{} // keys that were read
	objects int                  // number of opened objects
	open    [MaxDepth]int        // the values around the scanner: the number of an object, or 0 for an array
	depth   int
	atKey   bool // the next string is a key
}

// dataKey is a key of an object, with the object's number.
type dataKey struct {
	object int
	key    string
}

func (c *compactor) object(limit int) *Error {
	for c.i < len(c.b) {
		from := c.i
		switch ch := c.b[c.i]; ch {
		case ' ', '\t', '\r', '\n':
			c.i++
			continue
		case '{', '[':
			if c.depth == MaxDepth {
				return BadRequest("data is more than %d levels deep", MaxDepth)
			}
			c.open[c.depth] = 0
			if ch == '{' {
				c.objects++
				c.open[c.depth] = c.objects
			}
			c.depth++
			c.atKey = ch == '{'
			c.i++
		case '}', ']':
			c.depth--
			c.i++
		case ',':
			c.atKey = c.open[c.depth-1] != 0
			c.i++
		case '"':
			c.string()
			if e := c.check(from); e != nil {
				return e
			}
			c.atKey = false
		case ':':
			c.i++
		default: // a number or a literal
			for c.i++; !ends(c.b[c.i]); c.i++ {
			}
		}
		if c.size += c.i - from; c.size > limit {
			return &Error{Code: CodeTooLong, Text: fmt.Sprintf("data has at most %d bytes", limit)}
		}
		c.out = appendForPage(c.out, c.b[from:c.i])
	}
	return nil
}

// check checks the string that begins at from and ends here.
func (c *compactor) check(from int) *Error {
	s := c.text[from+1 : c.i-1]
	if strings.IndexByte(s, '\\') >= 0 {
		plain, ok := unquote(c.b[from:c.i])
		if !ok {
			return &Error{Code: CodeBadUTF8, Text: "data has half of a surrogate pair"}
		}
		if c.atKey {
			s = string(plain)
		}
	}
	if !c.atKey {
		return nil
	}
	k := dataKey{c.open[c.depth-1], s}
	if _, twice := c.keys[k]; twice {
		return &Error{Code: CodeBadJSON, Text: "a key stands twice in data"}
	}
	if c.keys == nil {
		c.keys = map[dataKey]struct{}{}
	}
	c.keys[k] = struct{}{}
	return nil
}

// appendForPage appends a part of JSON text. It escapes the characters that would end a script
// or a line in JavaScript. They occur only in strings.
func appendForPage(b, part []byte) []byte {
	from := 0
	for i := 0; i < len(part); i++ {
		switch {
		case part[i] == '<':
			b = append(append(b, part[from:i]...), `\u003c`...)
			from = i + 1
		case part[i] == 0xe2 && i+2 < len(part) && part[i+1] == 0x80 && part[i+2]&^1 == 0xa8:
			b = append(append(b, part[from:i]...), `\u202`...)
			b = append(b, hexDigits[part[i+2]&15])
			i += 2
			from = i + 1
		}
	}
	return append(b, part[from:]...)
}
