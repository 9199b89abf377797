package names

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// clusters are cases of Unicode's GraphemeBreakTest.txt (15.0.0), and of the Indic
// conjuncts of 15.1, one boundary at each |.
var clusters = []string{
	"a|b", " |a", "\r\n|a", "\r|\r", "\n|\r", "a|\u0001", "\u0001|\u0308", "a\u0308|b", "a\u0308\u0300",
	"\u1100\u1160\u11a8", "\u1100\u1100", "\u1100|\u11a8", "\u1100\uac00\u11a8|\u1100", "\uac00\u1160", "\uac00\u11a8|\uac01", "\uac01\u11a8\u11a8|\u1160",
	"\uac01|\u1160", "\u1160\u1160\u11a8|\u1100", "\u11a8\u11a8|\u1160", "\u1100\u0308|\u1160", "\ua960\ud7b0\ud7cb", "\uac00|a",
	"🇦🇧|🇨|b", "a|🇦🇧|🇨🇩|b", "a|🇦🇧\u200d|🇨🇩|b", "a|🇦\u200d|🇧🇨|🇩|b", "🇦|a",
	"a\u200d", "a\u0308|b", "a\u0903|b", "a|\u0600b", "\u0600\u0600a", "\u0600|\r", "ක\u0dcf", "กำ|ก",
	"👶🏿|👶", "a🏿|👶", "a🏿|👶\u200d🛑", "👶🏿\u0308\u200d👶🏿", "🛑\u200d🛑", "a\u200d|🛑", "✁\u200d✁", "a\u200d|✁", "👩\u200d👩\u200d👧|x", "❤️|🔥",
	"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f|🏴", "1\ufe0f\u20e3|2", "e\u0301\u20dd|e",
	"क्त", "क्\u200dत", "क्त|क", "கி|க்|க", "\u200c|a", "Z\u0300\u0323\u0301|Z",
}

func TestGraphemes(t *testing.T) {
	for _, row := range clusters {
		rs := []rune(strings.ReplaceAll(row, "|", ""))
		var got []string
		for len(rs) > 0 {
			n := grapheme(rs)
			got, rs = append(got, string(rs[:n])), rs[n:]
		}
		if diff := cmp.Diff(row, strings.Join(got, "|")); diff != "" {
			t.Errorf("%+q (-want +got):\n%s", row, diff)
		}
	}
}

// TestTables checks the generated tables with known facts, and that Go's tables of scripts are
// read completely.
func TestTables(t *testing.T) {
	tab := table()
	for bases := range tab.joined {
		if n := len([]rune(bases)); n < 2 || n > maxJoined {
			t.Errorf("%s: %d emoji", bases, n)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		set := scriptsOf(r)
		if set.empty() {
			t.Fatalf("%U has no script", r)
		}
		if 'a' <= r && r <= 'z' && set != latin || '0' <= r && r <= '9' && set != anyScript {
			t.Errorf("%U is in %x", r, set)
		}
	}
	for name, script := range unicode.Scripts {
		for r := rune(0x370); r < 0x3000; r++ { // letters are in their script
			if name != "Common" && name != "Inherited" && unicode.Is(script, r) && unicode.IsLetter(r) && scriptsOf(r) == anyScript {
				t.Errorf("%U of %s is in any", r, name)
			}
		}
	}
	if len(tab.joined) < 240 || !tab.pictograph.has('😀') || tab.pictograph.has('a') || !tab.colourful.has('⚡') || tab.colourful.has('❤') ||
		!tab.joinsBoth.has('ب') || tab.joinsBoth.has('ا') || !tab.joinsBefore.has('ا') || !tab.vowelSign.has('ि') {
		t.Error("a table lacks a character that it must contain")
	}
}
