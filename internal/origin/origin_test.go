package origin

import (
	"regexp"
	"strings"
	"testing"
)

// The sample strings of RFC 3492, section 7.1, in lower case.
func TestPunycode(t *testing.T) {
	for want, label := range map[string]string{
		"egbpdaj6bu4bxfgehfvwxn":                                                "ليهمابتكلموشعربي؟",
		"ihqwcrb4cv8a8dqg056pqjye":                                              "他们为什么不说中文",
		"ihqwctvzc91f659drss3x8bo0yb":                                           "他們爲什麽不說中文",
		"proprostnemluvesky-uyb24dma41a":                                        "pročprostěnemluvíčesky",
		"4dbcagdahymbxekheh6e0a7fei0b":                                          "למההםפשוטלאמדבריםעברית",
		"i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd":                          "यहलोगहिन्दीक्योंनहींबोलसकतेहैं",
		"n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa":                                "なぜみんな日本語を話してくれないのか",
		"989aomsvi5e83db1d2a355cv1e0vak1dwrv93d5xbh15a0dt30a5jpsd879ccm6fea98c": "세계의모든사람들이한국어를이해한다면얼마나좋을까",
		"b1abfaaepdrnnbgefbadotcwatmq2g4l":                                      "почемужеонинеговорятпорусски",
		"porqunopuedensimplementehablarenespaol-fmd56a":                         "porquénopuedensimplementehablarenespañol",
		"tisaohkhngthchnitingvit-kjcr8268qyxafd2f1b9g":                          "tạisaohọkhôngthểchỉnóitiếngviệt",
		"3b-ww4c5e180e575a65lsy2b":                                              "3年b組金八先生",
		"-with-super-monkeys-pc58ag80a8qai00g7n9n":                              "安室奈美恵-with-super-monkeys",
		"hello-another-way--fc4qua05auwb3674vfr0b":                              "hello-another-way-それぞれの場所",
		"2-u9tlzr9756bt3uc0v":                                                   "ひとつ屋根の下2",
		"majikoi5-783gue6qz075azm5e":                                            "majiでkoiする5秒前",
		"de-jg4avhby1noc0d":                                                     "パフィーdeルンバ",
		"d9juau41awczczp":                                                       "そのスピードで",
		"-> $1.00 <--":                                                          "-> $1.00 <-",
	} {
		if got, ok := punycode(label); got != want || !ok {
			t.Errorf("%s: %s, want %s", label, got, want)
		}
	}
	if got, ok := punycode(strings.Repeat("a", 3000) + strings.Repeat("\U0010ffff", 10)); ok {
		t.Errorf("a number of more than 31 bits: %.40s", got)
	}
}

func TestParse(t *testing.T) {
	for s, want := range map[string]Origin{
		"null":                          {Scheme: "null"},
		"file://":                       {Scheme: "file"},
		"https://a.example":             {"https", "a.example", ""},
		"HTTPS://A.Example:0443":        {"https", "a.example", ""},
		"http://a.example:443":          {"http", "a.example", "443"},
		"wss://a.example:443":           {"https", "a.example", ""},
		"ws://a.example:80":             {"http", "a.example", ""},
		"http://a.example.":             {"http", "a.example.", ""},
		"http://a_b.example":            {"http", "a_b.example", ""},
		"http://127.0.0.1:3000":         {"http", "127.0.0.1", "3000"},
		"http://[0:0::1]:3000":          {"http", "[::1]", "3000"},
		"http://[::FFFF:1.2.3.4]":       {"http", "[::ffff:1.2.3.4]", ""},
		"http://[::ffff:102:304]":       {"http", "[::ffff:1.2.3.4]", ""},
		"https://BÜCHER.example":        {"https", "xn--bcher-kva.example", ""},
		"https://bu\u0308cher。example":  {"https", "xn--bcher-kva.example", ""},
		"https://xn--BCHER-kva.example": {"https", "xn--bcher-kva.example", ""},
		"https://faß.example":           {"https", "xn--fa-hia.example", ""},
		"https://İ.example":             {"https", "xn--i-9bb.example", ""}, // i and U+0307
		"https://ｆｕｌｌ．example":          {"https", "full.example", ""},
		"https://за\u00adря.рф":         {"https", "xn--80an2a1d.xn--p1ai", ""},
		"app://.":                       {"app", ".", ""},
		"chrome-extension://abcdef":     {"chrome-extension", "abcdef", ""},
		"safari-web-extension://A-B":    {"safari-web-extension", "a-b", ""},
	} {
		if got, err := Parse(s); got != want || err != nil {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "*", "NULL", "a.example", "://a.example", "http:", "http://", "http:///", "https://a.example/", "http://a.example?", "http://a.example#",
		"http://u@a.example", "http://a.example:", "http://a.example:x", "http://a.example:0", "http://a.example:65536", "http://a.example:+1", "http://a:1:2",
		"http://::1", "http://[::1", "http://::1]", "http://[1.2.3.4]", "http://[fe80::1%25e]", "http://[::1]x", "http://[::1]:",
		"http://a..example", "http://.example", "http://*.example", "http://a b", "http://a,b", "http://a%41", "http://a／b", "http://127.1", "http://1.2.3.4.5", "http://0x7f.1", "http://a.0x1",
		"http://\u00ad", "http://\xff.example", "http://xn--ü.example", "1a://x", "h_t://x", "chrome-extension://", "http://" + strings.Repeat("a", 64), "http://" + strings.Repeat("ü", 60<<10),
	} {
		if got, err := Parse(s); err == nil {
			t.Errorf("%.60q: %q", s, got)
		}
	}
}

var advice = regexp.MustCompile(`: write "([^"]*)"`)

// If a pattern can never match, the advice in the error is a valid pattern.
func TestAdvice(t *testing.T) {
	for s, want := range map[string]string{
		"":                            "",
		" https://a.example":          "https://a.example",
		"https://a.example/":          "https://a.example",
		"https://*.a.example:8443/x?": "https://*.a.example:8443",
		"https://u:p@a.example":       "https://a.example",
		"a.example":                   "https://a.example",
		"//a.example":                 "https://a.example",
		"localhost:3000":              "https://localhost:3000",
		"*.a.example":                 "https://*.a.example",
		"https:a.example":             "https://a.example",
		"https:/a.example":            "https://a.example",
		"capacitor:localhost":         "capacitor://localhost",
		"file:///":                    "file://",
		"file:/x":                     "file://",
		"file://*":                    "file://",
		"file://localhost":            "file://",
		"https://*":                   "https://*.example.com",
		"about:blank":                 "null",
		"data:":                       "null",
		"blob:https://a.example":      "", // has "://"
		"*://a.example":               "",
		"https://*a.example":          "",
		"https://a.*.example":         "",
		"https://*.*.example":         "",
		"http://192.168.*.1":          "",
		"http://*.168.1.1":            "",
		"http://*.1.2.3.4":            "",
		"http://*.[::1]":              "",
		"http://localhost:*":          "",
		"http://[::1":                 "",
		"http://::1":                  "",
		"https://*.":                  "",
		"https://a.example,https://b": "",
		"https://a.example, b":        "",
		"chrome-extension://":         "",
		"capacitor://":                "",
	} {
		_, err := ParsePattern(s)
		if err == nil {
			t.Errorf("%q can match", s)
			continue
		}
		m := advice.FindStringSubmatch(err.Error())
		switch {
		case m == nil && want != "", m != nil && m[1] != want:
			t.Errorf("%q: %v", s, err)
		case m != nil:
			if _, err := ParsePattern(m[1]); err != nil {
				t.Errorf("the advice for %q is %q: %v", s, m[1], err)
			}
		}
	}
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"null", "https://*.bücher.example:8443", "http://[::1%e]:80", "file://", "app://.", "https://İ。x", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := Parse(s)
		if err != nil {
			return
		}
		// There is one form: the text of an origin parses to the same origin, and a pattern of
		// it matches it.
		again := o.Scheme
		if again != "null" {
			again += "://" + o.Host
			if o.Port != "" {
				again += ":" + o.Port
			}
		}
		if o2, err := Parse(again); o2 != o || err != nil {
			t.Fatalf("%q: %q, then %q, %v", s, o, o2, err)
		}
		if p, err := ParsePattern(again); err == nil && !p.Matches(&o) {
			t.Fatalf("%q does not match itself", again)
		} else if err != nil && o.Scheme != "file" {
			t.Fatalf("%q: %v", again, err)
		}
	})
}
