package faults

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// badTracer is a tracer that misbehaves in one place, such as "append start" or "trace".
type badTracer struct {
	place atomic.Pointer[string]
	wrong func()
	text  string // of Trace
	met   atomic.Int64
}

func (b *badTracer) at(place string) {
	if p := b.place.Load(); p != nil && *p == place {
		b.met.Add(1)
		b.wrong()
	}
}

func (b *badTracer) Start(ctx context.Context, s chat.Span) (context.Context, func(chat.Span)) {
	b.at(string(s.Name) + " start")
	if *b.place.Load() == "nil" {
		return nil, nil
	}
	return ctx, func(s chat.Span) { b.at(string(s.Name) + " end") }
}

func (b *badTracer) Trace(context.Context) string {
	b.at("trace")
	return b.text
}

func (b *badTracer) set(place string) { b.place.Store(&place) }

// bad returns a tracer that misbehaves nowhere yet.
func bad(wrong func()) *badTracer {
	b := &badTracer{wrong: wrong, text: "a-trace"}
	b.set("")
	return b
}

var tracerPlaces = []string{
	"handshake start", "handshake end", "publish start", "publish end", "append start", "append end",
	"round start", "round end", "trace", "nil",
}

// logs are the log of one server alone, and one that servers share.
var logs = map[string]func() chat.Log{
	"alone": func() chat.Log { return nil }, "shared": func() chat.Log { return chat.NewMemoryLog(chat.MemoryOptions{}) },
}

// TestTracerPanics lets the tracer panic in each place: the clients do not notice, and each panic
// is counted.
func TestTracerPanics(t *testing.T) {
	t.Parallel()
	for name, log := range logs {
		for _, place := range tracerPlaces {
			t.Run(name+" "+place, func(t *testing.T) {
				t.Parallel()
				tr := bad(func() { panic("the tracer's") })
				tr.set(place)
				srv, base := harness.Serve(t, harness.Quiet, chat.WithLog(log()), chat.WithTracer(tr))
				p, q := harness.Dial(t, base, "r", true), harness.Dial(t, base, "r", true)
				for i := range 3 {
					p.Send(fmt.Sprintf(`{"type":"message","message":"%d","id":"%d"}`, i, i))
					p.Until("ack")
					q.UpTo(fmt.Sprint(i))
				}
				harness.Eventually(t, "the panics to be counted", func() bool {
					return srv.Stats().Panics >= uint64(min(tr.met.Load(), 1)) && (tr.met.Load() > 0 || place == "nil")
				})
			})
		}
	}
}

// TestTracerEndsTheGoroutine lets the tracer end its goroutine. The client whose goroutine it was
// may lose its connection; what was kept reaches the others, and the next client is served.
func TestTracerEndsTheGoroutine(t *testing.T) {
	t.Parallel()
	for name, log := range logs {
		for _, place := range tracerPlaces {
			if place == "nil" {
				continue
			}
			t.Run(name+" "+place, func(t *testing.T) {
				t.Parallel()
				tr := bad(runtime.Goexit)
				srv, base := harness.Serve(t, harness.Quiet, chat.WithLog(log()), chat.WithTracer(tr))
				witness := harness.Dial(t, base, "r", true)
				witness.Until("welcome")
				p := harness.Dial(t, base, "r", true)
				p.Until("welcome")
				tr.set(place)
				if strings.HasPrefix(place, "handshake") {
					if _, resp, err := harness.TryDial(t, base, "r", true); place == "handshake start" && (err == nil || resp.StatusCode != http.StatusInternalServerError) {
						t.Errorf("%v, %v", resp, err)
					}
				} else {
					p.Send(`{"type":"message","message":"one"}`)
				}
				harness.Eventually(t, "the tracer to end a goroutine", func() bool { return tr.met.Load() > 0 })
				tr.set("")
				harness.Publish(t, srv, "r", "last")
				heard := witness.UpTo("last")
				kept := !strings.HasPrefix(place, "handshake") && place != "publish start" && place != "append start" && place != "trace"
				if kept && !slices.Contains(heard, "message") { // besides the last one
					t.Errorf("what was kept did not arrive: %v", heard)
				}
				q := harness.Dial(t, base, "r", true)
				q.Until("welcome")
				q.Send(`{"type":"message","message":"two","id":"2"}`)
				q.Until("ack")
				witness.UpTo("two")
			})
		}
	}
}

// TestTracerHangs lets the reports of rounds hang: no delivery waits for them, and a limited
// number of them exists.
func TestTracerHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	tr := bad(func() { <-release })
	srv, base := harness.Serve(t, harness.Quiet, chat.WithTracer(tr))
	defer close(release)
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	tr.set("round start")
	for i := range 200 {
		harness.Publish(t, srv, "r", fmt.Sprint(i))
		p.UpTo(fmt.Sprint(i))
	}
	harness.Eventually(t, "64 reports", func() bool { return tr.met.Load() == 64 })
}

// TestTracesThatAreNone has a tracer return texts that are no traces: no round is reported, and
// nothing of them reaches the log.
func TestTracesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "a b", "a\nb", "ä", `"`, "\xff", strings.Repeat("x", chatlog.MaxTrace+1)} {
		tr := bad(func() {})
		tr.text = text
		tr.set("round start")
		var got atomic.Int64
		log := chatlog.Observe(chat.NewMemoryLog(chat.MemoryOptions{}), func(ctx context.Context, c chatlog.Call) (context.Context, func(error)) {
			if chatlog.TraceOf(ctx) != "" {
				got.Add(1)
			}
			return ctx, nil
		})
		srv, base := harness.Serve(t, harness.Quiet, chat.WithLog(log), chat.WithTracer(tr))
		p := harness.Dial(t, base, "r", true)
		p.Until("welcome")
		harness.Publish(t, srv, "r", "one")
		p.UpTo("one")
		srv.Close()
		if tr.met.Load() > 0 || got.Load() > 0 {
			t.Errorf("%q: %d rounds, %d calls of the log", text, tr.met.Load(), got.Load())
		}
	}
}
