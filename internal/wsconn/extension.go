package wsconn

import (
	"slices"
	"strings"
)

// AcceptDeflate returns the answer to the first offer of permessage-deflate that the server
// can accept, or "" (RFC 7692, section 7). Each message is compressed alone, in both
// directions, with the largest window, which compress/flate always uses.
func AcceptDeflate(offers []string) string {
	for _, e := range parseExtensions(offers) {
		if e.name != "permessage-deflate" {
			continue
		}
		if bits, ok := e.deflate(); ok {
			answer := "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
			if bits {
				answer += "; server_max_window_bits=15"
			}
			return answer
		}
	}
	return ""
}

// deflate reports whether an offer can be accepted, and whether it limits the server's
// window, which the answer must then do too (section 7.1.2.1). It declines an offer with a
// parameter that is unknown, given twice or out of range (section 7).
func (e *extension) deflate() (bits, ok bool) {
	for i, p := range e.params {
		if slices.ContainsFunc(e.params[:i], func(q param) bool { return q.name == p.name }) {
			return false, false
		}
		switch p.name {
		case "client_no_context_takeover", "server_no_context_takeover":
			if p.given {
				return false, false
			}
		case "server_max_window_bits":
			if p.value != "15" {
				return false, false
			}
			bits = true
		case "client_max_window_bits": // any value: our larger window can inflate it
			if p.given && !slices.Contains(windowBits, p.value) {
				return false, false
			}
		default:
			return false, false
		}
	}
	return bits, true
}

// windowBits are the values of section 7.1.2: no leading zero.
var windowBits = []string{"8", "9", "10", "11", "12", "13", "14", "15"}

// extension is one offer of Sec-WebSocket-Extensions.
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	given       bool // it has a value
}

// parseExtensions reads the headers (RFC 6455, section 9.1). It leaves out a malformed
// offer, and everything after it in the same header.
func parseExtensions(headers []string) (all []extension) {
	for _, rest := range headers {
		for {
			rest = strings.TrimLeft(rest, ", \t")
			if rest == "" {
				break
			}
			e := extension{}
			ok := false
			if e.name, rest, ok = cutToken(rest); !ok {
				break
			}
			for ok && strings.HasPrefix(rest, ";") {
				var p param
				if p.name, rest, ok = cutToken(rest[1:]); ok && strings.HasPrefix(rest, "=") {
					p.given = true
					p.value, rest, ok = cutValue(rest[1:])
				}
				e.params = append(e.params, p)
			}
			if !ok || rest != "" && rest[0] != ',' {
				break
			}
			all = append(all, e)
		}
	}
	return all
}

// cutToken cuts a token (RFC 9110, section 5.6.2) and the blanks around it from the start of s.
func cutToken(s string) (token, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	n := 0
	for n < len(s) && isTokenByte(s[n]) {
		n++
	}
	return s[:n], strings.TrimLeft(s[n:], " \t"), n > 0
}

// cutValue cuts a token or a quoted-string (section 5.6.4) from the start of s, and returns
// its value.
func cutValue(s string) (value, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		return cutToken(s)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), strings.TrimLeft(s[i+1:], " \t"), true
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func isTokenByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
