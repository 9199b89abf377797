package redislog_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
)

// BenchmarkAmend is BenchmarkAppend for edits and for reactions. Each of 64 senders sends after
// the answer to its last entry.
func BenchmarkAmend(b *testing.B) {
	message := strings.Repeat("x", 100)
	for name, event := range map[string]func(i int) chatlog.Event{
		"edit": func(i int) chatlog.Event { return edit("alice", uint64(1+i/16%100), message) },
		"reaction": func(i int) chatlog.Event {
			return reaction(fmt.Sprint("user", i/1600%40), uint64(1+i/16%100), fmt.Sprint(":r", i/64000%20, ":"))
		},
	} {
		b.Run(name, func(b *testing.B) {
			l := newLog(b)
			const senders = 64
			for room := range 16 {
				for range 100 {
					put(b, l, fmt.Sprint("room", room), text("alice", "", message))
				}
			}
			turns := make(chan int, senders)
			var wg sync.WaitGroup
			for range senders {
				wg.Go(func() {
					for i := range turns {
						e := event(i)
						e.ID = fmt.Sprint(i)
						if _, err := l.Amend(b.Context(), fmt.Sprint("room", i%16), e, false); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			n, cpu := 0, shared.cpu(b)
			for b.Loop() {
				turns <- n
				n++
			}
			close(turns)
			wg.Wait()
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "amends/s")
			b.ReportMetric((shared.cpu(b)-cpu).Seconds()*1e6/float64(n), "redis-us/op")
		})
	}
}

// BenchmarkPage reads pages of 100 messages: plain ones, and with 20 reactions each.
func BenchmarkPage(b *testing.B) {
	for _, reactions := range []int{0, 1, 20} {
		b.Run(fmt.Sprint("reactions=", reactions), func(b *testing.B) {
			l := newLog(b)
			for n := range 100 {
				e, _ := put(b, l, "room", text("alice", "", strings.Repeat("x", 100)))
				for k := range reactions {
					if _, err := l.Amend(b.Context(), "room", reaction(fmt.Sprint("user", n), e.Offset, fmt.Sprint(":r", k, ":")), false); err != nil {
						b.Fatal(err)
					}
				}
			}
			cpu := shared.cpu(b)
			for b.Loop() {
				if p := read(b, l, "room", chatlog.Range{Limit: 100, Visible: true, Reader: "alice", Messages: true}); len(p.Events) != 100 {
					b.Fatal(len(p.Events))
				}
			}
			b.ReportMetric((shared.cpu(b)-cpu).Seconds()*1e6/float64(b.N), "redis-us/op")
		})
	}
}
