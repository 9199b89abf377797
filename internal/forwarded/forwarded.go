package forwarded

import (
	"iter"
	"strings"
)

// A Hop is what one proxy says about the connection that it accepted.
type Hop struct {
	Said  bool   // whether it names the other end
	For   Node   // the other end
	Proto string // "http" or "https" or another scheme, or ""
	Text  string // the unchanged text
}

// Lists are read from their end, one element at a time. A proxy adds to the end, and no
// text before its element, such as a quote that a client has opened and not closed, may
// change how that element is read.

// XForwardedFor yields the hops of the header's lines, the last one first.
func XForwardedFor(lines []string) iter.Seq[Hop] {
	return hops(lines, func(s string) int { return strings.LastIndexByte(s, ',') }, func(s string) Hop {
		return Hop{Said: true, For: ParseNode(s), Text: s}
	})
}

// Forwarded yields the hops of the header's lines, the last one first.
func Forwarded(lines []string) iter.Seq[Hop] {
	return hops(lines, func(s string) int { return lastOutside(s, ',') }, element)
}

func hops(lines []string, comma func(string) int, parse func(string) Hop) iter.Seq[Hop] {
	return func(yield func(Hop) bool) {
		for i := len(lines) - 1; i >= 0; i-- {
			for rest, more := lines[i], true; more; {
				j := comma(rest)
				last := strings.Trim(rest[j+1:], " \t")
				if more = j >= 0; more {
					rest = rest[:j]
				}
				if last != "" && !yield(parse(last)) { // empty elements are none (RFC 9110, section 5.6.1)
					return
				}
			}
		}
	}
}

// lastOutside returns the index of the last sep outside of quoted strings, or -1. It reads from
// the end.
func lastOutside(s string, sep byte) int {
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] == '"':
			slashes := 0
			for quoted && i-1-slashes >= 0 && s[i-1-slashes] == '\\' {
				slashes++
			}
			if slashes%2 == 0 {
				quoted = !quoted
			}
			i -= slashes
		case s[i] == sep && !quoted:
			return i
		}
	}
	return -1
}

// element reads one element of Forwarded: pairs with ";" between them, each key at
// most once. Values that should be quoted and are not are taken as they are.
func element(text string) Hop {
	h := Hop{Text: text}
	garbled := Hop{Said: true, Text: text}
	seen := map[string]bool{}
	for rest, more := text, true; more; {
		i := lastOutside(rest, ';')
		pair := strings.Trim(rest[i+1:], " \t")
		if more = i >= 0; more {
			rest = rest[:i]
		}
		if pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		key = strings.ToLower(strings.Trim(key, " \t"))
		if !ok || key == "" || strings.ContainsAny(key, " \t\"") || seen[key] || len(seen) > 16 {
			return garbled
		}
		seen[key] = true
		if value, ok = unquote(strings.Trim(value, " \t")); !ok {
			return garbled
		}
		switch key {
		case "for":
			if h.Said, h.For = true, ParseNode(value); h.For.Kind == Garbled {
				return garbled
			}
		case "proto":
			h.Proto = strings.ToLower(value)
		}
	}
	return h
}

// unquote returns the text of a token or a quoted string (RFC 9110, section 5.6.4).
func unquote(s string) (string, bool) {
	if !strings.HasPrefix(s, `"`) {
		return s, !strings.ContainsAny(s, " \t\"\\")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}

// A Path is the result of reading a header.
type Path struct {
	Said    bool   // whether it names a client
	Client  Node   // the last node that is not a trusted proxy, or the last proxy before an element that cannot be parsed
	Proto   string // the scheme that Client uses to the first trusted proxy, or ""
	Garbled string // the element that cannot be parsed, or ""
}

// Follow goes from peer, a trusted proxy, towards the client, as long as the proxies are
// trusted. Everything before that may be the client's invention.
func Follow(hops iter.Seq[Hop], peer Node, trusted func(Node) bool) Path {
	p := Path{Client: peer}
	for h := range hops {
		if p.Proto = h.Proto; !h.Said {
			break
		}
		p.Said = true
		if h.For.Kind == Garbled {
			p.Garbled = h.Text
			break
		}
		if p.Client = h.For; !trusted(h.For) {
			break
		}
	}
	return p
}
