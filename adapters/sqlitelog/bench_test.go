package sqlitelog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// BenchmarkAppend appends messages of 100 bytes with ids from 64 goroutines, to one room and to
// 64, with a sync for each transaction and without. It reports how long a sync of 16 KiB takes
// on this disk, at the median.
func BenchmarkAppend(b *testing.B) {
	s := strings.Repeat("x", 100)
	for _, level := range []sqlitelog.Sync{sqlitelog.Full, sqlitelog.Normal} {
		for _, rooms := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/rooms=%d", []string{"full", "normal"}[level], rooms), func(b *testing.B) {
				folder := b.TempDir()
				l := open(b, filepath.Join(folder, "chat.db"), sqlitelog.WithSync(level))
				var next atomic.Int64
				b.SetParallelism(32) // of two processors: 64
				b.ReportAllocs()
				before := cpuTime()
				b.RunParallel(func(pb *testing.PB) {
					w := next.Add(1)
					room, user := fmt.Sprint("room", int(w)%rooms), fmt.Sprint("u", w)
					for n := 0; pb.Next(); n++ {
						if _, err := l.Append(b.Context(), room, text(user, fmt.Sprintf("id-%d", n), s)); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
				b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
				b.ReportMetric(float64(syncTime(b, folder).Microseconds()), "µs/sync")
			})
		}
	}
}

func syncTime(b *testing.B, folder string) time.Duration {
	f, err := os.Create(filepath.Join(folder, "sync"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var all []time.Duration
	for range 100 {
		f.Write(make([]byte, 16<<10))
		began := time.Now()
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[50]
}

// BenchmarkAppendOne appends messages one by one.
func BenchmarkAppendOne(b *testing.B) {
	l := open(b, filepath.Join(b.TempDir(), "chat.db"))
	for n := 0; b.Loop(); n++ {
		mustAppend(b, l, "room", text("u", fmt.Sprint(n), "hello"))
	}
}

// BenchmarkRead reads pages of the newest 100 messages, with 20 reactions each and without.
func BenchmarkRead(b *testing.B) {
	for _, reactions := range []int{0, 20} {
		b.Run(fmt.Sprint("reactions=", reactions), func(b *testing.B) {
			l := open(b, filepath.Join(b.TempDir(), "chat.db"), sqlitelog.WithSync(sqlitelog.Normal))
			for range 100 {
				mustAppend(b, l, "room", text("u", "", strings.Repeat("x", 100)))
			}
			for i := range uint64(100 * reactions) {
				mustAmend(b, l, "room", react("v", 1+i%100, fmt.Sprint(":r", i/100, ":")))
			}
			b.ReportAllocs()
			for b.Loop() {
				p, err := l.Read(b.Context(), "room", chatlog.Range{Limit: 100, Visible: true, Reader: "u", Messages: true})
				if err != nil || len(p.Events) != 100 || len(p.Events[99].Reactions) != reactions {
					b.Fatal(len(p.Events), err)
				}
			}
		})
	}
}
