package hostile

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/wsconf"
)

// resumeRow comes back with a position. The room has 20 messages; the log holds
// the last 10 of them.
type resumeRow struct {
	id    string
	since string // {} stands for the log's epoch
	want  string // what comes after the welcome, or "refused"
}

func TestBadResume(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t, chat.WithHistory(3), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})))
	for i := range 20 {
		harness.Publish(t, srv, "r", fmt.Sprint(i+1))
	}
	w := harness.Watch(t, base, "other")
	page, err := srv.History(t.Context(), "r", chat.Query{})
	if err != nil {
		t.Fatal(err)
	}
	const gap, fresh = "gap 18-20", "fresh 18-20"
	rows := []resumeRow{
		{"S0 nothing", "", fresh},
		{"S0 up to date", "{}:20", "resumed none"},
		{"S0 one behind", "{}:19", "resumed 20-20"},
		{"S0 as far as the log goes", "{}:10", "resumed 11-20"},
		{"S1 unknown epoch", "nonsense:4", gap},
		{"S1 unknown epoch, last offset", "nonsense:20", gap},
		{"S3 epoch cut", "{-}:20", gap},
		{"S3 more epoch", "{}x:20", gap},
		{"S3 no offset", "{}", "refused"},
		{"S3 empty offset", "{}:", "refused"},
		{"S3 no epoch", ":20", "refused"},
		{"S3 colon", ":", "refused"},
		{"S3 word", "yesterday", "refused"},
		{"S3 three colons", "{}:20:1:1", "refused"},
		{"S3 no time", "{}:20:", "refused"},
		{"S3 time of letters", "{}:20:x", "refused"},
		{"S3 negative time", "{}:20:-1", "refused"},
		{"S3 time 2^53", "{}:20:9007199254740992", "refused"},
		{"S3 time of another entry", "{}:19:1", gap},
		{"S3 time of another last entry", "{}:20:1", gap},
		{"S3 time zero", "{}:20:0", "resumed none"},
		{"S3 epoch of 64 bytes", strings.Repeat("e", 64) + ":1", gap},
		{"S3 epoch of 65 bytes", strings.Repeat("e", 65) + ":1", "refused"},
		{"S3 60 KB", strings.Repeat("e", 60<<10) + ":1", "refused"},
		{"S3 epoch with space", "a b:1", "refused"},
		{"S3 epoch with a slash", "a/b:1", "refused"},
		{"S3 epoch not ASCII", "é:1", "refused"},
		{"S3 NUL", "{}:1\x00", "refused"},
		{"S5 offset -1", "{}:-1", "refused"},
		{"S5 offset +1", "{}:+1", "refused"},
		{"S5 offset 1.5", "{}:1.5", "refused"},
		{"S5 offset 1e1", "{}:1e1", "refused"},
		{"S5 offset 0x1", "{}:0x1", "refused"},
		{"S5 offset of letters", "{}:x", "refused"},
		{"S5 offset 2^53", "{}:9007199254740992", "refused"},
		{"S5 offset 2^64", "{}:18446744073709551616", "refused"},
		{"S5 leading zeros", "{}:00020", "resumed none"},
		{"S5 ahead", "{}:21", gap},
		{"S5 far ahead", "{}:9007199254740991", gap},
		{"S8 offset 0", "{}:0", gap},
		{"S8 just trimmed", "{}:9", gap},
	}
	for _, row := range rows {
		epoch := page.Position.Epoch
		since := strings.NewReplacer("{}", epoch, "{-}", epoch[:len(epoch)-1]).Replace(row.since)
		got, o := resumeWith(t, base, "since="+url.QueryEscape(since), row.want)
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.id, got, row.want)
		}
		if got != "refused" && o.Position != epoch+":20" {
			t.Errorf("%s: position %s", row.id, o.Position)
		}
	}
	for _, row := range []resumeRow{
		{"S2 no session", "session=", fresh},
		{"S2 one never given", "session=" + strings.Repeat("A", 32), fresh},
		{"S3 cut", "session=" + strings.Repeat("A", 31), "refused"},
		{"S3 longer", "session=" + strings.Repeat("A", 36), "refused"},
		{"S3 not base64", "session=" + strings.Repeat("!", 32), "refused"},
		{"S3 padded", "session=" + strings.Repeat("A", 31) + "%3D", "refused"},
		{"S3 in another alphabet", "session=" + strings.Repeat("%2B", 32), "refused"},
		{"S3 line break", "session=" + strings.Repeat("A", 16) + "%0A" + strings.Repeat("A", 16), "refused"},
		{"S3 60 KB", "session=" + strings.Repeat("A", 60<<10), "refused"},
	} {
		if got, _ := resumeWith(t, base, row.since, row.want); got != row.want {
			t.Errorf("%s: %s, want %s", row.id, got, row.want)
		}
	}
	w.Check(nil)
}

// resumeWith tells in a few words what a client with the query gets first.
func resumeWith(t *testing.T, base, query, want string) (got string, welcome harness.Object) {
	t.Helper()
	c, err := wsconf.Dial(strings.TrimPrefix(base, "http://"), wsconf.Handshake("/ws/r?"+query, harness.OfferV1), time.Now().Add(harness.Patience))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Response.StatusCode == 400 && strings.Contains(c.Body, `"code":"bad_request"`) {
		return "refused", welcome
	}
	if c.Response.StatusCode != 101 {
		return fmt.Sprint(c.Response.StatusCode, c.Body), welcome
	}
	f, err := c.ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	json.Unmarshal(f.Payload, &welcome)
	switch {
	case welcome.Type != "welcome":
		return "no welcome", welcome
	case welcome.Resumed && welcome.Gap:
		return "resumed with a gap", welcome
	case welcome.Resumed:
		got = "resumed"
	case welcome.Gap:
		got = "gap"
	default:
		got = "fresh"
	}
	// The answer does not wait for the replay, nor the replay for the answer.
	var replay []harness.Object
	ponged := false
	harness.RawWrite(c, fr(finText, `{"type":"ping","id":"end"}`), 0)
	for {
		var o harness.Object
		f, err := c.ReadFrame()
		if err != nil || json.Unmarshal(f.Payload, &o) != nil {
			t.Fatalf("%s, %v", f.Payload, err)
		}
		if o.Type == "message" {
			replay = append(replay, o)
		}
		ponged = ponged || o.Type == "pong"
		if ponged && (strings.HasSuffix(want, " none") || len(replay) > 0 && replay[len(replay)-1].Offset == 20) {
			return got + " " + pageOf(replay, false), welcome
		}
	}
}

// TestBadSessions has one user come back twice concurrently, and others try.
func TestBadSessions(t *testing.T) {
	t.Parallel()
	srv, base := harness.Serve(t)
	a := harness.Dial(t, base, "r", true, "username", "Alice")
	first := a.Until("welcome")
	b := harness.Dial(t, base, "r", true, "username", "Alice", "session", first.Session)
	if o := b.Until("welcome"); o.User != first.User || o.Session != first.Session {
		t.Errorf("came back as %s with %s, was %s with %s", o.User, o.Session, first.User, first.Session)
	}
	if o := harness.Dial(t, base, "r", true).Until("welcome"); o.User == first.User {
		t.Error("two users have one id")
	}
	members, n, err := srv.Members(t.Context(), "r", 10)
	if err != nil || n != 2 {
		t.Fatalf("%v, %d, %v", members, n, err)
	}
	var conns []int
	for _, m := range members {
		if strings.Contains(m.UserID, first.Session) {
			t.Error("the user's id gives the session away")
		}
		conns = append(conns, m.Connections)
	}
	if diff := cmp.Diff([]int{2, 1}, conns); diff != "" {
		t.Errorf("connections (-want +got):\n%s", diff)
	}
}
