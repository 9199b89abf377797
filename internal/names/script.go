package names

import "unicode"

// besideLatin are the scripts in wide use (UAX #31, table 5) that may be in one word with Latin.
// As in UTS #39 (5.2, moderately restrictive), these are all except Greek and Cyrillic. Armenian
// is left out too, because some of its letters look like Latin ones. The scripts of East Asia
// may also be combined with each other in the usual ways.
var besideLatin = []string{
	"Arabic", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Hebrew",
	"Kannada", "Khmer", "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu",
	"Thaana", "Thai", "Tibetan", "Bopomofo", "Han", "Hangul", "Hiragana", "Katakana",
}

// inWord reports whether r is part of a word, rather than between words.
func inWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.N) }

// word collects the scripts and digits of a word.
type word struct {
	all, rest scriptSet // of all characters, and of those that are not Latin
	zero      rune      // of the digits' system
	digits    bool
}

func newWord() word { return word{all: anyScript, rest: anyScript} }

// add adds r. It reports whether the word can still be a word of one language.
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

// zeroOf returns the digit 0 of r's system. Each system has ten digits in a row, and some
// systems follow each other directly.
func zeroOf(r rune) rune {
	first := r
	for unicode.Is(unicode.Nd, first-1) {
		first--
	}
	return r - (r-first)%10
}

// mixed returns what is wrong with the scripts of rs, or "".
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
