package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of names.
const (
	maxName  = 64 // runes of a username or a room's name
	maxMarks = 4  // combining marks in a row
	maxUser  = 128
	maxID    = 64
)

// CheckUsername is the default username rule. It returns name in Unicode's
// normal form KC (UAX #15) without white space around it, which may be empty. It
// refuses what is not UTF-8; what is longer than 64 runes; control, format
// (bidirectional overrides, zero-width and tag characters), unassigned,
// private-use and blank characters but the space; combining marks that have
// nothing to stand on, do not show, or are more than four in a row; and letters
// of Latin, Greek, Cyrillic or other scripts mixed in ways that no language does,
// which is how one name is made to look like another (UTS #39, section 5.1).
// Names need not be unique, and letters of one script may look alike: the user's
// id tells users apart.
func CheckUsername(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: the username is not UTF-8", ErrBadName)
	}
	return checkName("username", strings.TrimFunc(name, func(r rune) bool {
		return unicode.Is(unicode.Zs, r) // control characters are refused at the ends too
	}))
}

// CheckRoom is the default room rule. It returns name in Unicode's normal form
// KC, so that names that look the same are the same room; upper and lower case
// differ. It refuses the empty name, ".", ".." and names with a slash or backslash,
// with white space around them, or with anything that CheckUsername refuses.
func CheckRoom(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", fmt.Errorf("%w: the room's name is not UTF-8", ErrBadName)
	}
	n, err := checkName("room's name", name)
	switch {
	case err != nil:
		return "", err
	case n == "":
		return "", fmt.Errorf("%w: the room's name is empty", ErrBadName)
	case n == "." || n == "..":
		return "", fmt.Errorf("%w: . and .. are no names of a room", ErrBadName)
	case strings.ContainsAny(n, `/\`):
		return "", fmt.Errorf("%w: a room's name has no / and no \\ in it", ErrBadName)
	case strings.TrimSpace(n) != n:
		return "", fmt.Errorf("%w: the room's name has space around it", ErrBadName)
	}
	return n, nil
}

// checkName does what both rules have in common; what names the thing.
func checkName(what, s string) (string, error) {
	if len(s) > 16*maxName {
		return "", tooLong(what)
	}
	s = norm.NFKC.String(s)
	marks, runes, last := 0, 0, ' '
	var scripts scriptSet
	for i, r := range s {
		if runes++; runes > maxName {
			return "", tooLong(what)
		}
		before := last
		last = r
		switch {
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks || before == ' ' {
				return "", fmt.Errorf("%w: the %s has too many combining marks, or some on nothing", ErrBadName, what)
			}
			if hidden(before, r, s[i+utf8.RuneLen(r):]) {
				return "", fmt.Errorf("%w: the %s has characters that do not show", ErrBadName, what)
			}
			continue
		case r != ' ' && !unicode.IsGraphic(r), unicode.Is(unicode.Zs, r) && r != ' ', blank[r]:
			return "", fmt.Errorf("%w: the %s has characters that do not show", ErrBadName, what)
		}
		marks = 0
		if unicode.IsLetter(r) {
			scripts |= scriptOf(r)
		}
	}
	if scripts.mixed() {
		return "", fmt.Errorf("%w: the %s mixes scripts", ErrBadName, what)
	}
	return s, nil
}

func tooLong(what string) error {
	return fmt.Errorf("%w: the %s is longer than %d characters", ErrBadName, what, maxName)
}

// hidden reports whether the mark r, between before and after, does not show. The
// selectors of a symbol's form, as emoji have them, do.
func hidden(before, r rune, after string) bool {
	if r == '\ufe0e' || r == '\ufe0f' {
		return !unicode.In(before, unicode.So, unicode.Sm) && !strings.HasPrefix(after, "\u20e3")
	}
	return ignorable(r)
}

// ignorable reports whether r shows nothing by itself (Unicode, DerivedCoreProperties,
// Default_Ignorable_Code_Point, of those that are not formats).
func ignorable(r rune) bool {
	return unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// blank are characters that Unicode calls letters or symbols but that show
// nothing, and the replacement character, which stands for a lost one.
var blank = map[rune]bool{
	'\u115f': true, '\u1160': true, '\u3164': true, '\uffa0': true, // Hangul fillers
	'\u2800': true, '\U0001d159': true, // Braille pattern blank, null notehead
	'\ufffd': true, '\ufffc': true,
}

// scriptSet is a set of scripts. Beside those with names it has a bit for each
// entry of livingScripts.
type scriptSet uint64

const (
	latin scriptSet = 1 << iota
	greek
	cyrillic
	han
	kana
	hangul
	bopomofo
	armenian
	cherokee
	otherScript // one that next to nobody writes today
	firstLiving
)

var scriptTables = []struct {
	table *unicode.RangeTable
	set   scriptSet
}{
	{unicode.Latin, latin}, {unicode.Greek, greek}, {unicode.Cyrillic, cyrillic},
	{unicode.Han, han}, {unicode.Hiragana, kana}, {unicode.Katakana, kana},
	{unicode.Hangul, hangul}, {unicode.Bopomofo, bopomofo}, {unicode.Armenian, armenian},
	{unicode.Cherokee, cherokee}, {unicode.Common, 0}, {unicode.Inherited, 0},
}

// livingScripts are the other scripts in wide use (UAX #31, table 5). None of
// them is taken for Latin.
var livingScripts = []*unicode.RangeTable{
	unicode.Arabic, unicode.Hebrew, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi,
	unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada,
	unicode.Malayalam, unicode.Sinhala, unicode.Thai, unicode.Lao, unicode.Tibetan,
	unicode.Myanmar, unicode.Georgian, unicode.Ethiopic, unicode.Khmer, unicode.Thaana,
}

func scriptOf(r rune) scriptSet {
	if r < utf8.RuneSelf {
		return latin
	}
	for _, s := range scriptTables {
		if unicode.Is(s.table, r) {
			return s.set
		}
	}
	for i, table := range livingScripts {
		if unicode.Is(table, r) {
			return firstLiving << i
		}
	}
	return otherScript
}

// mixed reports whether the scripts do not go together: one may stand alone, and
// Latin goes with those of East Asia and with others that it is not mistaken for.
func (s scriptSet) mixed() bool {
	east := []scriptSet{latin | han | kana, latin | han | hangul, latin | han | bopomofo}
	for _, set := range east {
		if s&^set == 0 {
			return false
		}
	}
	rest := s &^ latin
	if s&latin != 0 && rest&(greek|cyrillic|armenian|cherokee|otherScript) != 0 {
		return true
	}
	return rest&(rest-1) != 0
}

// checkUserID reports what is wrong with an id that an authenticator gave.
func checkUserID(id string) error {
	switch {
	case id == "" || len(id) > maxUser || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%w: the user's id must be 1 to %d bytes without control characters", ErrBadName, maxUser)
	case isAnonymous(id):
		return fmt.Errorf("%w: the user's id begins with %q", ErrBadName, anonPrefix)
	}
	return nil
}
