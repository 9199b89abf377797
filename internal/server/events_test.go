package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/internal/events"
)

// FuzzAccept reads any Accept header. What it says of the very type decides, and of two such
// parts the first one.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "*/*", "text/*;q=0", "text/event-stream;q=0, */*", "a/b;c=\"d, e\";q=1", ";;", "text/event-stream;q=x", "\x00", "text/event-stream; q=0.000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		accepts([]string{s}, events.ContentType) // does not panic
		if !accepts([]string{events.ContentType, s}, events.ContentType) {
			t.Errorf("%q after the type itself", s)
		}
		if accepts([]string{events.ContentType + ";q=0", s}, events.ContentType) {
			t.Errorf("%q after the type itself was excluded", s)
		}
		if !strings.Contains(strings.ToLower(s), "event-stream") && accepts([]string{s, "text/event-stream;q=0"}, events.ContentType) {
			t.Errorf("%q before the type itself is excluded", s)
		}
	})
}

// TestLongAccept reads the longest headers that net/http takes, in all kinds of parts.
func TestLongAccept(t *testing.T) {
	for _, part := range []string{",", ";", "a/b,", "*/*;q=0,", `a/b;c="d\"`, "text/event-stream;q=0;", "a/b;c*0=1;"} {
		accepts([]string{strings.Repeat(part, http.DefaultMaxHeaderBytes/len(part))}, events.ContentType) // in time
	}
}
