package metrics

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// Measure returns log, with the times of its calls measured, and the collector of these times.
// Give the returned log to [chat.WithLog]. It has exactly the optional interfaces of log. Several
// servers may use it.
//
// A call that fails is measured too. It counts as a failure unless its context was canceled, or
// the log refused an amendment as the contract says (chatlog.Amender).
func Measure(log chat.Log, o Options) (chat.Log, prometheus.Collector) {
	if log == nil {
		panic("metrics: Measure: the log is nil")
	}
	buckets := o.Buckets
	if buckets == nil {
		buckets = prometheus.ExponentialBuckets(0.0001, 2, 16)
	}
	c := &calls{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:        "chat_log_call_seconds",
			Help:        "How long a call of the log took, by the method of the log.",
			ConstLabels: o.Labels,
			Buckets:     buckets,
		}, []string{"call"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name:        "chat_log_call_failures_total",
			Help:        "Calls of the log that failed, by the method of the log.",
			ConstLabels: o.Labels,
		}, []string{"call"}),
	}
	return chatlog.Observe(log, c.observe), c
}

// calls are the metrics of a log. Methods that were not called yet have no series.
type calls struct {
	seconds  *prometheus.HistogramVec
	failures *prometheus.CounterVec
}

func (c *calls) observe(ctx context.Context, call chatlog.Call) (context.Context, func(error)) {
	name := label(call.Method)
	began := time.Now()
	return ctx, func(err error) {
		c.seconds.WithLabelValues(name).Observe(time.Since(began).Seconds())
		failed := c.failures.WithLabelValues(name) // 0 is a value too
		if failure(err) {
			failed.Inc()
		}
	}
}

// label returns the name of a method in the form of Prometheus: mark_read.
func label(method string) string {
	var b strings.Builder
	for i, r := range method {
		if 'A' <= r && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func failure(err error) bool {
	for _, none := range []error{nil, context.Canceled, chatlog.ErrNoSuchMessage, chatlog.ErrTooManyReactions} {
		if errors.Is(err, none) {
			return false
		}
	}
	return true
}

// Describe implements [prometheus.Collector].
func (c *calls) Describe(ch chan<- *prometheus.Desc) {
	c.seconds.Describe(ch)
	c.failures.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (c *calls) Collect(ch chan<- prometheus.Metric) {
	c.seconds.Collect(ch)
	c.failures.Collect(ch)
}
