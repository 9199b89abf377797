package memlog

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// BenchmarkRead reads the last 50 messages, as a new member gets them.
func BenchmarkRead(b *testing.B) {
	l := New(256, 1<<20, time.Hour)
	for i := range 256 {
		l.Append(bg, "r", chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Username: "U", Text: fmt.Sprintf("%100d", i)})
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Read(bg, "r", chatlog.Range{Limit: 50, Visible: true, Reader: "u", Messages: true})
	}
}
