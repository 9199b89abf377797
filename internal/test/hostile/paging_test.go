package hostile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// pageRow asks for a part of a room's history, over HTTP and on the socket. The
// room has 120 messages, whose text is their offset.
type pageRow struct {
	id    string
	query string // over HTTP
	keys  string // on the socket; "-" where there is no such request
	want  string // first and last offset, and whether there is more; or a refusal
}

var pages = []pageRow{
	{"P0 nothing", "", ``, "71-120 more"},
	{"P0 limit", "limit=3", `"limit":3`, "118-120 more"},
	{"P0 before", "before=4&limit=2", `"before":4,"limit":2`, "2-3 more"},
	{"P0 before all", "before=4&limit=3", `"before":4,"limit":3`, "1-3"},
	{"P0 after", "after=117&limit=2", `"after":117,"limit":2`, "118-119 more"},
	{"P0 after all", "after=117", `"after":117`, "118-120"},
	{"P0 after the last", "after=120", `"after":120`, "none"},
	{"P1 limit 0", "limit=0", `"limit":0`, "none more"},
	{"P1 limit 100", "limit=100", `"limit":100`, "21-120 more"},
	{"P1 limit 101", "limit=101", `"limit":101`, "21-120 more"},
	{"P1 limit of a billion", "limit=1000000000", `"limit":1000000000`, "21-120 more"},
	{"P1 limit -1", "limit=-1", `"limit":-1`, "refused"},
	{"P1 limit a string", `limit="10"`, `"limit":"10"`, "refused"},
	{"P1 limit 1.5", "limit=1.5", `"limit":1.5`, "refused"},
	{"P1 limit 1e1", "limit=1e1", `"limit":1e1`, "refused"},
	{"P1 limit +1", "limit=%2B1", `-`, "refused"},
	{"P1 limit empty", "limit=", `"limit":null`, "refused"},
	{"P1 limit 0x10", "limit=0x10", `-`, "refused"},
	{"P1 limit 1_0", "limit=1_0", `-`, "refused"},
	{"P1 limit with space", "limit=%201", `-`, "refused"},
	{"P1 limit in other digits", "limit=%D9%A1", `-`, "refused"},
	{"P1 limit of 2^53", "limit=9007199254740992", `"limit":9007199254740992`, "21-120 more"},
	{"P1 limit beyond 64 bits", "limit=100000000000000000000", `"limit":100000000000000000000`, "21-120 more"},
	{"P1 limit true", "limit=true", `"limit":true`, "refused"},
	{"P1 limit an array", "limit=[1]", `"limit":[1]`, "refused"},
	{"P2 before 0", "before=0", `"before":0`, "none"},
	{"P2 before 1", "before=1", `"before":1`, "none"},
	{"P2 before -1", "before=-1", `"before":-1`, "refused"},
	{"P2 before a string", "before=x", `"before":"4"`, "refused"},
	{"P2 before -0", "before=-0", `"before":-0`, "refused"},
	{"P2 before the future", "before=4000", `"before":4000`, "71-120 more"},
	{"P2 before 2^53-1", "before=9007199254740991", `"before":9007199254740991`, "71-120 more"},
	{"P2 before 2^53", "before=9007199254740992", `"before":9007199254740992`, "refused"},
	{"P2 before 2^63", "before=9223372036854775808", `"before":9223372036854775808`, "refused"},
	{"P2 before 2^64", "before=18446744073709551616", `"before":18446744073709551616`, "refused"},
	{"P2 before 1e400", "before=1e400", `"before":1e400`, "refused"},
	{"P2 after 0", "after=0&limit=2", `"after":0,"limit":2`, "1-2 more"},
	{"P2 after -1", "after=-1", `"after":-1`, "refused"},
	{"P2 after 2^53", "after=9007199254740992", `"after":9007199254740992`, "refused"},
	{"P3 both", "before=10&after=1", `"before":10,"after":1`, "refused"},
	{"P3 both, and alike", "before=0&after=0", `"before":0,"after":0`, "refused"},
	{"P4 after the future", "after=4000", `"after":4000`, "none"},
	{"P4 after 2^53-1", "after=9007199254740991", `"after":9007199254740991`, "none"},
	{"P9 a position for an offset", "after=abc:4", `"after":"abc:4"`, "refused"},
	{"P12 unknown parameters", "limit=1&page=4", `"limit":1,"page":4`, "120-120 more"},
	{"P12 malformed", "limit=1&x=%zz", `-`, "refused"},
	{"P12 given twice", "limit=1&limit=2", `-`, "120-120 more"},
}

// pageOf tells in a few words what is on a page.
func pageOf(messages []harness.Object, more bool) string {
	s := "none"
	if n := len(messages); n > 0 {
		s = fmt.Sprintf("%d-%d", messages[0].Offset, messages[n-1].Offset)
		for i, m := range messages {
			if m.Offset != messages[0].Offset+uint64(i) || m.Message != fmt.Sprint(m.Offset) {
				return fmt.Sprintf("hole at %d", m.Offset)
			}
		}
	}
	if more {
		s += " more"
	}
	return s
}

func TestBadPaging(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, chat.WithHistory(50), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 200})))
	for i := range 120 {
		harness.Publish(t, srv, "r", fmt.Sprint(i+1))
	}
	w := harness.Watch(t, base, "other")
	reader := harness.Dial(t, base, "r", true)
	reader.Until("welcome")
	for _, row := range pages {
		status, body := harness.Get(t, base+"/rooms/r/messages?"+row.query)
		var o harness.Object
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			t.Fatalf("%s: %v", row.id, err)
		}
		got := pageOf(o.Messages, o.More)
		if status == 400 && strings.HasPrefix(body, `{"error":{"code":"bad_request",`) && o.Messages == nil {
			got = "refused"
		} else if status != 200 || o.First != 1 || !strings.HasSuffix(o.Position, ":120") || !strings.Contains(body, `"messages":[`) {
			got = fmt.Sprintf("%d %s", status, harness.Brief(body))
		}
		if got != row.want {
			t.Errorf("%s, HTTP: %s, want %s", row.id, got, row.want)
		}
		if row.keys == "-" {
			continue
		}
		reader.Send(strings.TrimSuffix(`{"type":"history","request":"`+row.id[:2]+`",`+row.keys, ",") + "}")
		a := reader.Next()
		for a.Type == "message" {
			a = reader.Next() // from joining
		}
		got = pageOf(a.Messages, a.More)
		if a.Type == "error" && a.Code == "bad_request" {
			got = "refused"
		} else if a.Type != "history" || a.First != 1 || a.Request != row.id[:2] || a.Messages == nil {
			got = fmt.Sprintf("%+v", a)
		}
		if got != row.want {
			t.Errorf("%s, socket: %s, want %s", row.id, got, row.want)
		}
	}
	if status, body := harness.Get(t, base+"/rooms/nobody/messages"); status != 200 || !strings.Contains(body, `"first":1,"more":false`) || !strings.HasPrefix(body, `{"messages":[],"position":"`) {
		t.Errorf("P11 a room never used: %d %s", status, body)
	}
	harness.Publish(t, srv, "one", "1")
	if _, body := harness.Get(t, base+"/rooms/one/messages?limit=0"); !strings.Contains(body, `"first":1,"more":true`) || !strings.HasPrefix(body, `{"messages":[],"position":"`) {
		t.Errorf("P1 limit 0 of one message: %s", body)
	}
	w.Check(nil)
	t.Logf("%d rows", len(pages))
}
