package names_test

//lint:file-ignore ST1018 reactions stand here as they are sent, joiners too.

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/names"
)

// reactions are what clients send, and the result.
var reactions = [][2]string{
	{"👍", "👍"},
	{"👍🏽", "👍🏽"},       // with a skin tone
	{"👨‍👩‍👧", "👨‍👩‍👧"}, // a family
	{"🏳️‍🌈", "🏳️‍🌈"},   // a flag of two emoji
	{"🏳‍🌈", "🏳️‍🌈"},    // the same without its selector
	{"🇩🇪", "🇩🇪"},       // a flag of two letters
	{"🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"},
	{"🏴\U000e0075\U000e0073\U000e0074\U000e0078\U000e007f", "🏴\U000e0075\U000e0073\U000e0074\U000e0078\U000e007f"}, // not recommended
	{"1️⃣", "1️⃣"},
	{"#⃣", "#️⃣"},
	{"❤️", "❤️"},
	{"❤", "❤️"},              // an emoji that may be text
	{"❤\ufe0e", "❤️"},        // and the same as text
	{"👍\ufe0f", "👍"},         // a selector that changes nothing
	{"😀\u200d😺", "😀\u200d😺"}, // not recommended
	{"👩\u200d👩\u200d👩\u200d👩\u200d👩", "👩\u200d👩\u200d👩\u200d👩\u200d👩"},
	{"🫪", "🫪"}, // from Unicode 17
	{":shipit:", ":shipit:"},
	{":+1:", ":+1:"},
	{":a-b_9:", ":a-b_9:"},

	{"", ""},
	{"👍👎", ""},
	{"👍 ", ""},
	{" 👍", ""},
	{"👍x", ""},
	{"👍\u0301", ""}, // with a combining mark
	{"👍\u200d", ""}, // a joiner at the end
	{"\u200d👍", ""},
	{"😀\u200d\u200d😀", ""},
	{"🇩", ""}, // half of a flag
	{"🇩🇪🇫", ""},
	{"🏴\U000e0067", ""}, // tags without an end
	{"🏴\U000e007f", ""},
	{"1", ""},
	{"1\ufe0f", ""},
	{"a", ""},
	{"é", ""},
	{"ok", ""},
	{"\ufe0f", ""},
	{"\u200d", ""},
	{"\x00", ""},
	{"\xff", ""},
	{"👍\xff", ""},
	{":", ""},
	{"::", ""},
	{":a", ""},
	{"a:", ""},
	{":A:", ""},
	{":a b:", ""},
	{":a:b:", ""},
	{":é:", ""},
	{":👍:", ""},
	{strings.Repeat("👍", 1000), ""},
	{":" + strings.Repeat("a", 1000) + ":", ""},
}

func TestReaction(t *testing.T) {
	for _, row := range reactions {
		got, err := names.Reaction(row[0])
		if got != row[1] || (err == nil) != (row[1] != "") {
			t.Errorf("%+q: %+q, %v, want %+q", row[0], got, err, row[1])
		}
	}
}

// FuzzReaction checks that an accepted reaction does not change when it is given again, looks
// like one character, and is no text.
func FuzzReaction(f *testing.F) {
	for _, row := range reactions {
		f.Add(row[0])
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := names.Reaction(s)
		if err != nil {
			if got != "" {
				t.Fatalf("%+q: %+q with an error", s, got)
			}
			return
		}
		if again, err := names.Reaction(got); err != nil || again != got {
			t.Fatalf("%+q: %+q, then %+q, %v", s, got, again, err)
		}
		if !utf8.ValidString(got) || strings.ContainsAny(got, " \n\x00") {
			t.Fatalf("%+q: %+q", s, got)
		}
		if got[0] != ':' && names.Safe(got) == "" {
			t.Fatalf("%+q: %+q shows nothing", s, got)
		}
	})
}
