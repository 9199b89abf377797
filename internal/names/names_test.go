package names_test

//lint:file-ignore ST1018 names stand here as people type them, joiners too.

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat/internal/names"
)

// good are names of people and rooms in their usual form.
var good = []string{
	// Persian, Arabic, Urdu, Pashto, Kurdish, Uyghur
	"علی‌رضا", "محمدرضا", "می‌خواهم", "کتاب‌خانه", "خانه‌ای", "فاطمه", "عبد الرحمٰن", "مُحَمَّد", "آئشہ", "اردو چیٹ", "د پښتو", "ھەولێر",
	"ئۇيغۇرچە", "علی Ali", "نازنین ۱۲", "غرفة 42",
	// Hindi, Marathi, Nepali, Bengali, Punjabi, Gujarati, Odia
	"अनुष्का शर्मा", "क्‍ष", "श्रीमान्‌जी", "राष्ट्र", "রাজশাহী", "র‍্যাব", "রবীন্দ্রনাথ", "ਗੁਰਪ੍ਰੀਤ", "ગુજરાતી ચેટ", "ଓଡ଼ିଆ",
	// Tamil, Telugu, Kannada, Malayalam, Sinhala, Dhivehi
	"தமிழ்", "க்‌ஷ", "శ్రీనివాస్", "ವೇರ್‌ಹೌಸ್", "ಕನ್ನಡ", "മലയാളം", "അവന്‍", "ശ്രീ", "ශ්‍රී ලංකා", "ක්‍ෂණික", "ප්‍රියන්ත", "ද‍්ව", "ދިވެހި",
	// Thai, Lao, Khmer, Burmese, Tibetan, Mongolian
	"น้ำฝน", "อำนาจ", "สมชาย Somchai", "ກຳປັງ", "ນ້ຳ", "ភាសាខ្មែរ", "ព្រះសីហនុ", "မြန်မာ", "အောင်ဆန်းစုကြည်", "ရွှေ့ကြိုး", "བོད་སྐད་", "བསྒྲུབས", "ᠮᠣᠩᠭᠣᠯ",
	// East Asia
	"李小龍", "東京タワーのTaro", "日本語チャット", "ラーメンズ", "さくら", "々木", "김민수", "김Kim", "ㅋㅋㅋ", "大韓民國 서울", "ㄅㄆㄇ注音", "Tシャツ", "北京123", "凪〆", "〇一",
	// Hebrew, Greek, Cyrillic, Armenian, Georgian, Ethiopic, others
	"ז׳בוטינסקי", "צה״ל", "שָׁלוֹם", "Αλίκη", "Γιώργος Παπαδόπουλος", "Олег (Oleg)", "Олег/Oleg", "Ольга_Olga", "IT-новости", "Мар'яна", "Ґалаґан", "Ѓорѓи", "Алёна 2000",
	"Արամ", "Արամ (Aram)", "გიორგი", "አበበ", "ᏣᎳᎩ", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "ߒߞߏ", "𞤀𞤣𞤤𞤢𞤥", "ᓄᓇᕗᑦ",
	// Latin of many kinds
	"Nguyễn Thị Ánh", "Kaʻahumanu", "O'Brien", "O’Brien", "col·lega", "Siobhán Ní Dhomhnaill", "Łukasz Żółć", "İbrahim", "ıslak", "Zoë", "François", "Ørsted", "Þór",
	"Straße", "Jean-Luc", "D'Artagnan", "Dvořák", "Ọlátúndé", "Ɛdem", "Ŋgũgĩ", "José María", "X Æ A-12", "μTorrent", "10kΩ", "J. R. R. Tolkien, Jr.", "Anna & Bob",
	// Rooms and emoji
	"C++", "C#", "R&D", "q&a: ask!", "#general", "node.js", "rust_lang", "50% off", "¿Qué?", `¯\_(ツ)_/¯`, "(゜o゜)", "(˘‿˘)", "Школа№5", "3D-печать", "Яндекс.Go", "¡Hola!", "AC/DC", "★彡", "ヶ丘〜", "ア・イ", "ㄇㄚˇ", "ײַד", "ǃXóõ", "Қазақ", "Mark १२ ৩৪", "a=b", "~ ~", "🎉", "❤️ go", "👨‍👩‍👧‍👦", "👩🏽‍💻", "🏳️‍🌈 pride", "🏴󠁧󠁢󠁥󠁮󠁧󠁿 fans", "🇺🇦", "1️⃣ first", "#️⃣",
	"👍🏿", "☝🏽", "🧑🏻‍🤝‍🧑🏿", "🏃🏽‍♀️‍➡️", "🍋‍🟩", "❤️‍🔥", "🏴‍☠️", "👁️‍🗨️", "㊗️", "🈁", "⁉️", "™️", "ℹ️ info", "⚡", "🫩", "👩‍❤️‍💋‍👨", "🐈‍⬛", "café ☕", "5 ⭐",
}

// written are names that the rules change.
var written = [][2]string{
	{"محمد‌رضا", "محمدرضا"},                                                                    // the letters do not join anyway
	{"హైదరాబాద్‌", "హైదరాబాద్"},                                                                // nothing follows that could join
	{"ភាសា\u200bខ្មែរ", "ភាសាខ្មែរ"}, {"ภาษา\u200bไทย", "ภาษาไทย"}, {"မြန်\u200bမာ", "မြန်မာ"}, // line breaks
	{"ಶ್ರೀ‌ರಾಮ", "ಶ್ರೀರಾಮ"},
	{"⚡\ufe0f", "⚡"}, {"1\u20e3", "1️⃣"}, // one form of each emoji
	{"🏳‍🌈", "🏳️‍🌈"}, {"☝\ufe0f🏽", "☝🏽"},
	{"😀\u200d😀", "😀😀"}, {"👍🏽\ufe0f", "👍🏽"}, // joined, but not shown as one emoji anywhere
	{"™", "TM"}, {"™\ufe0e", "TM"},
	{"O\u00b4Brien", "O’Brien"}, {"O\u2019Brien", "O’Brien"},
	{"a  b", "a b"}, {"a \u00a0\u3000b", "a b"},
	{"葛\U000e0100城", "葛城"}, {"กํา", "กำ"}, {"นํ้า", "น้ำ"}, {"น้ํา", "น้ำ"}, {"ກໍາ", "ກຳ"},
	{"Zoe\u0308", "Zoë"}, {"ｶﾞｷﾞ", "ガギ"}, {"한글", "한글"},
	{"\u00b5Torrent", "μTorrent"}, {"\u2126", "Ω"}, {"ﬁsh", "fish"}, {"𝐚𝐝𝐦𝐢𝐧", "admin"},
}

func TestGood(t *testing.T) {
	rows := written
	for _, n := range good {
		rows = append(rows, [2]string{n, n})
	}
	for _, row := range rows {
		got, err := names.Check("name", row[0])
		if got != row[1] || err != nil {
			t.Errorf("%s %+q: %+q, want %+q: %v", row[0], row[0], got, row[1], err)
		}
		if safe := names.Safe(row[0]); safe != row[1] {
			t.Errorf("%s %+q made safe: %+q, want %+q", row[0], row[0], safe, row[1])
		}
	}
	t.Logf("%d names", len(rows))
}

// bad are names that are refused, with a part of the error, and with the name made safe.
var bad = []struct{ name, why, safe string }{
	{"p\u0430ypal", "different scripts", "p\u0430ypal"}, {"\u0430dmin", "different scripts", "\u0430dmin"},
	{"(\u0430dmin)", "different scripts", "(\u0430dmin)"}, {"x \u0430dmin", "different scripts", "x \u0430dmin"},
	{"b\u03bfb", "different scripts", "b\u03bfb"}, {"b\u0585b", "different scripts", "b\u0585b"},
	{"\u13aalice", "different scripts", "\u13aalice"}, {"\ua4eelice", "different scripts", "\ua4eelice"},
	{"b\u2c9fb", "different scripts", "b\u2c9fb"}, {"กअ", "different scripts", "กअ"}, {"あ김", "different scripts", "あ김"},
	{"Аα", "different scripts", "Аα"}, {"가ㄅ", "different scripts", "가ㄅ"}, {"бあ", "different scripts", "бあ"},
	{"aбあ", "different scripts", "aбあ"}, {"\u043c\u0456\u0441r\u043es\u043eft", "different scripts", "\u043c\u0456\u0441r\u043es\u043eft"},
	{"ab\u0483", "different scripts", "ab\u0483"}, {"e\u200dа", "U+200D", "eа"},
	{"1२", "digits", "1२"}, {"a১2", "digits", "a১2"}, {"१౧", "different scripts", "१౧"},
	{"a\u202eb", "U+202E (a right-to-left override)", "ab"}, {"a\u202db\u202c", "U+202D", "ab"},
	{"\u2066a\u2069", "U+2066 (a left-to-right isolate)", "a"}, {"a\u2067b", "U+2067", "ab"}, {"a\u2068b", "U+2068", "ab"},
	{"a\u200eb", "U+200E", "ab"}, {"a\u200fb", "U+200F", "ab"}, {"a\u061cb", "U+061C", "ab"},
	{"ali\u200bce", "U+200B (a zero-width space)", "alice"}, {"ali\u200cce", "U+200C", "alice"}, {"ali\u200dce", "U+200D", "alice"},
	{"\ufeffalice", "U+FEFF", "alice"}, {"ali\u00adce", "U+00AD", "alice"}, {"a\u2060b", "U+2060", "ab"}, {"ali\u034fce", "U+034F", "alice"},
	{"ไ\u200ba", "U+200B", "ไa"}, {"ก\u200b\u200bก", "U+200B", "กก"}, {"\u200bก", "U+200B", "ก"}, {"ก\u200b่", "U+200B", "ก่"},
	{"a\u206ab", "U+206A", "ab"}, {"a\ufff9b", "U+FFF9", "ab"}, {"alice\U000e0041\U000e007f", "U+E0041 (a tag", "alice"}, {"a\U000e0001", "U+E0001", "a"},
	{"🏴\U000e0061\U000e0062\U000e007f", "U+E0061", "🏴"}, {"🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067", "U+E0067", "🏴"},
	{"😀\u200d", "U+200D", "😀"}, {"\u200d😀", "U+200D", "😀"}, {"😀\u200d\u200d😀", "U+200D", "😀😀"}, {"😀\u200c😀", "U+200C", "😀😀"}, {"😀\u200da", "U+200D", "😀a"},
	{"alice\ufe0f", "U+FE0F", "alice"}, {"1\ufe0f", "U+FE0F", "1"}, {"alice\ufe00", "U+FE00", "alice"}, {"alice\U000e0100", "U+E0100", "alice"},
	{"alice\u180b", "U+180B", "alice"}, {"\u1820\u200d", "U+200D", "\u1820"}, {"alice\u17b4", "U+17B4", "alice"}, {"a\u180eb", "U+180E", "ab"},
	{"ب\u200d", "U+200D", "ب"}, {"ا\u200c", "U+200C", "ا"}, {"\u200cب", "U+200C", "ب"}, {"ب\u200c\u200cب", "U+200C", "بب"}, {"क\u200cक", "U+200C", "कक"},
	{"क\u200dक", "U+200D", "कक"}, {"क्\u200dि", "U+200D", "क\u094dि"}, {"क्\u200d\u200dक", "U+200D", "क\u094dक"}, {"ب\u200ca", "U+200C", "بa"},
	{"a\x00b", "U+0000 (the null character)", "ab"}, {"a\tb", "U+0009 (a tab)", "a b"}, {"a\r\nb", "U+000D", "a b"}, {"a\x7f", "U+007F", "a"}, {"a\u0085b", "U+0085", "a b"},
	{"\x1b[31mred", "U+001B (a control character)", "[31mred"}, {"a\u2028b", "U+2028", "a b"}, {"a\u1680b", "U+1680 (an unusual space)", "ab"},
	{"\u2800", "U+2800 (a blank character)", ""}, {"\u3164", "U+3164", ""}, {"a\uffa0", "U+FFA0", "a"}, {"\u115f", "U+115F", ""}, {"a\ufffc", "U+FFFC", "a"},
	{"\U0001d159", "U+1D159", ""}, {"\U00013441", "U+13441", ""}, {"a\ufffd", "U+FFFD", "a"}, {"a\xff", "UTF-8", "a"}, {"a\xed\xa0\x80b", "UTF-8", "ab"}, {"\xff\xfe", "UTF-8", ""},
	{"a\ue000", "U+E000 (a private-use", "a"}, {"a\u0378", "U+0378 (a character that Unicode has not assigned)", "a"}, {"a\uffff", "U+FFFF", "a"},
	{"\u0301bob", "U+0301", "bob"}, {"bob \u0301", "U+0301", "bob"}, {"\u00a8", "U+0308", ""}, {"\u200b\u200c\u200d\u2060", "U+200B", ""},
	{"Z" + strings.Repeat("\u0300\u0323", 25), "combining", "Ẓ"}, {"a\u0301\u0301", "combining", "á"},
	{"q\u0323\u0300\u0302\u0303\u0304", "U+0304", "q\u0323\u0300\u0302\u0303"},                         // five marks on top of each other
	{"က\u103b\u103c\u103d\u103e\u1031\u102d\u102f", "U+102F", "က\u103b\u103c\u103d\u103e\u1031\u102d"}, // seven marks side by side
	{"ก" + strings.Repeat("็", 20), "combining", "ก็"},
	{strings.Repeat("x", 65), "64 characters", strings.Repeat("x", 64)}, {strings.Repeat("x", 60<<10), "64 characters", strings.Repeat("x", 64)},
	{strings.Repeat("x", 63) + "👩🏽‍💻", "64 characters", strings.Repeat("x", 63)}, {strings.Repeat("👨‍👩‍👧‍👦", 10), "64 characters", strings.Repeat("👨‍👩‍👧‍👦", 9)},
	{strings.Repeat("x", 63) + "🇺🇦", "64 characters", strings.Repeat("x", 63)}, {strings.Repeat("x", 63) + "q\u0301", "64 characters", strings.Repeat("x", 63)},
	{strings.Repeat("x", 62) + "क्षि", "64 characters", strings.Repeat("x", 62)}, {strings.Repeat("\u1112", 70), "64 characters", strings.Repeat("\u1112", 64)},
	{strings.Repeat("x", 63) + " y", "64 characters", strings.Repeat("x", 63)}, {strings.Repeat("\ufdfa", 4), "64 characters", strings.Repeat("صلى الله عليه وسلم", 3) + "صلى الله ع"},
}

func TestBad(t *testing.T) {
	for _, row := range bad {
		got, err := names.Check("name", row.name)
		if err == nil || !strings.Contains(err.Error(), row.why) || got != "" || !utf8.ValidString(err.Error()) {
			t.Errorf("%+q: %+q, %v, want an error with %q", row.name, got, err, row.why)
		}
		if diff := cmp.Diff(row.safe, names.Safe(row.name)); diff != "" {
			t.Errorf("%+q made safe (-want +got):\n%s", row.name, diff)
		}
	}
	t.Logf("%d names", len(bad))
}
