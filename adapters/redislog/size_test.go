package redislog_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// BenchmarkSize measures the bytes that Redis uses for a kept event with a text of 100 bytes,
// and for related data.
func BenchmarkSize(b *testing.B) {
	const n = 1000
	message := strings.Repeat("x", 100)
	for name, event := range map[string]func(i int) chatlog.Event{
		"public": func(i int) chatlog.Event { return text("alice", "", message) },
		"id":     func(i int) chatlog.Event { return text("alice", fmt.Sprint("id", i), message) },
		"private": func(i int) chatlog.Event {
			e := private("alice", "bob")
			e.Text = message
			return e
		},
		"half private": func(i int) chatlog.Event {
			e := private("alice", "bob")
			if e.Text = message; i%2 == 0 {
				e = text("alice", "", message)
			}
			return e
		},
	} {
		b.Run(name, func(b *testing.B) {
			i := freshInstance(b)
			l := redislog.New(i.client(b))
			before := i.memory(b)
			for k := range n {
				put(b, l, "room", event(k))
			}
			for b.Loop() {
			}
			b.ReportMetric(float64(i.memory(b)-before)/n, "bytes/event")
		})
	}
}

// memory returns how many bytes the keys of i use.
func (i *instance) memory(t testing.TB) (bytes int64) {
	for _, key := range i.exec(t, "KEYS", "*").([]any) {
		bytes += i.exec(t, "MEMORY", "USAGE", key, "SAMPLES", 0).(int64)
	}
	return bytes
}
