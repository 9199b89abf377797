package redislog_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// BenchmarkAppend appends texts of 100 bytes, each once it has the answer to the one
// before, from many senders at once.
func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprint("senders=", senders), func(b *testing.B) {
			l := newLog(b)
			message := strings.Repeat("x", 100)
			turns := make(chan int, senders)
			var wg sync.WaitGroup
			for s := range senders {
				wg.Go(func() {
					room := fmt.Sprint("room", s%16)
					for i := range turns {
						if _, _, _, err := l.Append(b.Context(), room, text("alice", fmt.Sprint(i), message)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			n := 0
			for b.Loop() {
				turns <- n
				n++
			}
			close(turns)
			wg.Wait()
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}
