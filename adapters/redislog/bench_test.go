package redislog_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// BenchmarkAppend appends texts of 100 bytes. Many senders send concurrently, each after the
// answer to its last append.
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
						if _, err := l.Append(b.Context(), room, text("alice", fmt.Sprint(i), message)); err != nil {
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
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "appends/s")
			b.ReportMetric((shared.cpu(b)-cpu).Seconds()*1e6/float64(n), "redis-us/op")
		})
	}
}

// cpu returns the processor time that i has used.
func (i *instance) cpu(t testing.TB) (used time.Duration) {
	t.Helper()
	for line := range strings.Lines(i.exec(t, "INFO", "cpu").(string)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			d, err := time.ParseDuration(value + "s")
			if err != nil {
				t.Fatal(err)
			}
			used += d
		}
	}
	return used
}

// BenchmarkDelivery measures the time from the start of an append on one server to its push on
// another, one at a time.
func BenchmarkDelivery(b *testing.B) {
	prefix := newPrefix()
	from, to := redislog.New(shared.client(b), prefix), redislog.New(shared.client(b), prefix)
	came := make(chan time.Time, 1)
	s := timedSink{came}
	if err := to.Open(b.Context(), s); err != nil {
		b.Fatal(err)
	}
	defer to.Close(s)
	if err := to.Watch(b.Context(), s, "room"); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	e := text("alice", "", strings.Repeat("x", 100))
	for b.Loop() {
		began := time.Now()
		if _, err := from.Append(b.Context(), "room", e); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-came).Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}

// timedSink reports when an event is pushed to it.
type timedSink struct{ came chan time.Time }

func (s timedSink) Push(string, string, chatlog.Event) { s.came <- time.Now() }
func (s timedSink) Interrupted(error)                  {}
func (s timedSink) Resumed()                           {}
