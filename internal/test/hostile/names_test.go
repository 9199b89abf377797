package hostile

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// nameRow is a name, and what the two rules make of it: the name to use, or
// refused.
type nameRow struct {
	id         string
	name       string
	room, user string
}

const refused = "\x00refused"

func same(id, name string) nameRow         { return nameRow{id, name, name, name} }
func neither(id, name string) nameRow      { return nameRow{id, name, refused, refused} }
func both(id, name, as string) nameRow     { return nameRow{id, name, as, as} }
func userOnly(id, name, as string) nameRow { return nameRow{id, name, refused, as} }

var names = []nameRow{
	userOnly("R1 empty", "", "Anonymous"),
	userOnly("R1 spaces", " \u00a0 ", "Anonymous"),
	neither("R1 control characters at the ends", "\tbob\r\n"),
	same("R2 64 characters", strings.Repeat("x", 64)),
	same("R2 64 characters of 4 bytes", strings.Repeat("😀", 64)),
	neither("R2 65 characters", strings.Repeat("x", 65)),
	neither("R2 60 KB", strings.Repeat("x", 60<<10)),
	neither("R2 more after mapping", strings.Repeat("\ufdfa", 4)),
	userOnly("R3 path", "../x", "../x"),
	userOnly("R3 slash", "a/b", "a/b"),
	userOnly("R3 slash, fullwidth", "a／b", "a/b"),
	userOnly("R3 backslash", `a\b`, `a\b`),
	userOnly("R3 dots", "..", ".."),
	userOnly("R3 one dot", ".", "."),
	userOnly("R3 dots, fullwidth", "．．", ".."),
	userOnly("R3 two dot leader", "\u2025", ".."),
	same("R3 encoded twice", "%2e%2e%2f"),
	same("R4 space", "a b"),
	userOnly("R4 space around", " a b ", "a b"),
	userOnly("R4 wide space around", "\u3000a\u00a0", "a"),
	both("R4 wide space inside", "a\u3000b", "a b"),
	both("R4 two spaces", "a  b", "a b"),
	neither("R4 tab", "a\tb"),
	neither("R4 newline", "a\nb"),
	neither("R4 NUL", "a\x00b"),
	neither("R4 ESC", "\x1b[31mred"),
	neither("R4 DEL", "a\x7f"),
	neither("R4 C1 control", "a\u0085b"),
	neither("R4 line separator", "a\u2028b"),
	same("R5 braces", "{tag}"),
	same("R6 star", "*"),
	same("R6 question mark", "a?b"),
	same("R6 bracket", "[a-z]"),
	same("R7 SQL", "'; DROP TABLE rooms; --"),
	same("R8 __proto__", "__proto__"),
	same("R8 constructor", "constructor"),
	same("R9 at", "@alice"),
	same("R9 colons", "dm:a:b"),
	same("R9 underscore", "_sys"),
	same("R10 upper case", "General"),
	neither("R11 right-to-left override", "a\u202eb"),
	neither("R11 isolate", "a\u2066b"),
	neither("R11 zero-width space", "ali\u200bce"),
	neither("R11 zero-width non-joiner", "ali\u200cce"),
	neither("R11 zero-width joiner", "ali\u200dce"),
	neither("R11 BOM", "\ufeffalice"),
	neither("R11 soft hyphen", "ali\u00adce"),
	neither("R11 tag characters", "alice\U000e0041"),
	neither("R11 Arabic letter mark", "a\u061cb"),
	neither("R11 word joiner", "a\u2060b"),
	neither("R11 grapheme joiner", "ali\u034fce"),
	neither("R11 variation selector", "alice\ufe00"),
	neither("R11 emoji selector on a letter", "alice\ufe0f"),
	same("R11 emoji selector on a symbol", "i ❤\ufe0f go"),
	same("R11 keycap", "player 1\ufe0f\u20e3"),
	neither("R11 selector on a digit", "player 1\ufe0f"),
	neither("R11 supplementary selector", "alice\U000e0100"),
	neither("R11 Mongolian selector", "alice\u180b"),
	neither("R11 Khmer inherent vowel", "alice\u17b4"),
	both("R12 fullwidth", "ａｄｍｉｎ", "admin"),
	both("R12 Kelvin sign", "\u212aelvin", "Kelvin"),
	both("R12 ligature", "\ufb01sh", "fish"),
	both("R12 mathematical", "𝐚𝐝𝐦𝐢𝐧", "admin"),
	both("R12 circled", "ⓐdmin", "admin"),
	neither("R13 Cyrillic a in Latin", "\u0430dmin"),
	neither("R13 Greek o in Latin", "b\u03bfb"),
	neither("R13 Armenian o in Latin", "b\u0585b"),
	neither("R13 Cherokee in Latin", "\u13aalice"),
	neither("R13 Lisu in Latin", "\ua4eelice"),
	neither("R13 Coptic in Latin", "b\u2c9fb"),
	neither("R13 Deseret in Latin", "b\U00010428b"),
	neither("R13 two that never meet", "\u0e01\u0905"),
	same("R13 Cyrillic", "Алиса"),
	same("R13 Greek", "Αλίκη"),
	same("R13 Japanese and Latin", "東京タワーのTaro"),
	same("R13 Korean and Latin", "김 Kim"),
	same("R13 Cyrillic and Latin, each its word", "Олег (Oleg)"),
	same("R13 Cyrillic and Latin, hyphenated", "IT-новости"),
	neither("R13 Cyrillic in a Latin word of several", "Oleg p\u0430ypal"),
	neither("R13 digits of two scripts", "1\u09ea"),
	same("R13 half-space of Persian", "علی\u200cرضا"),
	both("R13 half-space that changes nothing", "محمد\u200cرضا", "محمدرضا"),
	same("R13 joiner of Sinhala", "ශ\u0dca\u200dරී"),
	same("R13 joined emoji", "👩🏽\u200d💻 Ann"),
	same("R13 flag with tags", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"),
	both("R13 emoji joined to nothing known", "😀\u200d😀", "😀😀"),
	both("R13 emoji with a selector too many", "⚡\ufe0f", "⚡"),
	both("R13 Thai vowel", "น\u0e4d\u0e49\u0e32", "น้ำ"),
	same("R13 Korean letters alone", "ㅋㅋㅋ"),
	same("R13 Thai and Latin", "สมชาย Somchai"),
	same("R13 digits in Cyrillic", "Алиса 2000"),
	neither("R14 Braille blank", "\u2800"),
	neither("R14 Hangul filler", "\u3164"),
	neither("R14 halfwidth filler", "a\uffa0"),
	neither("R14 object replacement", "a\ufffc"),
	neither("R14 null notehead", "\U0001d159"),
	neither("R15 0xff", "a\xff"),
	neither("R15 overlong", "a\xc0\x80"),
	neither("R15 surrogate", "a\xed\xa0\x80"),
	neither("R15 cut", "a\xe2\x82"),
	both("R16 decomposed", "Zoe\u0308", "Zoë"),
	both("R16 two marks in another order", "a\u0301\u0323", "ạ\u0301"),
	neither("R17 50 marks", "a"+strings.Repeat("\u0300\u0323", 25)),
	neither("R17 mark on nothing", "\u0301bob"),
	neither("R17 mark on a space", "bob \u0301"),
	neither("R17 spacing mark that maps to one on a space", "\u00a8"),
	same("R18 markup", "<img src=x onerror=alert(1)>"),
	neither("R19 private use", "a\ue000"),
	neither("R19 unassigned", "a\u0378"),
	neither("R19 noncharacter", "a\uffff"),
}

func (r *nameRow) wantRoom() (name string, status int, code string) {
	if r.room == refused {
		return "", 400, "bad_room"
	}
	return r.room, 101, ""
}

func (r *nameRow) wantUser() (name string, status int, code string) {
	if r.user == refused {
		return "", 400, "bad_name"
	}
	return r.user, 101, ""
}

// TestBadNames puts each name to both rules, over the wire.
func TestBadNames(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t)
	w := harness.Watch(t, base, "r")
	for _, row := range names {
		name, status, code := row.wantRoom()
		if o := joinAs(t, row.id+", room", base, row.name, "", status, code); o.Room != name {
			t.Errorf("%s: the room is %+q", row.id, o.Room)
		}
		name, status, code = row.wantUser()
		if o := joinAs(t, row.id+", user", base, "r", row.name, status, code); o.Username != name {
			t.Errorf("%s: the user is %+q", row.id, o.Username)
		}
	}
	w.Check(nil)
	t.Logf("%d rows", 2*len(names))
}

// joinAs returns the welcome that a handshake gets, if it is to get one.
func joinAs(t *testing.T, id, base, room, user string, status int, code string) (o harness.Object) {
	t.Helper()
	segment := strings.ReplaceAll(url.PathEscape(room), ".", "%2E")
	request := wsconf.Handshake("/ws/"+segment+"?username="+url.QueryEscape(user), harness.OfferV1)
	c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), request, time.Now().Add(harness.Patience))
	if err != nil {
		t.Errorf("%s: %v", id, err)
		return o
	}
	defer c.Close()
	checkAnswer(t, httpRow{id, request, status, code, nil}, c.Response, c.Body)
	if c.Response.StatusCode != 101 {
		return o
	}
	f, err := c.ReadFrame()
	if err != nil || json.Unmarshal(f.Payload, &o) != nil || o.Type != "welcome" {
		t.Errorf("%s: %s, %v", id, f.Payload, err)
	}
	return o
}

// TestNamesAreSettled holds the rules to giving what they take: put to the rule
// again, a name stays as it is.
func TestNamesAreSettled(t *testing.T) {
	t.Parallel()
	var got, want [][2]string
	for _, row := range names {
		for _, rule := range []func(string) (string, error){chat.CleanRoom, chat.CleanUsername} {
			n, err := rule(row.name)
			if err != nil {
				if !errors.Is(err, chat.ErrBadName) {
					t.Errorf("%s: %v is no ErrBadName", row.id, err)
				}
				continue
			}
			again, err := rule(n)
			if err != nil {
				again = err.Error()
			}
			got, want = append(got, [2]string{row.id, again}), append(want, [2]string{row.id, n})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("put to the rule again (-want +got):\n%s", diff)
	}
}

// TestSameNameIsTwoUsers has two who call themselves the same: the id tells them
// apart, everywhere that a name stands, and only who has the session is the user.
func TestSameNameIsTwoUsers(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t)
	a := harness.Dial(t, base, "r", true, "username", "Alice").Until("welcome")
	b := harness.Dial(t, base, "r", true, "username", "Alice").Until("welcome")
	if a.User == b.User || a.Session == b.Session || a.Username != b.Username {
		t.Errorf("%+v and %+v", a, b)
	}
	if _, resp, err := harness.TryDial(t, base, "r", true, "session", a.User); err == nil || resp == nil || resp.StatusCode != 400 {
		t.Errorf("the user's id for its session: %v, %v", resp, err)
	}
	members, n, err := srv.Members(context.Background(), "r", 10)
	if n != 2 || err != nil || members[0].UserID == members[1].UserID {
		t.Errorf("members %v, %d, %v", members, n, err)
	}
}
