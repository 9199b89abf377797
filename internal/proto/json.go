package proto

import (
	"time"
	"unicode/utf8"
)

// AppendTime appends t as RFC 3339 in UTC with milliseconds.
func AppendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

// AppendTagged appends object with the name of its room right after its type, with which
// every object of the protocol begins: {"type":"message","room":"a", and so on. The object
// must not name a room itself.
func AppendTagged(b []byte, room string, object []byte) []byte {
	i := len(`{"type":"`)
	for ; object[i] != '"'; i++ {
		if object[i] == '\\' {
			i++
		}
	}
	i++
	b = append(append(b, object[:i]...), `,"room":`...)
	return append(AppendQuoted(b, room), object[i:]...)
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends s as a JSON string (RFC 8259, section 7). Bytes that are not UTF-8
// become U+FFFD. Characters that would end a line or a script in JavaScript are escaped, so
// that the object can be part of a page.
func AppendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' {
				i++
				continue
			}
			b = append(b, s[from:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(append(b, s[from:i]...), "\ufffd"...)
			from = i + n
		} else if r == '\u2028' || r == '\u2029' {
			b = append(append(b, s[from:i]...), `\u202`...)
			b = append(b, hexDigits[r&15])
			from = i + n
		}
		i += n
	}
	return append(append(b, s[from:]...), '"')
}
