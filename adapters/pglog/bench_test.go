package pglog_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// The benchmarks are meaningful only if the disk syncs: set PGLOG_FSYNC=1.

// BenchmarkAppend lets 64 senders append 150 bytes each, to one room, to 16 and to 64. It compares
// concurrent calls in one statement with calls one by one. Another server watches the rooms and
// reads everything.
func BenchmarkAppend(b *testing.B) {
	const senders = 64
	message := fmt.Sprintf("%150d", 0)
	for _, rooms := range []int{1, senders / 4, senders} {
		for _, mode := range []string{"together", "single"} {
			b.Run(fmt.Sprintf("rooms=%d/%s", rooms, mode), func(b *testing.B) {
				schema := pglog.WithSchema(newSchema())
				l := migrated(b, shared.pool(b, "pool_max_conns=16"), schema)
				if mode == "single" {
					pglog.SingleAppends(l)
				}
				other := migrated(b, shared.pool(b), schema)
				var names []string
				for i := range rooms {
					names = append(names, fmt.Sprint("room", i))
				}
				opened(b, l)
				opened(b, other, names...)
				work := make(chan int)
				var wg sync.WaitGroup
				for s := range senders {
					wg.Go(func() {
						for i := range work {
							mustAppend(b, l, names[s%rooms], text("u", fmt.Sprint(i), message))
						}
					})
				}
				i := 0
				for b.Loop() {
					work <- i
					i++
				}
				close(work)
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			})
		}
	}
}

// offsetSink is a sink that passes on the offsets of entries.
type offsetSink chan uint64

func (e offsetSink) Push(_, _ string, event chatlog.Event) {
	if event.Type != "" {
		e <- event.Offset
	}
}
func (e offsetSink) Interrupted(error) {}
func (e offsetSink) Resumed()          {}

// BenchmarkDelivery measures the time from the call of Append on one server to
// the event's arrival at another.
func BenchmarkDelivery(b *testing.B) {
	schema := pglog.WithSchema(newSchema())
	l := migrated(b, shared.pool(b), schema)
	other := migrated(b, shared.pool(b), schema)
	opened(b, l)
	heard := make(offsetSink, 100)
	if err := other.Open(b.Context(), heard); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { other.Close(heard) })
	if err := other.Watch(b.Context(), heard, "room"); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		o := mustAppend(b, l, "room", text("u", "", "hello")).Offset
		for got := range heard {
			if got == o {
				break
			}
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", p))
	}
}

// BenchmarkAmend compares an edit and a reaction with an append, one by one in one room.
func BenchmarkAmend(b *testing.B) {
	message := fmt.Sprintf("%150d", 0)
	for _, kind := range []chatlog.Type{chatlog.TypeMessage, chatlog.TypeEdit, chatlog.TypeReaction} {
		b.Run(string(kind), func(b *testing.B) {
			l := migrated(b, shared.pool(b), pglog.WithSchema(newSchema()))
			for i := range 500 {
				mustAppend(b, l, "room", text("u", fmt.Sprint("target ", i), message))
			}
			i := 0
			for b.Loop() {
				i++
				if kind == chatlog.TypeMessage {
					mustAppend(b, l, "room", text("u", fmt.Sprint(i), message))
					continue
				}
				e := text("u", fmt.Sprint(i), message)
				e.Type, e.Target = kind, uint64(i%500)+1
				if kind == chatlog.TypeReaction {
					e.Text, e.Reaction, e.Remove = "", "a", i/500%2 == 1
				}
				if _, err := l.Amend(b.Context(), "room", e, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHistory reads pages of 100 messages without and with 20 reactions each.
func BenchmarkHistory(b *testing.B) {
	l := migrated(b, shared.pool(b), pglog.WithSchema(newSchema()))
	for room, reactions := range map[string]int{"plain": 0, "reactions=20": 20} {
		for i := range 300 {
			mustAppend(b, l, room, text("u", "", fmt.Sprintf("%150d", i)))
			for r := range reactions {
				e := chatlog.Event{Type: chatlog.TypeReaction, Target: uint64(i*(1+reactions)) + 1, Reaction: fmt.Sprintf(":r%d:", r)}
				e.UserID = fmt.Sprint("user ", r)
				if _, err := l.Amend(b.Context(), room, e, false); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	for _, room := range []string{"plain", "reactions=20"} {
		b.Run(room, func(b *testing.B) {
			for b.Loop() {
				p, err := l.Read(b.Context(), room, chatlog.Range{Limit: 100, Visible: true, Messages: true, Reader: "u"})
				if err != nil || len(p.Events) != 100 || len(p.Events[0].Reactions) != 0 && len(p.Events[0].Reactions) != 20 {
					b.Fatal(len(p.Events), err)
				}
			}
		})
	}
}
