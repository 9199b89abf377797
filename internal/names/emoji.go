package names

import (
	"slices"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	zwnj      = '\u200c'
	zwj       = '\u200d'
	textStyle = '\ufe0e' // the selectors of a symbol's form
	iconStyle = '\ufe0f'
	keycap    = '\u20e3'
	blackFlag = '\U0001f3f4'
)

// subdivisions are the tags of the flags that are recommended for general
// interchange (UTS #51, ED-14). Others would show as the black flag alone.
var subdivisions = []string{"gbeng", "gbsct", "gbwls"}

// emoji returns how many of rs form an emoji, as UTS #51 defines them, at the start of rs, and
// its one form: the same for all emoji that look the same. It returns 0 for other characters,
// and for symbols that NFKC maps to letters and that are not shown as emoji.
func emoji(rs []rune) (n int, as []rune) {
	if len(rs) == 0 {
		return 0, nil
	}
	switch r := rs[0]; {
	case r < 0x80:
		if n := 1; r == '#' || r == '*' || '0' <= r && r <= '9' {
			if n < len(rs) && rs[n] == iconStyle {
				n++
			}
			if n < len(rs) && rs[n] == keycap {
				return n + 1, []rune{r, iconStyle, keycap}
			}
		}
		return 0, nil
	case regional(r):
		if len(rs) > 1 && regional(rs[1]) {
			return 2, rs[:2]
		}
		return 0, nil
	case r == blackFlag:
		for _, tags := range subdivisions {
			if flag := tagged(tags); len(rs) >= len(flag) && slices.Equal(rs[:len(flag)], flag) {
				return len(flag), flag
			}
		}
	}
	return joined(rs)
}

func regional(r rune) bool { return unicode.Is(unicode.Regional_Indicator, r) }

func tagged(tags string) []rune {
	flag := []rune{blackFlag}
	for _, c := range tags {
		flag = append(flag, 0xe0000+c)
	}
	return append(flag, 0xe007f)
}

// element is an emoji that other emoji may be joined to.
type element struct{ base, selector, tone rune }

func (e element) append(rs []rune) []rune {
	rs = append(rs, e.base)
	if e.tone != 0 {
		return append(rs, e.tone)
	}
	if e.selector != 0 {
		return append(rs, e.selector)
	}
	return rs
}

// readElement returns the emoji at the start of rs, without emoji that are joined to it.
func readElement(rs []rune) (n int, e element) {
	if len(rs) == 0 || !table().pictograph.has(rs[0]) {
		return 0, e
	}
	e.base = rs[0]
	n = 1
	if n < len(rs) && (rs[n] == textStyle || rs[n] == iconStyle) {
		e.selector = rs[n]
		n++
	}
	if n < len(rs) && e.selector != textStyle && tone(rs[n]) {
		e.tone = rs[n]
		if n++; n < len(rs) && rs[n] == iconStyle {
			n++ // which a tone is without
		}
	}
	if e.selector == iconStyle && table().colourful.has(e.base) {
		e.selector = 0 // it is an emoji without a selector
	}
	return n, e
}

func tone(r rune) bool { return '\U0001f3fb' <= r && r <= '\U0001f3ff' }

// joined is emoji for a sequence with joiners (UTS #51, ED-16), or what could be one. The result
// has joiners if the sequence is recommended for general interchange. Fonts show other sequences
// as single emoji, one after the other, so they are written without joiners.
func joined(rs []rune) (int, []rune) {
	n, first := readElement(rs)
	if n == 0 {
		return 0, nil
	}
	all, ends := []element{first}, []int{n}
	for n < len(rs) && rs[n] == zwj && len(all) <= maxJoined {
		m, next := readElement(rs[n+1:])
		if m == 0 {
			break
		}
		n += 1 + m
		all, ends = append(all, next), append(ends, n)
	}
	for k := min(len(all), maxJoined); k > 1; k-- {
		bases := make([]rune, k)
		for i, e := range all[:k] {
			bases[i] = e.base
		}
		selectors, ok := table().joined[string(bases)]
		if !ok {
			continue
		}
		var as []rune
		for i, e := range all[:k] {
			if i > 0 {
				as = append(as, zwj)
			}
			if e.selector = 0; selectors[i] {
				e.selector = iconStyle
			}
			as = e.append(as)
		}
		return skipJoiner(ends, k), as
	}
	if s := string(first.base); norm.NFKC.String(s) != s && first.selector != iconStyle && !table().colourful.has(first.base) {
		return 0, nil
	}
	return skipJoiner(ends, 1), first.append(nil)
}

// maxJoined is the largest number of emoji in a joined sequence.
const maxJoined = 4

// skipJoiner returns where the first k emoji end, including a joiner that joins nothing.
func skipJoiner(ends []int, k int) int {
	if k < len(ends) {
		return ends[k-1] + 1
	}
	return ends[k-1]
}
