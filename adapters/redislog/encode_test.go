package redislog

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// TestEncode compares the JSON of events with that of the JSON encoder.
func TestEncode(t *testing.T) {
	for _, s := range []string{"", "plain", `a "quoted" text`, `a \ text`, "line\nand\ttab\x00\x7f", "<ümlaut> & 語 \u2028", "bad \xff\xfe bytes"} {
		e := chatlog.Event{
			Type: "message", Kind: "k", UserID: s, Username: s, To: s, ToUsername: s, Text: s, ID: s,
			ReplyTo: 1, Target: 1<<53 - 1, Reaction: s, Remove: true, Data: json.RawMessage(`{"a":1}`),
		}
		var want bytes.Buffer
		j := json.NewEncoder(&want)
		j.SetEscapeHTML(false)
		err := j.Encode(entry{
			Type: "message", Event: "k", User: s, Username: s, To: s, ToUsername: s, ID: s, ReplyTo: 1,
			Target: 1<<53 - 1, Reaction: s, Remove: true, Message: s, Data: json.RawMessage(`{"a":1}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := encode(&e) + "\n"; got != want.String() {
			t.Errorf("%q: got %s, want %s", s, got, &want)
		}
	}
}
