package names

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

//go:generate go run gen.go /usr/share/unicode

// runeSet is a sorted list of ranges.
type runeSet [][2]rune

func parseSet(table string) (s runeSet) {
	for f := range strings.FieldsSeq(table) {
		s = append(s, parseRange(f))
	}
	return s
}

func parseRange(f string) [2]rune {
	lo, hi, two := strings.Cut(f, "-")
	if !two {
		hi = lo
	}
	return [2]rune{parseRune(lo), parseRune(hi)}
}

func parseRune(hex string) rune {
	n, err := strconv.ParseInt(hex, 16, 32)
	if err != nil {
		panic("names: " + err.Error()) // a test reads every table
	}
	return rune(n)
}

func (s runeSet) has(r rune) bool {
	_, found := slices.BinarySearchFunc(s, r, func(e [2]rune, r rune) int {
		switch {
		case e[1] < r:
			return -1
		case e[0] > r:
			return 1
		}
		return 0
	})
	return found
}

// tables are the parsed generated constants.
type tables struct {
	pictograph, colourful, joinsBoth, joinsBefore, vowelSign runeSet

	joined  map[string][]bool // by the emoji of a sequence: which of them have a selector
	scripts []scriptRange
}

// table parses the constants when the first name is checked.
var table = sync.OnceValue(func() *tables {
	t := &tables{
		pictograph: parseSet(pictographs), colourful: parseSet(colourful),
		joinsBoth: parseSet(joinsBoth), joinsBefore: parseSet(joinsBefore),
		vowelSign: parseSet(vowelSigns), joined: map[string][]bool{},
	}
	for f := range strings.FieldsSeq(joinedEmoji) {
		var bases []rune
		var selectors []bool
		for e := range strings.SplitSeq(f, "+") {
			code, selector := strings.CutSuffix(e, "-fe0f")
			bases, selectors = append(bases, parseRune(code)), append(selectors, selector)
		}
		t.joined[string(bases)] = selectors
	}
	t.scripts = readScripts()
	return t
})

// scriptSet is a set of scripts, by their index among the names of unicode.Scripts, and of the
// combinations of scripts in use (UTS #39, section 5.1).
type scriptSet [4]uint64

// The sets that the rules use.
var (
	anyScript                     = scriptSet{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
	japanese, korean, hanBopomofo = single(253), single(254), single(255)
	latin, recommended            scriptSet // set by readScripts
)

type scriptRange struct {
	lo, hi rune
	set    scriptSet
}

func single(bit int) (s scriptSet) {
	s[bit/64] = 1 << (bit % 64)
	return s
}

func (s scriptSet) and(o scriptSet) scriptSet {
	return scriptSet{s[0] & o[0], s[1] & o[1], s[2] & o[2], s[3] & o[3]}
}

func (s scriptSet) or(o scriptSet) scriptSet {
	return scriptSet{s[0] | o[0], s[1] | o[1], s[2] | o[2], s[3] | o[3]}
}

func (s scriptSet) empty() bool { return s == scriptSet{} }

// readScripts lists the ranges of all scripts, and of the characters that belong to several.
func readScripts() (all []scriptRange) {
	names := make([]string, 0, len(unicode.Scripts))
	for name := range unicode.Scripts {
		names = append(names, name)
	}
	slices.Sort(names)
	bits := map[string]scriptSet{}
	for i, name := range names {
		set := single(i)
		switch name {
		case "Common", "Inherited":
			set = anyScript
		case "Han":
			set = set.or(japanese).or(korean).or(hanBopomofo)
		case "Hiragana", "Katakana":
			set = set.or(japanese)
		case "Hangul":
			set = set.or(korean)
		case "Bopomofo":
			set = set.or(hanBopomofo)
		}
		bits[name] = set
		add := func(lo, hi, stride rune) {
			if stride == 1 {
				all = append(all, scriptRange{lo, hi, set})
				return
			}
			for r := lo; r <= hi; r += stride {
				all = append(all, scriptRange{r, r, set})
			}
		}
		for _, r := range unicode.Scripts[name].R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range unicode.Scripts[name].R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	latin = bits["Latin"]
	for _, name := range besideLatin {
		recommended = recommended.or(bits[name])
	}
	order := func(a, b scriptRange) int { return cmp.Compare(a.lo, b.lo) }
	slices.SortFunc(all, order)
	var several []scriptRange
	for f := range strings.FieldsSeq(scriptExtensions) {
		codes, list, _ := strings.Cut(f, ":")
		r, set := parseRange(codes), scriptSet{}
		for name := range strings.SplitSeq(list, ",") {
			set = set.or(bits[name])
		}
		several = append(several, scriptRange{r[0], r[1], set})
	}
	// Symbols of units are used beside Latin, and look like no Latin letter.
	for _, r := range []rune{'μ', 'Ω'} {
		several = append(several, scriptRange{r, r, bits["Greek"].or(latin)})
	}
	slices.SortFunc(several, order)
	return override(all, several)
}

// override returns the ranges of all with those of several in their place.
func override(all, several []scriptRange) (out []scriptRange) {
	for _, r := range all {
		i, _ := slices.BinarySearchFunc(several, r.lo, func(s scriptRange, lo rune) int { return cmp.Compare(s.hi, lo) })
		for ; i < len(several) && several[i].lo <= r.hi; i++ {
			if s := several[i]; s.lo > r.lo {
				out = append(out, scriptRange{r.lo, s.lo - 1, r.set})
			}
			r.lo = several[i].hi + 1
		}
		if r.lo <= r.hi {
			out = append(out, r)
		}
	}
	out = append(out, several...)
	slices.SortFunc(out, func(a, b scriptRange) int { return cmp.Compare(a.lo, b.lo) })
	return out
}

// scriptsOf returns the scripts that r is used with: all of them for common characters.
func scriptsOf(r rune) scriptSet {
	t := table()
	i, found := slices.BinarySearchFunc(t.scripts, r, func(s scriptRange, r rune) int {
		switch {
		case s.hi < r:
			return -1
		case s.lo > r:
			return 1
		}
		return 0
	})
	if !found {
		return anyScript
	}
	return t.scripts[i].set
}

// combiningClass returns r's Canonical_Combining_Class.
func combiningClass(r rune) uint8 { return norm.NFC.PropertiesString(string(r)).CCC() }

const viramaClass = 9
