package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/metrics"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// names are the metrics of the fields of chat.Stats.
var names = map[string]string{
	"Connections": "chat_connections", "Rooms": "chat_rooms", "Members": "chat_members",
	"Messages": "chat_messages_total", "Deliveries": "chat_deliveries_total", "Rounds": "chat_rounds_total",
	"SlowCloses": "chat_slow_closes_total", "Refused": "chat_refused_total", "LogErrors": "chat_log_errors_total",
	"Resets": "chat_resets_total", "Panics": "chat_panics_total",
}

// gather returns the values of the metrics by name, and the labels of each name in one text.
// The value of a histogram is its number of observations.
func gather(t *testing.T, reg prometheus.Gatherer) (values map[string]float64, labels map[string]string) {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values, labels = map[string]float64{}, map[string]string{}
	for _, f := range all {
		for _, m := range f.Metric {
			key := f.GetName()
			for _, l := range m.Label {
				if l.GetName() == "call" {
					key += "/" + l.GetValue()
				}
				labels[f.GetName()] += l.GetName() + "=" + l.GetValue() + " "
			}
			values[key] += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values, labels
}

// TestValuesAreThoseOfStats compares every field of Stats with its metric, after things have
// happened that change most of them.
func TestValuesAreThoseOfStats(t *testing.T) {
	fails := false
	log, calls := metrics.Measure(&failing{chat.NewMemoryLog(chat.MemoryOptions{}), &fails}, metrics.Options{})
	srv, url := harness.Serve(t, harness.Quiet, chat.WithLog(log),
		chat.WithFilter(func(_ context.Context, _ chat.User, _ string, m *chat.Message) error {
			if m.Text == "panic" {
				panic(m.Text)
			}
			return nil
		}))
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(metrics.New(srv, metrics.Options{}), calls)
	a, b := harness.Dial(t, url, "one", true), harness.Dial(t, url, "two", true)
	a.Until("welcome")
	b.Until("welcome")
	for range 1 + rand.IntN(5) {
		harness.Publish(t, srv, "one", "hello")
		a.Until("message")
	}
	if _, err := srv.Publish(t.Context(), "one", chat.Message{Text: "panic"}); !errors.Is(err, chat.ErrRejected) {
		t.Fatal(err)
	}
	if status, _ := harness.Get(t, url+"/rooms/one/messages?limit=x"); status != http.StatusBadRequest {
		t.Fatal(status)
	}
	fails = true
	if _, err := srv.Publish(t.Context(), "one", chat.Message{Text: "lost"}); !errors.Is(err, chat.ErrUnavailable) {
		t.Fatal(err)
	}
	// Between two equal Stats nothing has happened, so a scrape between them has the same values.
	harness.Eventually(t, "a scrape while nothing happens", func() bool {
		before := srv.Stats()
		got, _ := gather(t, reg)
		if srv.Stats() != before {
			return false
		}
		v := reflect.ValueOf(before)
		for i := range v.NumField() {
			field := v.Type().Field(i).Name
			want := 0.0
			if f := v.Field(i); f.CanInt() {
				want = float64(f.Int())
			} else {
				want = float64(f.Uint())
			}
			value, ok := got[names[field]]
			if !ok || value != want {
				t.Errorf("%s is %v (%t), and %q is %v", field, want, ok, names[field], value)
			}
			if want == 0 && field != "SlowCloses" && field != "Resets" {
				t.Errorf("%s is 0: the test shows nothing", field)
			}
		}
		if got["chat_log_call_seconds/append"] != float64(before.Messages)+1 || got["chat_log_call_failures_total/append"] != 1 ||
			got["chat_log_call_failures_total/watch"] != 0 || got["chat_log_call_seconds/watch"] < 2 {
			t.Errorf("%v after %d messages", got, before.Messages)
		}
		return true
	})
}

// failing is a log whose Append fails while the flag is set.
type failing struct {
	chat.Log
	fails *bool
}

func (f *failing) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	if *f.fails {
		return chatlog.Appended{}, errors.New("broken")
	}
	return f.Log.Append(ctx, room, e)
}

// TestFailures makes every refusal and failure of an amendment.
func TestFailures(t *testing.T) {
	for err, want := range map[error]float64{
		nil: 0, context.Canceled: 0, fmt.Errorf("x: %w", chatlog.ErrNoSuchMessage): 0, chatlog.ErrTooManyReactions: 0,
		context.DeadlineExceeded: 1, errors.New("broken"): 1,
	} {
		log, calls := metrics.Measure(amending{chat.NewMemoryLog(chat.MemoryOptions{}), err}, metrics.Options{})
		reg := prometheus.NewPedanticRegistry()
		reg.MustRegister(calls)
		log.(chatlog.Amender).Amend(t.Context(), "r", chatlog.Event{}, false)
		got, _ := gather(t, reg)
		if got["chat_log_call_failures_total/amend"] != want || got["chat_log_call_seconds/amend"] != 1 {
			t.Errorf("%v: %v", err, got)
		}
	}
}

type amending struct {
	chat.Log
	err error
}

func (a amending) Amend(context.Context, string, chatlog.Event, bool) (chatlog.Appended, error) {
	return chatlog.Appended{}, a.err
}

// full returns a registry with all metrics of a server and its log.
func full(t *testing.T, o metrics.Options) *prometheus.Registry {
	log, calls := metrics.Measure(chat.NewMemoryLog(chat.MemoryOptions{}), o)
	srv, _ := harness.Serve(t, harness.Quiet, chat.WithLog(log))
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(metrics.New(srv, o), calls)
	harness.Publish(t, srv, "r", "hello")
	return reg
}

func TestLint(t *testing.T) {
	reg := full(t, metrics.Options{Labels: prometheus.Labels{"server": "a"}})
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	_, labels := gather(t, reg)
	if len(labels) != len(names)+2 {
		t.Errorf("%d metrics have a label", len(labels))
	}
	for name, l := range labels {
		if !strings.Contains(l, "server=a ") || strings.Contains(l, "room") {
			t.Errorf("%s has the labels %s", name, l)
		}
	}
}

func TestRegister(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	srv, _ := harness.Serve(t, harness.Quiet)
	other, _ := harness.Serve(t, harness.Quiet)
	for _, row := range []struct {
		name   string
		srv    *chat.Server
		labels prometheus.Labels
		ok     bool
	}{
		{"without labels", srv, nil, true},
		{"the same again", srv, nil, false},
		{"another server without labels", other, nil, false},
		{"a bad name", srv, prometheus.Labels{"a-b\xff": "x"}, false},
		{"a bad value", srv, prometheus.Labels{"server": "\xff"}, false},
	} {
		err := reg.Register(metrics.New(row.srv, metrics.Options{Labels: row.labels}))
		if (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
		var already prometheus.AlreadyRegisteredError
		if row.name == "the same again" && !errors.As(err, &already) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	both := prometheus.NewPedanticRegistry()
	for name, s := range map[string]*chat.Server{"a": srv, "b": other} {
		if err := both.Register(metrics.New(s, metrics.Options{Labels: prometheus.Labels{"server": name}})); err != nil {
			t.Error(err)
		}
	}
	harness.Publish(t, srv, "r", "hello")
	err := testutil.GatherAndCompare(both, strings.NewReader(`
# HELP chat_messages_total Messages sent or published through this server and kept by the log.
# TYPE chat_messages_total counter
chat_messages_total{server="a"} 1
chat_messages_total{server="b"} 0
`), "chat_messages_total")
	if err != nil {
		t.Error(err)
	}
}

// TestNil checks that a mistake is noticed where it is made.
func TestNil(t *testing.T) {
	for name, f := range map[string]func(){
		"metrics: New: the server is nil":  func() { metrics.New(nil, metrics.Options{}) },
		"metrics: Measure: the log is nil": func() { metrics.Measure(nil, metrics.Options{}) },
	} {
		func() {
			defer func() {
				if p := recover(); p != name {
					t.Errorf("%v, want %s", p, name)
				}
			}()
			f()
		}()
	}
}

// TestConcurrentScrapes scrapes while clients come, talk and go, and after the end of the server.
func TestConcurrentScrapes(t *testing.T) {
	log, calls := metrics.Measure(chat.NewMemoryLog(chat.MemoryOptions{}), metrics.Options{})
	srv, url := harness.Serve(t, harness.Quiet, chat.WithLog(log))
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(metrics.New(srv, metrics.Options{}), calls)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := reg.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			p := harness.Dial(t, url, fmt.Sprint("room", i), true)
			p.Until("welcome")
			for range 20 {
				p.Send(`{"type":"message","message":"hi"}`)
				p.Until("message")
			}
		})
	}
	wg.Wait()
	srv.Close()
	got, _ := gather(t, reg)
	if got["chat_messages_total"] != 80 || got["chat_log_call_seconds/append"] != 80 {
		t.Errorf("%v", got)
	}
}
