package names

import (
	"slices"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// settle brings rs to a form in which names that look the same are the same. The form is NFKC
// (UAX #15), except where that would spoil characters, with one space for several, emoji with
// their recommended selectors, and no joiner that changes nothing. It reports whether the result
// is settled: whether another call would not change it.
func settle(rs []rune) ([]rune, bool) {
	for range maxSettling {
		was := rs
		rs = spaces(sara(joiners(compatible(rs))))
		if slices.Equal(was, rs) {
			return rs, true
		}
		if len(rs) > maxVouched {
			break // a few characters can stand for 18 each
		}
	}
	return rs, false
}

// compatible maps rs to NFKC and emoji to their form.
func compatible(rs []rune) (out []rune) {
	from := 0
	flush := func(to int) {
		if from < to {
			out = append(out, []rune(norm.NFKC.String(string(rs[from:to])))...)
		}
	}
	for i := 0; i < len(rs); {
		if n, as := emoji(rs[i:]); n > 0 {
			flush(i)
			out = append(out, as...)
			i += n
			from = i
			continue
		}
		switch r := rs[i]; {
		case kept(r):
			flush(i)
			out = append(out, r)
			from = i + 1
		case r == '\u00b4' && i > 0 && unicode.IsLetter(rs[i-1]) && i+1 < len(rs) && unicode.IsLetter(rs[i+1]):
			flush(i)
			out = append(out, '’') // an accent typed for an apostrophe
			from = i + 1
		case i > 0 && unicode.Is(unicode.Variation_Selector, r) && dropSelector(rs[i-1], r):
			flush(i) // fonts may draw an ideograph another way
			from = i + 1
		}
		i++
	}
	flush(len(rs))
	return out
}

// kept reports whether NFKC would spoil r. With NFKC, the vowel am of Thai and Lao loses its
// place beside a tone mark, single Korean letters run into each other, single accents become
// marks on a space, and the sign for a number becomes letters.
func kept(r rune) bool {
	switch r {
	case '\u0e33', '\u0eb3', '¯', '\u309b', '\u309c', '№':
		return true
	}
	return '\u3131' <= r && r <= '\u318e' && r != '\u3164' || '\u02d8' <= r && r <= '\u02dd'
}

// dropSelector reports whether the selector r after before makes almost no difference.
func dropSelector(before, r rune) bool {
	return unicode.Is(unicode.Ideographic, before) && r != iconStyle && !unicode.Is(unicode.Mongolian, r) ||
		r == textStyle && table().pictograph.has(before)
}

// sara writes the vowel am of Thai and Lao as one character, which fonts support.
func sara(rs []rune) (out []rune) {
	for i := 0; i < len(rs); i++ {
		for _, base := range []rune{0x0e00, 0x0e80} {
			circle, aa, am := base+0x4d, base+0x32, base+0x33
			switch rest := rs[i:]; {
			case rest[0] != circle:
			case len(rest) > 1 && rest[1] == aa:
				rs = slices.Concat(rs[:i], []rune{am}, rest[2:])
			case len(rest) > 2 && rest[2] == aa && base+0x48 <= rest[1] && rest[1] <= base+0x4b:
				rs = slices.Concat(rs[:i], []rune{rest[1], am}, rest[3:])
			}
		}
		out = append(out, rs[i])
	}
	return out
}

// spaces replaces several spaces by one, as pages show them.
func spaces(rs []rune) (out []rune) {
	for i, r := range rs {
		if r != ' ' || i == 0 || rs[i-1] != ' ' {
			out = append(out, r)
		}
	}
	return out
}

// The decisions about a joiner.
const (
	refuse = iota
	drop   // it changes nothing
	keep
)

// joiners removes the joiners that change nothing. In scripts without spaces between words, it
// removes characters that only say where a line may break.
func joiners(rs []rune) (out []rune) {
	for i := 0; i < len(rs); {
		if n, _ := emoji(rs[i:]); n > 0 {
			out = append(out, rs[i:i+n]...)
			i += n
			continue
		}
		switch r := rs[i]; {
		case (r == zwnj || r == zwj) && joiner(rs, i) == drop:
		case r == lineBreak && i > 0 && i+1 < len(rs) && spaceless(rs[i-1]) && spaceless(rs[i+1]) && unicode.IsLetter(rs[i+1]):
		default:
			out = append(out, r)
		}
		i++
	}
	return out
}

const lineBreak = '\u200b'

// spaceless reports whether r is of a script that has no spaces between words.
func spaceless(r rune) bool {
	return unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) && unicode.In(r, unicode.L, unicode.M)
}

// joiner decides about rs[i], a zero-width joiner or non-joiner that is not part of an emoji
// (UAX #31, section 2.3, and also words of Bengali, Sinhala and Persian).
func joiner(rs []rune, i int) int {
	before, after := i-1, i+1
	for before >= 0 && i-before <= maxMarks && unicode.Is(unicode.M, rs[before]) {
		before--
	}
	for after < len(rs) && after-i <= maxMarks && unicode.Is(unicode.M, rs[after]) {
		after++
	}
	if before < 0 || !unicode.IsLetter(rs[before]) {
		return refuse
	}
	letter := after < len(rs) && unicode.IsLetter(rs[after])
	virama := viramaBefore(rs, i)
	if rs[i] == zwnj {
		switch {
		case letter && table().joinsBoth.has(rs[before]) && table().joinsBefore.has(rs[after]):
			return keep // A1
		case letter && unicode.Is(unicode.Arabic, rs[before]) && unicode.Is(unicode.Arabic, rs[after]):
			return drop // the letters are not joined anyway
		case virama && letter:
			return keep // A2
		case letter && table().vowelSign.has(rs[i-1]):
			return drop // letters join only by a virama
		case virama && (i+1 == len(rs) || !inWord(rs[i+1]) && rs[i+1] != zwnj && rs[i+1] != zwj):
			return drop // the end of a word
		}
		return refuse
	}
	next := rune(' ')
	if i+1 < len(rs) {
		next = rs[i+1]
	}
	switch {
	case virama && !table().vowelSign.has(next) && next != zwnj && next != zwj:
		return keep // B
	case before == i-1 && combiningClass(next) == viramaClass && i+2 < len(rs) && unicode.IsLetter(rs[i+2]):
		return keep // Bengali ra with ya-phala, Sinhala letters that touch
	}
	return refuse
}

// viramaBefore reports whether a virama, with its marks, is before rs[i].
func viramaBefore(rs []rune, i int) bool {
	for j := i - 1; j >= 0 && i-j <= maxMarks && unicode.Is(unicode.M, rs[j]); j-- {
		switch combiningClass(rs[j]) {
		case viramaClass:
			return true
		case 0:
			return false
		}
	}
	return false
}
