package hostile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// amendObjects are bad objects of the types that carry more than text. Nothing is kept in
// their room, so there is no message to amend.
var amendObjects = []objectRow{
	{"A1 edit without a target", `{"type":"edit","message":"x","id":"i"}`, gets("code bad_request i")},
	{"A1 delete without a target", `{"type":"delete"}`, badRequest},
	{"A1 reaction without a target", `{"type":"reaction","reaction":"👍"}`, badRequest},
	{"A1 reaction without one", `{"type":"reaction","target":1}`, badRequest},
	{"A1 empty reaction", `{"type":"reaction","target":1,"reaction":""}`, badRequest},
	{"A1 read without an offset", `{"type":"read"}`, badRequest},
	{"A1 signal without a name", `{"type":"signal","data":{}}`, badRequest},
	{"A1 edit without a text", `{"type":"edit","target":1}`, gets("code empty_message")},
	{"A1 edit with a blank text", `{"type":"edit","target":1,"message":" \u200b"}`, gets("code empty_message")},
	{"A1 edit with data alone", `{"type":"edit","target":1,"data":{}}`, gets("code no_such_message")},
	{"A1 edit too long", `{"type":"edit","target":1,"message":"` + harness.LongText[:16<<10+1] + `"}`, gets("code too_long")},
	{"A2 target 2^53-1", `{"type":"delete","target":9007199254740991,"id":"i"}`, gets("code no_such_message i")},
	{"A2 target 2^53", `{"type":"delete","target":9007199254740992}`, badRequest},
	{"A2 target 2^64", `{"type":"delete","target":18446744073709551616}`, badRequest},
	{"A2 target of 5,000 digits", `{"type":"delete","target":1` + strings.Repeat("0", 5000) + `}`, badRequest},
	{"A2 target with an exponent", `{"type":"delete","target":1e0}`, badRequest},
	{"A2 target -0", `{"type":"delete","target":-0}`, badRequest},
	{"A2 read 2^53", `{"type":"read","offset":9007199254740992}`, badRequest},
	{"A2 read above the last", `{"type":"read","offset":9007199254740991,"id":"i"}`, gets("ack i")},
	{"A2 reply to the future", `{"type":"message","message":"x","reply_to":9007199254740991}`, badRequest},
	{"A3 data 33 deep", `{"type":"message","message":"x","data":{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}}`, badRequest},
	{"A3 data 5,000 deep", `{"type":"message","message":"x","data":{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`, badRequest},
	{"A3 data of 8 KiB and a byte", `{"type":"message","message":"x","data":{"a":"` + harness.LongText[:8<<10-7] + `"}}`, gets("code too_long")},
	{"A3 key twice", `{"type":"message","message":"x","data":{"a":1,"a":1},"id":"i"}`, gets("code bad_json i")},
	{"A3 key twice, deep and escaped", `{"type":"edit","target":1,"message":"x","data":{"x":[{"y":{"a":1,"b":2,"\u0061":3}}]}}`, badJSON},
	{"A3 half a pair", `{"type":"signal","name":"x","data":{"a":"\ud800"}}`, gets("code bad_utf8")},
	{"A3 half a pair in a key", `{"type":"message","message":"x","data":{"\udc00":1}}`, gets("code bad_utf8")},
	{"A3 data twice", `{"type":"message","message":"x","data":{},"data":{}}`, badJSON},
	{"A4 33 bytes", `{"type":"reaction","target":1,"reaction":":` + strings.Repeat("a", 31) + `:"}`, badRequest},
	{"A4 32 bytes", `{"type":"reaction","target":1,"reaction":":` + strings.Repeat("a", 30) + `:"}`, gets("code no_such_message")},
	{"A4 35 bytes of one emoji", `{"type":"reaction","target":1,"reaction":"🧑🏻‍❤️‍💋‍🧑🏿"}`, badRequest},
	{"A4 two emoji", `{"type":"reaction","target":1,"reaction":"👍👍"}`, badRequest},
	{"A4 text", `{"type":"reaction","target":1,"reaction":"ok"}`, badRequest},
	{"A4 10 KB", `{"type":"reaction","target":1,"reaction":"` + harness.LongText[:10<<10] + `"}`, badRequest},
	{"A4 NUL", `{"type":"reaction","target":1,"reaction":"\u0000"}`, badRequest},
	{"A4 half a pair", `{"type":"reaction","target":1,"reaction":"\ud83d"}`, gets("code bad_utf8")},
	{"A4 markup", `{"type":"reaction","target":1,"reaction":"<b>"}`, badRequest},
	{"A5 name of 33", `{"type":"signal","name":"` + strings.Repeat("a", 33) + `"}`, badRequest},
	{"A5 name of 32", `{"type":"signal","name":"` + strings.Repeat("a", 32) + `"}`, nil},
	{"A5 empty name", `{"type":"signal","name":""}`, badRequest},
	{"A5 upper case", `{"type":"signal","name":"A"}`, badRequest},
	{"A5 a space", `{"type":"signal","name":"a b"}`, badRequest},
	{"A5 a letter", `{"type":"signal","name":"é"}`, badRequest},
	{"A5 NUL", `{"type":"signal","name":"a\u0000"}`, badRequest},
}

// TestBadAmendments sends each on a connection of its own, and every key with every wrong
// type.
func TestBadAmendments(t *testing.T) {
	t.Parallel()
	rows := amendObjects
	values := []string{`null`, `true`, `0`, `1`, `-1`, `1.5`, `"x"`, `"1"`, `[]`, `[1]`, `{}`}
	for _, k := range []struct{ object, key, right, code string }{ // right is the value for which there is another code
		{`{"type":"edit","message":"x"`, "target", `1`, "no_such_message"},
		{`{"type":"delete"`, "target", `1`, "no_such_message"},
		{`{"type":"reaction","reaction":"👍"`, "target", `1`, "no_such_message"},
		{`{"type":"edit","target":1`, "message", `"x" "1"`, "no_such_message"},
		{`{"type":"edit","target":1,"message":"x"`, "data", `{}`, "no_such_message"},
		{`{"type":"reaction","target":1`, "reaction", ``, ""},
		{`{"type":"reaction","target":1,"reaction":"👍"`, "remove", `true`, "no_such_message"},
		{`{"type":"message","message":"x"`, "reply_to", ``, ""},
		{`{"type":"read"`, "offset", `0 1`, ""},
		{`{"type":"signal"`, "name", `"x" "1"`, ""},
		{`{"type":"signal","name":"x"`, "data", `{}`, ""},
	} {
		for _, v := range values {
			want := badRequest
			if v != "" && strings.Contains(" "+k.right+" ", " "+v+" ") {
				if want = nil; k.code != "" {
					want = gets("code " + k.code)
				}
			}
			rows = append(rows, objectRow{k.object + " " + k.key + " " + v, fmt.Sprintf("%s,%q:%s}", k.object, k.key, v), want})
		}
	}
	runObjects(t, rows)
}

// TestProbesAreNoFault: what is not there can be asked for as often as the rate limit
// allows, and the connection stays; the answers are all the same.
func TestProbesAreNoFault(t *testing.T) {
	t.Parallel()
	_, base := harness.Serve(t, harness.Quiet, chat.WithRateLimit(0.001, 120))
	a := harness.Dial(t, base, "r", true)
	a.Until("welcome")
	a.Send(fmt.Sprintf(`{"type":"private","to":%q,"message":"psst"}`, harness.Dial(t, base, "r", true).Until("welcome").User))
	a.Until("private")
	c := harness.RawDial(t, base, "/ws/r", harness.OfferV1)
	harness.Settle(t, c)
	probes := harness.Repeat(120, func(i int) []byte {
		return fr(finText, fmt.Sprintf(`{"type":%s,"target":%d}`, []string{`"edit","message":"x"`, `"delete"`, `"reaction","reaction":"👍"`}[i%3], i%4+1))
	})
	harness.RawWrite(c, harness.Join(probes, fr(finText, `{"type":"delete","target":1}`), fr(finText, `{"type":"ping","id":"end"}`)), 0)
	want := append(linesOf(120, func(int) string { return "code no_such_message" }), "code rate_limited")
	if diff := cmp.Diff(want, harness.UntilPong(c, "end", 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
