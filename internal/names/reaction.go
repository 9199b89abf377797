package names

import (
	"errors"
	"unicode/utf8"
)

// maxReaction is the largest size in bytes of a reaction that is checked.
const maxReaction = 64

var errReaction = errors.New("a reaction is one emoji, or a name such as :shipit: of a-z, 0-9, _, + and -")

// Reaction returns a reaction in its one form. It is one emoji: a group of characters that is
// shown as one, such as a flag, a keycap, or several emoji with joiners between them (UTS #51,
// ED-17). An emoji that could also be shown as text gets the selector that shows it as emoji. Or
// it is a name between colons, which does not change.
func Reaction(s string) (string, error) {
	if s == "" || len(s) > maxReaction || !utf8.ValidString(s) {
		return "", errReaction
	}
	if s[0] == ':' {
		if !isShortName(s) {
			return "", errReaction
		}
		return s, nil
	}
	rs := []rune(s)
	if n, as := emoji(rs); n == len(rs) {
		return string(iconic(as)), nil
	}
	if flag(rs) || sequence(rs) {
		return s, nil
	}
	return "", errReaction
}

// isShortName reports whether s is a name between two colons.
func isShortName(s string) bool {
	if len(s) < 3 || s[len(s)-1] != ':' {
		return false
	}
	for _, c := range s[1 : len(s)-1] {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '+', c == '-':
		default:
			return false
		}
	}
	return true
}

// iconic adds the recommended selector to a symbol that is an emoji by itself or with a
// selector.
func iconic(as []rune) []rune {
	if len(as) > 2 || len(as) == 2 && as[1] != textStyle || !table().pictograph.has(as[0]) {
		return as
	}
	if table().colourful.has(as[0]) || as[0] >= 0x1f900 { // all of these are emoji, and future ones too
		return as[:1]
	}
	return []rune{as[0], iconStyle}
}

// flag reports whether rs are a flag with tags (UTS #51, ED-14a). It need not be a recommended
// one.
func flag(rs []rune) bool {
	if len(rs) < 3 || rs[0] != blackFlag || rs[len(rs)-1] != 0xe007f {
		return false
	}
	for _, r := range rs[1 : len(rs)-1] {
		if !(0xe0030 <= r && r <= 0xe0039 || 0xe0061 <= r && r <= 0xe007a) {
			return false
		}
	}
	return true
}

// sequence reports whether rs are several emoji with a joiner between each two. The sequence
// need not be a recommended one, because there are new ones each year.
func sequence(rs []rune) bool {
	for elements := 1; ; elements++ {
		n, e := readElement(rs)
		if n == 0 || e.selector == textStyle {
			return false
		}
		if n == len(rs) {
			return elements > 1
		}
		if rs[n] != zwj {
			return false
		}
		rs = rs[n+1:]
	}
}
