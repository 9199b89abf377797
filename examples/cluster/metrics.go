package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// metrics serves the metrics for Prometheus.
func (s *server) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		statsCollector{s.chat},
		s.engine.appends,
		s.engine.failures,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "chat_ready",
			Help: "1 if /readyz answers 200, 0 while draining or while the engine is down.",
		}, func() float64 {
			if s.ready(context.Background()) != nil {
				return 0
			}
			return 1
		}),
	)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// statsCollector returns a server's Stats as metrics.
type statsCollector struct{ srv *chat.Server }

// stat is one number of Stats.
type stat struct {
	desc  *prometheus.Desc
	typ   prometheus.ValueType
	value func(*chat.Stats) float64
}

func gauge(name, help string, value func(*chat.Stats) int) stat {
	return stat{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue,
		func(s *chat.Stats) float64 { return float64(value(s)) }}
}

func counter(name, help string, value func(*chat.Stats) uint64) stat {
	return stat{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue,
		func(s *chat.Stats) float64 { return float64(value(s)) }}
}

var stats = []stat{
	gauge("chat_connections", "Connections open to this server.", func(s *chat.Stats) int { return s.Connections }),
	gauge("chat_rooms", "Rooms in use by this server.", func(s *chat.Stats) int { return s.Rooms }),
	gauge("chat_members", "Users in those rooms, each counted once per room.", func(s *chat.Stats) int { return s.Members }),
	counter("chat_messages_total", "Messages sent through this server and stored.", func(s *chat.Stats) uint64 { return s.Messages }),
	counter("chat_deliveries_total", "Events written to members.", func(s *chat.Stats) uint64 { return s.Deliveries }),
	counter("chat_rounds_total", "Rounds of delivery; deliveries divided by rounds is the mean size of a round.", func(s *chat.Stats) uint64 { return s.Rounds }),
	counter("chat_slow_closes_total", "Members closed with 1013 because they were too slow.", func(s *chat.Stats) uint64 { return s.SlowCloses }),
	counter("chat_refused_total", "Connections refused by a limit, an origin or a hook.", func(s *chat.Stats) uint64 { return s.Refused }),
	counter("chat_log_errors_total", "Calls of the log that failed or took too long.", func(s *chat.Stats) uint64 { return s.LogErrors }),
	counter("chat_resets_total", "Rooms whose log lost delivered events.", func(s *chat.Stats) uint64 { return s.Resets }),
	counter("chat_panics_total", "Calls of hooks or the logger that panicked, and faults of the server itself.", func(s *chat.Stats) uint64 { return s.Panics }),
}

// Describe implements [prometheus.Collector].
func (statsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, s := range stats {
		ch <- s.desc
	}
}

// Collect implements [prometheus.Collector]. It reads the server's Stats once per scrape.
func (c statsCollector) Collect(ch chan<- prometheus.Metric) {
	now := c.srv.Stats()
	for _, s := range stats {
		ch <- prometheus.MustNewConstMetric(s.desc, s.typ, s.value(&now))
	}
}

// A fullLog is a log with all optional interfaces, as redislog, pglog and sqlitelog return.
type fullLog interface {
	chat.Log
	chatlog.Amender
	chatlog.Marker
	chatlog.Pacer
}

// measured is a log that measures the time of appends and amendments. It has the optional
// interfaces of the log that it wraps: the server offers only what its own type has.
type measured struct {
	fullLog
	seconds  prometheus.Observer
	failures prometheus.Counter
}

// Append implements [chatlog.Store].
func (m *measured) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	began := time.Now()
	a, err := m.fullLog.Append(ctx, room, e)
	m.seconds.Observe(time.Since(began).Seconds())
	if err != nil {
		m.failures.Inc()
	}
	return a, err
}

// Amend implements [chatlog.Amender].
func (m *measured) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	began := time.Now()
	a, err := m.fullLog.Amend(ctx, room, e, moderator)
	m.seconds.Observe(time.Since(began).Seconds())
	if err != nil && !errors.Is(err, chatlog.ErrNoSuchMessage) && !errors.Is(err, chatlog.ErrTooManyReactions) {
		m.failures.Inc()
	}
	return a, err
}
