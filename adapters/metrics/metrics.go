// Package metrics gives the counters of a chat server, and the times of its log, to Prometheus.
//
//	log, calls := metrics.Measure(chat.NewMemoryLog(chat.MemoryOptions{}), metrics.Options{})
//	srv := chat.New(chat.WithLog(log))
//	prometheus.MustRegister(metrics.New(srv, metrics.Options{}), calls)
//
// The README has a table of the metrics. They have no label with the name of a room or of a
// user, so their number does not grow.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-08328bfd/chat"
)

// Options say how metrics are named. The zero Options are for a process with one server.
type Options struct {
	// Labels are added to every metric. Several servers in one registry need labels with
	// different values, such as {"server": "a"}. If a name or a value is no valid label, the
	// collector cannot be registered: Register returns an error.
	Labels prometheus.Labels
	// Buckets are the upper bounds of the histogram of [Measure], in seconds and in increasing
	// order; otherwise Measure panics. Nil means 16 bounds from 0.1 ms to 3.3 s, each twice the
	// one before. New does not use it.
	Buckets []float64
}

// New returns a collector of the counters of srv, which must not be nil. It reads
// [chat.Server.Stats] once per scrape, so all values of a scrape are of about one moment. It
// keeps no state and starts no goroutine, and may be used after the server was shut down.
func New(srv *chat.Server, o Options) prometheus.Collector {
	if srv == nil {
		panic("metrics: New: the server is nil")
	}
	c := &collector{srv: srv}
	for _, s := range stats {
		c.descs = append(c.descs, prometheus.NewDesc(s.name, s.help, nil, o.Labels))
	}
	return c
}

type collector struct {
	srv   *chat.Server
	descs []*prometheus.Desc // of stats, in their order
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	now := c.srv.Stats()
	for i, s := range stats {
		ch <- prometheus.MustNewConstMetric(c.descs[i], s.typ, s.value(&now))
	}
}

// A stat is one number of chat.Stats.
type stat struct {
	name, help string
	typ        prometheus.ValueType
	value      func(*chat.Stats) float64
}

func gauge(name, help string, value func(*chat.Stats) int) stat {
	return stat{name, help, prometheus.GaugeValue, func(s *chat.Stats) float64 { return float64(value(s)) }}
}

func counter(name, help string, value func(*chat.Stats) uint64) stat {
	return stat{name, help, prometheus.CounterValue, func(s *chat.Stats) float64 { return float64(value(s)) }}
}

var stats = []stat{
	gauge("chat_connections", "Connections open to this server.",
		func(s *chat.Stats) int { return s.Connections }),
	gauge("chat_rooms", "Rooms in use by this server.",
		func(s *chat.Stats) int { return s.Rooms }),
	gauge("chat_members", "Users in those rooms; a user of two rooms counts twice.",
		func(s *chat.Stats) int { return s.Members }),
	counter("chat_messages_total", "Messages sent or published through this server and kept by the log.",
		func(s *chat.Stats) uint64 { return s.Messages }),
	counter("chat_deliveries_total", "Events written to members.",
		func(s *chat.Stats) uint64 { return s.Deliveries }),
	counter("chat_rounds_total", "Rounds of delivery; deliveries divided by rounds is the mean size of a round.",
		func(s *chat.Stats) uint64 { return s.Rounds }),
	counter("chat_slow_closes_total", "Members told 1013 because they were too far behind.",
		func(s *chat.Stats) uint64 { return s.SlowCloses }),
	counter("chat_refused_total", "Requests refused: malformed, or by a limit, the origin check or a hook.",
		func(s *chat.Stats) uint64 { return s.Refused }),
	counter("chat_log_errors_total", "Uses of the log that failed or timed out.",
		func(s *chat.Stats) uint64 { return s.LogErrors }),
	counter("chat_resets_total", "Times that the log of a room lost events that were delivered.",
		func(s *chat.Stats) uint64 { return s.Resets }),
	counter("chat_panics_total", "Calls of hooks, the logger or the log that panicked, and faults of the server itself.",
		func(s *chat.Stats) uint64 { return s.Panics }),
}
