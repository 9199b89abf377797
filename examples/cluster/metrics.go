package main

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-08328bfd/chat/adapters/metrics"
)

// metrics serves the metrics for Prometheus.
func (s *server) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		metrics.New(s.chat, metrics.Options{}),
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
	if s.engine.calls != nil {
		r.MustRegister(s.engine.calls)
	}
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
