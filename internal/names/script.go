package names

import "unicode"

// besideLatin are the scripts in wide use (UAX #31, table 5) that may stand in one
// word with Latin: all but Greek and Cyrillic, as UTS #39 has it (5.2, moderately
// restrictive), and but Armenian, some of whose letters are Latin's by their looks.
// Those of East Asia stand there with their ways to be written together.
var besideLatin = []string{
	"Arabic", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Hebrew",
	"Kannada", "Khmer", "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu",
	"Thaana", "Thai", "Tibetan", "Bopomofo", "Han", "Hangul", "Hiragana", "Katakana",
}

// inWord reports whether r is part of a word, rather than between words.
func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) }

// word gathers what scripts and digits a word has.
type word struct {
	all, rest scriptSet // of all characters, and of those that are not Latin
	zero      rune      // of the digits' system
	digits    bool
}

func newWord() word { return word{all: anyScript, rest: anyScript} }

// add takes r in. It reports whether the word still is one that a language has.
func (w *word) add(r rune) string {
	s := scriptsOf(r)
	w.all = w.all.and(s)
	if s.and(latin).empty() {
		w.rest = w.rest.and(s)
	}
	if w.all.empty() && w.rest.and(recommended).empty() {
		return "mixes letters of different scripts in one word: keep each word in one script"
	}
	if unicode.Is(unicode.Nd, r) {
		zero := zeroOf(r)
		if w.digits && zero != w.zero {
			return "mixes digits of different scripts in one word: keep to one kind"
		}
		w.digits, w.zero = true, zero
	}
	return ""
}

// zeroOf returns the digit 0 of r's system. Digits stand in runs of ten, one after
// the other where systems are neighbours.
func zeroOf(r rune) rune {
	first := r
	for unicode.Is(unicode.Nd, first-1) {
		first--
	}
	return r - (r-first)%10
}

// mixed says what is wrong with the scripts of rs, or "".
func mixed(rs []rune) string {
	w := newWord()
	for i := 0; i < len(rs); {
		if n, _ := emoji(rs[i:]); n > 0 {
			w = newWord()
			i += n
			continue
		}
		r := rs[i]
		i++
		if r == zwj || r == zwnj {
			continue
		}
		if !inWord(r) {
			w = newWord()
			continue
		}
		if why := w.add(r); why != "" {
			return why
		}
	}
	return ""
}
