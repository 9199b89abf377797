package memlog

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// BenchmarkAmend compares an append with an amendment of one of the last 50 messages. Each has
// an id, like those that clients send.
func BenchmarkAmend(b *testing.B) {
	text := fmt.Sprintf("%100d", 1)
	message := chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Username: "U", Text: text}
	for _, c := range []struct {
		name string
		do   func(l *Log, n uint64)
	}{
		{"append", func(l *Log, n uint64) {
			e := message
			e.ID = strconv.FormatUint(n, 36)
			l.Append(bg, "r", e)
		}},
		{"edit", func(l *Log, n uint64) {
			l.Amend(bg, "r", chatlog.Event{Type: chatlog.TypeEdit, UserID: "u", Username: "U", Text: text, Target: 1 + n%50, ID: strconv.FormatUint(n, 36)}, false)
		}},
		{"reaction", func(l *Log, n uint64) {
			l.Amend(bg, "r", chatlog.Event{Type: chatlog.TypeReaction, UserID: "v", Username: "V", Reaction: "👍", Target: 1 + n%50, Remove: n/50%2 == 1, ID: strconv.FormatUint(n, 36)}, false)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := New(50, 1<<20, time.Hour)
			for range 50 {
				l.Append(bg, "r", message)
			}
			b.ReportAllocs()
			for n := uint64(0); b.Loop(); n++ {
				c.do(l, n)
			}
		})
	}
}

// BenchmarkReadAmended reads a page of 100 messages, with 20 reactions each and without
// reactions.
func BenchmarkReadAmended(b *testing.B) {
	for _, reactions := range []int{0, 20} {
		b.Run(fmt.Sprint(reactions), func(b *testing.B) {
			l := New(100, 4<<20, time.Hour)
			for i := range uint64(100) {
				l.Append(bg, "r", chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Username: "U", Text: fmt.Sprintf("%100d", i)})
			}
			for i := range uint64(100 * reactions) {
				l.Amend(bg, "r", chatlog.Event{Type: chatlog.TypeReaction, UserID: "v", Username: "V", Reaction: fmt.Sprint(":r", i/100, ":"), Target: 1 + i%100}, false)
			}
			b.ReportAllocs()
			for b.Loop() {
				p, _ := l.Read(bg, "r", chatlog.Range{Limit: 100, Visible: true, Reader: "u", Messages: true})
				if len(p.Events) != 100 || len(p.Events[99].Reactions) != reactions {
					b.Fatal(len(p.Events))
				}
			}
		})
	}
}
