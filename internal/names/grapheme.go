package names

import "unicode"

// cut returns the first characters of rs, at most most of them. It does not cut a group of
// characters that is shown as one (an extended grapheme cluster, UAX #29), unless the group
// alone is longer.
func cut(rs []rune, most int) []rune {
	end := 0
	for end < len(rs) {
		n := grapheme(rs[end:])
		if end+n > most {
			break
		}
		end += n
	}
	if end == 0 {
		end = min(most, len(rs))
	}
	return rs[:end]
}

// grapheme returns how many of rs are shown as one character. Indic letters that a virama joins
// are one, as in later versions of UAX #29 (GB9c).
func grapheme(rs []rune) int {
	if unicode.In(rs[0], unicode.Cc, unicode.Zl, unicode.Zp) {
		if len(rs) > 1 && rs[0] == '\r' && rs[1] == '\n' {
			return 2 // GB3
		}
		return 1 // GB4, GB5
	}
	if prepended(rs[0]) && len(rs) > 1 && !unicode.In(rs[1], unicode.Cc, unicode.Zl, unicode.Zp) {
		return 1 + grapheme(rs[1:]) // GB9b
	}
	n, _ := emoji(rs)
	if n == 0 {
		n = syllable(rs)
	}
	for ; n < len(rs); n++ {
		switch r, before := rs[n], rs[n-1]; {
		case extends(r): // GB9, GB9a
		case before == zwj && table().pictograph.has(r) && pictured(rs[:n-1]): // GB11
		case conjunct(rs[:n]) && unicode.IsLetter(r): // GB9c
		default:
			return n
		}
	}
	return n
}

// extends reports whether r is shown with the character before it.
func extends(r rune) bool {
	return unicode.In(r, unicode.M, unicode.Other_Grapheme_Extend) || r == zwj || tone(r) ||
		0xe0020 <= r && r <= 0xe007f || r == '\u0e33' || r == '\u0eb3'
}

// pictured reports whether rs ends with an emoji and characters that extend it.
func pictured(rs []rune) bool {
	i := len(rs) - 1
	for i > 0 && extends(rs[i]) && rs[i] != zwj {
		i--
	}
	return i >= 0 && table().pictograph.has(rs[i])
}

// conjunct reports whether rs ends with a virama that joins its letter to the next one. Tamil
// and Thai show the virama instead.
func conjunct(rs []rune) bool {
	i := len(rs) - 1
	if rs[i] == zwj {
		i--
	}
	return i > 0 && combiningClass(rs[i]) == viramaClass && !unicode.In(rs[i], unicode.Tamil, unicode.Thai)
}

func prepended(r rune) bool {
	return unicode.Is(unicode.Prepended_Concatenation_Mark, r) || r == '\u0d4e'
}

// The parts of Korean syllables.
const (
	noHangul = iota
	leading
	vowel
	trailing
	open   // a whole syllable without a trailing consonant
	closed // a whole syllable with a trailing consonant
)

func hangulPart(r rune) int {
	switch {
	case 0x1100 <= r && r <= 0x115f, 0xa960 <= r && r <= 0xa97c:
		return leading
	case 0x1160 <= r && r <= 0x11a7, 0xd7b0 <= r && r <= 0xd7c6:
		return vowel
	case 0x11a8 <= r && r <= 0x11ff, 0xd7cb <= r && r <= 0xd7fb:
		return trailing
	case 0xac00 <= r && r <= 0xd7a3 && (r-0xac00)%28 == 0:
		return open
	case 0xac00 <= r && r <= 0xd7a3:
		return closed
	}
	return noHangul
}

// syllable returns how many of rs are a Korean syllable (GB6 to GB8), or 1.
func syllable(rs []rune) int {
	for n := 1; n < len(rs); n++ {
		switch a, b := hangulPart(rs[n-1]), hangulPart(rs[n]); {
		case a == leading && b != noHangul && b != trailing:
		case (a == open || a == vowel) && (b == vowel || b == trailing):
		case (a == closed || a == trailing) && b == trailing:
		default:
			return n
		}
	}
	return len(rs)
}
