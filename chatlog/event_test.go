package chatlog

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzEventJSON compares the encoder with encoding/json.
func FuzzEventJSON(f *testing.F) {
	f.Add("u1", "Alice", "hi <b> \u2028 \x00 \xff \"\\", "id", uint64(7))
	f.Fuzz(func(t *testing.T, user, name, text, id string, offset uint64) {
		e := Event{Type: TypePrivate, Offset: offset, UserID: user, Username: name, To: name, ToUsername: user, Text: text, ID: id, Time: time.UnixMilli(1e12).UTC()}
		var got Event
		b := AppendJSON(nil, &e)
		if err := json.Unmarshal(b, &got); err != nil || !utf8.Valid(b) {
			t.Fatalf("%s: %v", b, err)
		}
		for _, s := range []string{user, name, text, id} {
			if !utf8.ValidString(s) {
				return
			}
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	e := Event{Type: TypeMessage, Offset: 12345, Time: time.Now(), UserID: "anon-abcdefghijklmnop", Username: "Alice", Text: "Hello, everybody in the room!", ID: "c1"}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], &e)
	}
}
