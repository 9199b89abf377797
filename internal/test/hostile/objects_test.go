package hostile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// objectRow is one text of a chat.v1 client and the lines that come back. The
// connection stays: a ping after it is answered.
type objectRow struct {
	id   string
	text string
	want []string
}

func gets(lines ...string) []string { return lines }

var (
	badJSON    = gets("code bad_json")
	badRequest = gets("code bad_request")
	answered   = gets("pong")
)

// nested is an object that the server answers, with arrays as deep as depth in a
// key that it does not know.
func nested(depth int) string {
	return `{"type":"ping","x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
}

var objects = []objectRow{
	{"E1 cut", `{`, badJSON},
	{"E1 cut in a string", `{"type":"pi`, badJSON},
	{"E1 more after it", `{"type":"ping"} x`, badJSON},
	{"E1 two", `{"type":"ping"}{"type":"ping"}`, badJSON},
	{"E1 two lines", "{\"type\":\"ping\"}\n{\"type\":\"ping\"}", badJSON},
	{"E1 space around", " \r\n\t{ \"type\" :\t\"ping\" } ", answered},
	{"E1 comma too many", `{"type":"ping",}`, badJSON},
	{"E1 comma first", `{,"type":"ping"}`, badJSON},
	{"E1 no colon", `{"type" "ping"}`, badJSON},
	{"E1 single quotes", `{'type':'ping'}`, badJSON},
	{"E1 bare key", `{type:"ping"}`, badJSON},
	{"E1 comment", `{"type":"ping"/**/}`, badJSON},
	{"E1 nothing", ``, badJSON},
	{"E1 only space", ` `, badJSON},
	{"E1 text", `hello`, badJSON},
	{"E2 null", `null`, badJSON},
	{"E3 array", `[]`, badJSON},
	{"E3 number", `1`, badJSON},
	{"E3 string", `"x"`, badJSON},
	{"E3 true", `true`, badJSON},
	{"E18 100 in an array", `[` + strings.Repeat(`{"type":"ping"},`, 99) + `{"type":"ping"}]`, badJSON},
	{"E4 unknown type", `{"type":"frob","id":"i"}`, gets("code unknown_type i")},
	{"E4 a server's type", `{"type":"welcome","id":"i"}`, gets("code unknown_type i")},
	{"E4 empty type", `{"type":""}`, gets("code unknown_type")},
	{"E4 no type", `{"id":"i"}`, gets("code bad_request i")},
	{"E4 nothing at all", `{}`, badRequest},
	{"E4 number for a type", `{"type":1}`, badRequest},
	{"E4 null for a type", `{"type":null}`, badRequest},
	{"E4 upper case", `{"type":"PING"}`, gets("code unknown_type")},
	{"E5 type twice", `{"type":"ping","type":"ping"}`, badJSON},
	{"E5 twice, once escaped", `{"type":"ping","\u0074ype":"message"}`, badJSON},
	{"E5 message twice", `{"type":"message","message":"a","message":"b"}`, badJSON},
	{"E5 unknown key twice", `{"type":"ping","x":1,"x":2}`, badJSON},
	{"E5 twice inside a value", `{"type":"ping","x":{"a":1,"a":2}}`, answered},
	{"E6 key in upper case", `{"TYPE":"ping"}`, badRequest},
	{"E6 beside the right one", `{"type":"ping","Type":"message"}`, answered},
	{"E7 unknown keys", `{"type":"ping","from":"eve","x":{"y":[1,2.5e-7,null,"}"]}}`, answered},
	{"E7 1,000 unknown keys", `{"type":"ping"` + many(1000, func(i int) string { return fmt.Sprintf(`,"k%d":%d`, i, i) }) + `}`, answered},
	{"E8 5,000 deep", nested(5000), answered},
	{"E8 deeper than 10,000", nested(10001), badJSON},
	{"E8 only brackets", strings.Repeat("[", 10001), badJSON},
	{"E8 only braces", strings.Repeat(`{"a":`, 5000), badJSON},
	{"E9 half a pair", `{"type":"message","message":"a\ud800b","id":"i"}`, gets("code bad_utf8 i")},
	{"E9 the other half", `{"type":"message","message":"a\udc00b"}`, gets("code bad_utf8")},
	{"E9 two halves of a kind", `{"type":"message","message":"\ud800\ud800"}`, gets("code bad_utf8")},
	{"E9 half at the end", `{"type":"message","message":"a\ud800"}`, gets("code bad_utf8")},
	{"E9 half in an id", `{"type":"ping","id":"\ud800"}`, gets("code bad_utf8")},
	{"E9 half in a key", `{"type":"ping","\ud800":1}`, gets("code bad_utf8")},
	{"E9 half in what is skipped", `{"type":"ping","x":"\ud800"}`, answered},
	{"E9 a whole pair", `{"type":"message","message":"\ud83d\ude00"}`, gets("msg 😀")},
	{"E9 raw newline", "{\"type\":\"message\",\"message\":\"a\nb\"}", badJSON},
	{"E9 raw NUL", "{\"type\":\"message\",\"message\":\"a\x00b\"}", badJSON},
	{"E9 escaped NUL", `{"type":"message","message":"a\u0000b"}`, gets("msg a\x00b")},
	{"E9 every escape", `{"type":"message","message":"\"\\\/\b\f\n\r\t\u00e9"}`, gets("msg \"\\/\b\f\n\r\té")},
	{"E9 no such escape", `{"type":"message","message":"\x"}`, badJSON},
	{"E9 short escape", `{"type":"message","message":"\u12"}`, badJSON},
	{"E10 id a number", `{"type":"ping","id":1}`, badRequest},
	{"E10 id null", `{"type":"ping","id":null}`, badRequest},
	{"E10 id an object", `{"type":"ping","id":{}}`, badRequest},
	{"E10 message a number", `{"type":"message","message":1,"id":"i"}`, gets("code bad_request i")},
	{"E10 message an array", `{"type":"message","message":["a"]}`, badRequest},
	{"E10 message true", `{"type":"message","message":true}`, badRequest},
	{"E10 to a number", `{"type":"private","to":9,"message":"a"}`, badRequest},
	{"E10 token an object", `{"type":"auth","token":{}}`, badRequest},
	{"E10 leading zero", `{"type":"history","limit":01}`, badJSON},
	{"E10 not a number", `{"type":"history","limit":NaN}`, badJSON},
	{"E11 BOM", "\ufeff{\"type\":\"ping\"}", badJSON},
	{"E12 no text", `{"type":"message","id":"i"}`, gets("code empty_message i")},
	{"E12 empty", `{"type":"message","message":""}`, gets("code empty_message")},
	{"E12 blank", `{"type":"message","message":" \t\n\u00a0\u3000"}`, gets("code empty_message")},
	{"E12 zero width", `{"type":"message","message":"\u200b\u200d\ufeff"}`, gets("code empty_message")},
	{"E12 fillers", `{"type":"message","message":"\u2800\u3164"}`, gets("code empty_message")},
	{"E12 a selector alone", `{"type":"message","message":"\ufe0f\u200d"}`, gets("code empty_message")},
	{"E12 a new emoji", "{\"type\":\"message\",\"message\":\"\U0001faea\"}", gets("msg \U0001faea")},
	{"E12 private use", `{"type":"message","message":"\ue000"}`, gets("msg \ue000")},
	{"E12 as long as may be", `{"type":"message","message":"` + harness.LongText[:16<<10] + `"}`, gets(msgLine(harness.LongText[:16<<10]))},
	{"E12 a byte more", `{"type":"message","message":"` + harness.LongText[:16<<10+1] + `","id":"i"}`, gets("code too_long i")},
	{"E12 combining marks", `{"type":"message","message":"a` + strings.Repeat("\u0300", 8000) + `"}`, gets(msgLine("a" + strings.Repeat("\u0300", 8000)))},
	{"E12 not trimmed", `{"type":"message","message":" a "}`, gets("msg  a ")},
	{"E13 empty id", `{"type":"message","message":"E13","id":""}`, gets("msg E13")},
	{"E13 64 bytes", `{"type":"message","message":"E13","id":"` + harness.LongText[:64] + `"}`, gets("msg E13", "ack "+harness.LongText[:64])},
	{"E13 65 bytes", `{"type":"message","message":"E13","id":"` + harness.LongText[:65] + `"}`, badRequest},
	{"E13 65 bytes of escapes", `{"type":"ping","id":"` + strings.Repeat(`\u00e9`, 33) + `"}`, badRequest},
	{"E13 id of a text in use", `{"type":"ping","id":"` + strings.Repeat(`\u0061`, 64) + `"}`, gets("pong " + strings.Repeat("a", 64))},
	{"E16 to nobody", `{"type":"private","message":"a","id":"i"}`, gets("code bad_request i")},
	{"E16 to an empty id", `{"type":"private","message":"a","to":""}`, badRequest},
	{"E16 to the unknown", `{"type":"private","message":"a","to":"u9","id":"i"}`, gets("code no_such_user i")},
	{"E16 to an unknown anonymous", `{"type":"private","message":"a","to":"anon-aaaaaaaaaaaaaaaa"}`, gets("code no_such_user")},
	{"E16 to what is no id", `{"type":"private","message":"a","to":"\u0000"}`, gets("code no_such_user")},
	{"E16 to 10 KB", `{"type":"private","message":"a","to":"` + harness.LongText[:10<<10] + `"}`, gets("code no_such_user")},
	{"E16 to 1,000", `{"type":"private","message":"a","to":["a"` + strings.Repeat(`,"b"`, 999) + `]}`, badRequest},
	{"E16 no text", `{"type":"private","to":"u9"}`, gets("code empty_message")},
	{"E19 auth without an authenticator", `{"type":"auth","token":"t","id":"i"}`, gets("code auth_failed i")},
	{"E19 no token", `{"type":"auth"}`, gets("code auth_failed")},
	{"E20 typing", `{"type":"typing"}`, nil},
	{"E20 typing with more", `{"type":"typing","message":"psst","to":"u9"}`, nil},
	{"E21 history with a long request", `{"type":"history","request":"` + harness.LongText[:65] + `"}`, badRequest},
	{"E21 history with a number for one", `{"type":"history","request":1}`, badRequest},
}

func many(n int, f func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// TestBadObjects sends each to a room on a connection of its own.
func TestBadObjects(t *testing.T) {
	t.Parallel()
	runObjects(t, objects)
}

func runObjects(t *testing.T, rows []objectRow, opts ...chat.Option) {
	t.Helper()
	_, base := harness.Serve(t, append([]chat.Option{harness.Quiet, chat.WithHistory(0)}, opts...)...)
	w := harness.Watch(t, base, "r")
	var messages []string
	for _, row := range rows {
		c := harness.RawDial(t, base, "/ws/r?username=Mallory", harness.OfferV1)
		harness.Settle(t, c)
		harness.RawWrite(c, harness.Join(fr(finText, row.text), fr(finText, `{"type":"ping","id":"end"}`)), 0)
		if diff := cmp.Diff(byAnswer(row.want), byAnswer(harness.UntilPong(c, "end", len(harness.MessagesIn(row.want))))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.id, diff)
		}
		c.Close()
		messages = append(messages, harness.MessagesIn(row.want)...)
	}
	w.Check(messages)
	t.Logf("%d rows", len(rows))
}

// byAnswer puts messages, which come in the room's rounds, before the answers.
func byAnswer(lines []string) []string {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b string) int {
		return strings.Index("m", b[:1]) - strings.Index("m", a[:1])
	})
	return lines
}

// TestBadForTooLong makes one mistake after another.
func TestBadForTooLong(t *testing.T) {
	t.Parallel()
	for _, v1 := range []bool{false, true} {
		_, base := harness.Serve(t)
		w := harness.Watch(t, base, "r")
		bad, good, line := "", "fine", "code empty_message"
		var header []string
		if v1 {
			bad, good, line = "[]", `{"type":"message","message":"fine"}`, "code bad_json"
			header = []string{harness.OfferV1}
		}
		c := harness.RawDial(t, base, "/ws/r", header...)
		harness.Settle(t, c)
		b := harness.Join(harness.Repeat(99, func(int) []byte { return fr(finText, bad) }), fr(finText, good), harness.Repeat(101, func(int) []byte { return fr(finText, bad) }))
		go harness.RawWrite(c, b, 0)
		got := harness.Heard(c)
		want := append(linesOf(199, func(int) string { return line }), "close 1008")
		if diff := cmp.Diff(want, slices.DeleteFunc(got, func(s string) bool { return s == "msg fine" })); diff != "" {
			t.Errorf("v1 %v (-want +got):\n%s", v1, diff)
		}
		w.Check([]string{"msg fine"})
	}
}

// TestBadSpoofs has fields of an object that only a server may set.
func TestBadSpoofs(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t)
	alice := harness.Dial(t, base, "r", true, "username", "Alice")
	a := alice.Until("welcome")
	mallory := harness.Dial(t, base, "r", true, "username", "Mallory")
	m := mallory.Until("welcome")
	alice.Until("system")
	for i, spoof := range []string{
		`"user":"` + a.User + `"`, `"username":"Alice"`, `"from":"` + a.User + `"`, `"offset":4242`, `"time":"1999-01-01T00:00:00Z"`,
		`"session":"` + a.Session + `"`, `"room":"other"`, `"event":"join"`, `"to_username":"Bob"`, `"epoch":"x"`, `"to":"` + a.User + `"`, `"dup":true`,
	} {
		mallory.Send(fmt.Sprintf(`{"type":"message","message":"m%d",%s}`, i, spoof))
		o := alice.Next()
		if o.Type != "message" || o.User != m.User || o.Username != "Mallory" || o.Offset != uint64(i+1) || o.Time.Year() < 2020 || o.To != "" || o.ToUsername != "" || o.Event != "" {
			t.Errorf("%s: %+v", spoof, o)
		}
	}
	if rooms, err := srv.Rooms(t.Context()); err != nil || len(rooms) != 1 {
		t.Errorf("rooms %v, %v", rooms, err)
	}
}
