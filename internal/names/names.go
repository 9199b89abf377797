// Package names brings the names of users and rooms into one form, and refuses some: names
// that cannot be seen, and names that look like other names. It follows Unicode's UTS #39
// (moderately restrictive, word by word), UAX #31 (joiners), UTS #51 (emoji) and UAX #29
// (where text may be cut).
package names

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of a name, in characters: code points.
const (
	Max         = 64
	maxMarks    = 6        // combining marks in a row, as Tibetan and Burmese need
	maxStacked  = 4        // combining marks on top of each other
	maxBytes    = 16 * Max // bytes of a given name
	maxVouched  = maxBytes // bytes of a name to make safe; the rest is ignored
	maxSettling = 16       // rounds of settle
)

// Check returns name in its one form, so that names that look the same are the same. The error
// says what to change; what is the thing, such as "username".
func Check(what, name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("the %s is not UTF-8", what)
	}
	if len(name) > maxBytes {
		return "", tooLong(what)
	}
	for _, r := range name {
		if blank[r] {
			return "", fmt.Errorf("the %s has %s", what, unseen(r)) // before it turns into another
		}
	}
	rs, settled := settle([]rune(name))
	if len(rs) > Max {
		return "", tooLong(what)
	}
	for i := 0; i < len(rs); {
		n, why := unit(rs, i)
		if why != "" {
			return "", fmt.Errorf("the %s has %s", what, why)
		}
		i += n
	}
	if why := mixed(rs); why != "" {
		return "", fmt.Errorf("the %s %s", what, why)
	}
	if !settled {
		return "", fmt.Errorf("the %s cannot be written in one way: shorten it", what)
	}
	return string(rs), nil
}

func tooLong(what string) error {
	return fmt.Errorf("the %s is longer than %d characters: shorten it", what, Max)
}

// Safe returns a name, which is not refused, in a form that can be shown: without
// characters that cannot be seen or that reorder text, and cut before the character that no
// longer fits. Any scripts may be mixed. It returns "" if there is nothing left to see.
func Safe(name string) string {
	if len(name) > maxVouched {
		name = name[:maxVouched]
	}
	rs := []rune(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) && unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r):
			return -1
		}
		return r
	}, name))
	for range maxSettling {
		was := slices.Clone(rs)
		rs, _ = settle(rs)
		rs = cut(trim(strip(rs)), Max)
		if slices.Equal(was, rs) {
			return string(rs)
		}
	}
	// A text that does not settle is no normal text.
	return ""
}

// strip removes characters that cannot be shown.
func strip(rs []rune) []rune {
	var out []rune
	for i := 0; i < len(rs); {
		n, why := unit(rs, i)
		if why == "" {
			out = append(out, rs[i:i+n]...)
		}
		i += n
	}
	return out
}

// trim cuts off spaces around rs.
func trim(rs []rune) []rune {
	for len(rs) > 0 && rs[0] == ' ' {
		rs = rs[1:]
	}
	for len(rs) > 0 && rs[len(rs)-1] == ' ' {
		rs = rs[:len(rs)-1]
	}
	return rs
}

// unit returns how many characters at rs[i] belong together, and what is wrong with them.
func unit(rs []rune, i int) (n int, why string) {
	if n, _ := emoji(rs[i:]); n > 0 {
		return n, ""
	}
	r := rs[i]
	switch {
	case r == zwj || r == zwnj:
		if joiner(rs, i) != keep {
			return 1, unseen(r)
		}
	case unicode.Is(unicode.M, r):
		return 1, mark(rs, i)
	case r != ' ' && !unicode.IsGraphic(r), unicode.Is(unicode.Zs, r) && r != ' ', blank[r]:
		return 1, unseen(r)
	}
	return 1, ""
}

// mark returns what is wrong with the combining mark rs[i].
func mark(rs []rune, i int) string {
	r := rs[i]
	mongolian := i > 0 && unicode.Is(unicode.Mongolian, rs[i-1]) && unicode.Is(unicode.Mongolian, r) && unicode.IsLetter(rs[i-1])
	if ignorable(r) && !mongolian {
		return unseen(r)
	}
	all, stacked, j := 0, 0, i
	for ; j >= 0 && all <= maxMarks && (unicode.Is(unicode.M, rs[j]) || rs[j] == zwj || rs[j] == zwnj); j-- {
		if m := rs[j]; m != zwj && m != zwnj {
			all++
			if c := combiningClass(m); c != 0 && c != viramaClass {
				stacked++
			}
		}
	}
	switch {
	case all <= maxMarks && (j < 0 || rs[j] == ' '):
		return fmt.Sprintf("a combining mark, %s, with no letter before it: put it after a letter or leave it out", code(r))
	case all > maxMarks || stacked > maxStacked || unicode.In(r, unicode.Mn, unicode.Me) && lastOf(rs[i-1]) == r:
		return fmt.Sprintf("too many combining marks on one letter: leave out %s", code(r))
	}
	return ""
}

// lastOf returns the last of the characters that r decomposes to.
func lastOf(r rune) rune {
	r, _ = utf8.DecodeLastRuneInString(norm.NFD.String(string(r)))
	return r
}

// ignorable reports whether the mark r shows nothing by itself (Unicode,
// DerivedCoreProperties, Default_Ignorable_Code_Point, of those that are not formats).
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// blank are characters that Unicode calls letters or symbols but that show
// nothing, and the replacement characters, which stand for lost ones.
var blank = map[rune]bool{
	'\u115f': true, '\u1160': true, '\u3164': true, '\uffa0': true, // Hangul fillers
	'\u2800': true, '\U0001d159': true, // Braille pattern blank, null notehead
	'\U00013441': true, '\U00013442': true, // Egyptian blanks
	'\ufffd': true, '\ufffc': true,
}

// Blank reports whether text shows nothing at all. A character that Unicode had not assigned
// when Go's tables were made may be a new emoji, so it counts as visible.
func Blank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r == utf8.RuneError || !blank[r] && !unicode.IsSpace(r) && !unicode.In(r, unicode.Cc, unicode.Cf) && !ignorable(r)
	})
}

func code(r rune) string { return fmt.Sprintf("U+%04X", r) }

// unseen is the refusal of r, a character that is not shown.
func unseen(r rune) string {
	kind := called[r]
	switch {
	case kind != "":
	case unicode.IsControl(r):
		kind = "a control character"
	case unicode.Is(unicode.Variation_Selector, r):
		kind = "a variation selector"
	case 0xe0000 <= r && r <= 0xe007f:
		kind = "a tag character"
	case unicode.Is(unicode.Zs, r):
		kind = "an unusual space"
	case unicode.Is(unicode.Co, r):
		kind = "a private-use character"
	case unicode.Is(unicode.Cf, r):
		kind = "a format character"
	case unicode.IsGraphic(r):
		kind = "a blank character"
	default:
		kind = "a character that Unicode has not assigned"
	}
	return fmt.Sprintf("%s (%s), which does not show here: leave it out", code(r), kind)
}

// called has names of invisible characters that often get into names by accident.
var called = map[rune]string{
	'\t': "a tab", '\n': "a line break", '\r': "a line break", 0: "the null character",
	'\u2028': "a line separator", '\u2029': "a paragraph separator",
	'\u00ad': "a soft hyphen", '\u034f': "a combining grapheme joiner",
	'\u200b': "a zero-width space", zwnj: "a zero-width non-joiner", zwj: "a zero-width joiner",
	'\u200e': "a left-to-right mark", '\u200f': "a right-to-left mark", '\u061c': "an Arabic letter mark",
	'\u202a': "a left-to-right embedding", '\u202b': "a right-to-left embedding",
	'\u202c': "the end of a change of direction",
	'\u202d': "a left-to-right override", '\u202e': "a right-to-left override",
	'\u2060': "a word joiner", '\ufeff': "a byte order mark",
	'\u2066': "a left-to-right isolate", '\u2067': "a right-to-left isolate",
	'\u2068': "a first-strong isolate", '\u2069': "the end of an isolate",
	'\ufffd': "a replacement character: the text has gone through a wrong encoding",
}
