package names_test

//lint:file-ignore ST1018 names stand here as people type them, joiners too.

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/names"
)

// hold gives any text to both rules. Their results must not change when given again, must be
// short enough, and must contain no invisible characters except joiners.
func hold(t *testing.T, text string) {
	t.Helper()
	safe := names.Safe(text)
	for _, n := range []string{safe, names.Safe(safe)} {
		if n != safe || !utf8.ValidString(n) || utf8.RuneCountInString(n) > names.Max || n != "" && names.Blank(n) || strings.TrimSpace(n) != n {
			t.Fatalf("%+q made safe: %+q, then %+q", text, safe, n)
		}
	}
	// A safe name can be refused only for its scripts.
	if n, err := names.Check("name", safe); err != nil && !strings.Contains(err.Error(), "of different scripts in one word") || err == nil && n != safe {
		t.Fatalf("%+q made safe: %+q, put to the rule: %+q, %v", text, safe, n, err)
	}
	n, err := names.Check("name", text)
	if err != nil {
		if n != "" || !utf8.ValidString(err.Error()) || strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Fatalf("%+q: %+q, %q", text, n, err)
		}
		return
	}
	again, err := names.Check("name", n)
	if err != nil || again != n || names.Safe(n) != strings.Trim(n, " ") {
		t.Fatalf("%+q: %+q, then %+q, %v, made safe %+q", text, n, again, err, names.Safe(n))
	}
	for i, r := range n {
		joins := r == '\u200c' || r == '\u200d' || 0xe0060 < r && r <= 0xe007f && strings.ContainsRune(n[:i], '🏴')
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Co) || unicode.Is(unicode.Cf, r) && !joins {
			t.Fatalf("%+q: %+q has %U", text, n, r)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, n := range good {
		f.Add(n)
	}
	for _, row := range written {
		f.Add(row[0])
	}
	for _, row := range bad {
		if len(row.name) < 1000 {
			f.Add(row.name)
		}
	}
	f.Fuzz(hold)
}

// pieces are characters that the rules look at. Names of these pieces reach cases that random
// bytes do not reach.
var pieces = strings.Fields("a b é а о α क ् ि র য ‍ ‌ ක ් ර س ا د ب ُ ّ น ้ ํ า ำ ກ ໍ າ ᄒ ᅡ ᆫ 한 ㅋ 漢 か ﾞ ー 1 ２ ३ ৪ # * ⃣ ️ ︎ 👩 🏽 ❤ 🔥 🏳 🌈 🏴 ☠ 😀 ™ ㊗ 🈁 ℹ ⁉ 🇺 🇦 ´ ¨ ' - ( ) / . _ " +
	"\u0301 \u0323 \u0308 \u0483 \u202e \u200b \u2066 \u00ad \u034f \U000e0067 \U000e0062 \U000e007f \U000e0100 \ufe00 \u3164 \u2800 \u115f \ufdfa \u1820 \u180b \u180e \u0f77 \u0f39 \u0f71 \xff \x00 \u0e47")

func TestPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 15_000 {
		var b strings.Builder
		for n := 1 + r.IntN(14); n > 0; n-- {
			if r.IntN(8) == 0 {
				b.WriteString([]string{" ", "\u00a0", "\t"}[r.IntN(3)])
			} else {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
		}
		hold(t, b.String())
	}
	for range 300 { // and long ones
		var b strings.Builder
		few := r.IntN(len(pieces) - 3)
		for n := r.IntN(200); n > 0; n-- {
			b.WriteString(pieces[few+r.IntN(3)])
		}
		hold(t, b.String())
	}
}
