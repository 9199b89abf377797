package otel_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/otel"
	"github.com/seed-08328bfd/chat/internal/test/harness"
	"github.com/seed-08328bfd/chat/internal/ws"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	parent  = "00-" + traceID + "-b7ad6b7169203331-01"
	ignored = "00-" + traceID + "-b7ad6b7169203331-00" // not sampled
)

// traced is a server whose spans are recorded.
type traced struct {
	*chat.Server
	url   string
	spans *tracetest.SpanRecorder
}

// serve runs a server on the log, which may be nil.
func serve(t *testing.T, log chat.Log, o otel.Options, opts ...chat.Option) *traced {
	s := &traced{spans: tracetest.NewSpanRecorder()}
	o.Provider = trace.NewTracerProvider(trace.WithSpanProcessor(s.spans), trace.WithSampler(trace.ParentBased(trace.AlwaysSample())))
	o.Propagator = propagation.TraceContext{}
	s.Server, s.url = harness.Serve(t, append([]chat.Option{harness.Quiet, chat.WithLog(log), chat.WithTracer(otel.New(o))}, opts...)...)
	return s
}

// dial connects with a traceparent header.
func (s *traced) dial(t *testing.T, room, traceparent string) *harness.Peer {
	t.Helper()
	p, resp, err := s.tryDial(t, room, traceparent)
	if err != nil {
		t.Fatalf("%v, %v", err, resp)
	}
	return p
}

func (s *traced) tryDial(t *testing.T, room, traceparent string) (*harness.Peer, *http.Response, error) {
	h := http.Header{}
	if traceparent != "" {
		h.Set("traceparent", traceparent)
	}
	conn, resp, err := ws.Dial(t.Context(), s.url+"/ws/"+room, &ws.DialOptions{Subprotocols: []string{"chat.v1"}, HTTPHeader: h})
	if err != nil {
		return nil, resp, err
	}
	t.Cleanup(func() { conn.CloseNow() })
	p := &harness.Peer{T: t, Conn: conn}
	p.Until("welcome")
	return p, resp, nil
}

// wait returns the first ended span with the name for which ok holds.
func (s *traced) wait(t *testing.T, name string, ok func(trace.ReadOnlySpan) bool) (found trace.ReadOnlySpan) {
	t.Helper()
	harness.Eventually(t, name, func() bool {
		for _, span := range s.spans.Ended() {
			if span.Name() == name && ok(span) {
				found = span
				return true
			}
		}
		return false
	})
	return found
}

func any(trace.ReadOnlySpan) bool { return true }

func value(s trace.ReadOnlySpan, key string) string {
	for _, a := range s.Attributes() {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

func linksTo(c api.SpanContext) func(trace.ReadOnlySpan) bool {
	return func(s trace.ReadOnlySpan) bool {
		return slices.ContainsFunc(s.Links(), func(l trace.Link) bool {
			return l.SpanContext.TraceID() == c.TraceID() && l.SpanContext.SpanID() == c.SpanID()
		})
	}
}

// TestOneMessage follows a message from the handshake of its sender on one server to its delivery
// on both.
func TestOneMessage(t *testing.T) {
	log := chat.NewMemoryLog(chat.MemoryOptions{})
	a, b := serve(t, log, otel.Options{}), serve(t, log, otel.Options{})
	bob := b.dial(t, "r", "")
	alice := a.dial(t, "r", parent)
	alice.Send(`{"type":"message","message":"the secret text","id":"secretid"}`)
	bob.Until("message")

	handshake := a.wait(t, "chat handshake", any)
	publish := a.wait(t, "chat publish", any)
	stored := a.wait(t, "chat append", any)
	if handshake.SpanContext().TraceID().String() != traceID || handshake.Parent().SpanID().String() != "b7ad6b7169203331" ||
		handshake.SpanKind() != api.SpanKindServer {
		t.Errorf("the handshake is %v below %v", handshake.SpanContext(), handshake.Parent())
	}
	if publish.Parent().SpanID() != handshake.SpanContext().SpanID() || publish.SpanContext().TraceID().String() != traceID {
		t.Errorf("the publish is below %v", publish.Parent())
	}
	if stored.Parent().SpanID() != publish.SpanContext().SpanID() {
		t.Errorf("the append is below %v", stored.Parent())
	}
	for name, s := range map[string]*traced{"here": a, "there": b} {
		round := s.wait(t, "chat round", linksTo(publish.SpanContext()))
		if round.Parent().IsValid() || round.SpanContext().TraceID().String() == traceID || len(round.Links()) != 1 {
			t.Errorf("%s: the round is below %v, with %d links", name, round.Parent(), len(round.Links()))
		}
		if value(round, "messaging.batch.message_count") == "" || round.EndTime().Before(round.StartTime()) {
			t.Errorf("%s: %v from %v to %v", name, round.Attributes(), round.StartTime(), round.EndTime())
		}
	}
	for _, want := range []struct {
		span       trace.ReadOnlySpan
		key, value string
	}{
		{handshake, "messaging.destination.name", "r"}, {handshake, "chat.protocol", "chat.v1"}, {handshake, "http.response.status_code", "101"},
		{publish, "messaging.destination.name", "r"}, {publish, "chat.type", "message"}, {publish, "chat.offset", "1"},
		{publish, "messaging.system", "chat"}, {publish, "error.type", ""}, {publish, "enduser.id", ""}, {stored, "chat.offset", "1"},
	} {
		if got := value(want.span, want.key); got != want.value {
			t.Errorf("%s: %s is %q, want %q", want.span.Name(), want.key, got, want.value)
		}
	}
	for _, s := range append(a.spans.Ended(), b.spans.Ended()...) {
		if text := fmt.Sprint(s.Name(), s.Attributes(), s.Events(), s.Status()); strings.Contains(text, "secret") {
			t.Errorf("a span tells what was said: %s", text)
		}
	}
}

// TestPrograms publishes from a Go program within a span, and over HTTP.
func TestPrograms(t *testing.T) {
	s := serve(t, nil, otel.Options{UserIDs: true}, harness.UserByHeader)
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/rooms/r/events", strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range map[string]string{"Content-Type": "text/plain", "traceparent": parent, "Authorization": "Bearer u1/Ann"} {
		r.Header.Set(key, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(err, resp)
	}
	resp.Body.Close()
	p := s.wait(t, "chat publish", any)
	if p.Parent().TraceID().String() != traceID || value(p, "enduser.id") != "u1" {
		t.Errorf("a POST is below %v, %v", p.Parent(), p.Attributes())
	}

	ctx, span := trace.NewTracerProvider().Tracer("").Start(t.Context(), "mine")
	if _, err := s.Publish(ctx, "r", chat.Message{UserID: "bot", Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	s.wait(t, "chat publish", func(p trace.ReadOnlySpan) bool {
		return p.Parent().SpanID() == span.SpanContext().SpanID() && value(p, "enduser.id") == "bot" && value(p, "chat.offset") == "2"
	})
	if _, err := s.Publish(ctx, "r", chat.Message{}); err == nil {
		t.Fatal("an empty message was published")
	}
	if _, err := s.Delete(ctx, "r", 99, chat.By{UserID: "bot"}); err == nil {
		t.Fatal("a message was deleted that is not there")
	}
	s.wait(t, "chat publish", func(p trace.ReadOnlySpan) bool {
		return value(p, "error.type") == "no_such_message" && value(p, "chat.type") == "delete" && value(p, "chat.offset") == ""
	})
	s.wait(t, "chat append", func(p trace.ReadOnlySpan) bool { return value(p, "error.type") == "no_such_message" })
}

// TestRefusals checks the spans of handshakes and publishes that are refused.
func TestRefusals(t *testing.T) {
	s := serve(t, nil, otel.Options{}, chat.WithAuthorizer(func(ctx context.Context, _ chat.User, room string, a chat.Action) error {
		if room == "closed" || a == chat.ActionSend {
			return chat.Refuse("not you")
		}
		return nil
	}))
	for room, want := range map[string][3]string{
		"closed": {"403", "forbidden", "closed"}, "%07": {"400", "bad_room", ""}, "r?since=x": {"400", "bad_request", "r"},
	} {
		if _, resp, err := s.tryDial(t, room, ""); err == nil || fmt.Sprint(resp.StatusCode) != want[0] {
			t.Fatalf("%s: %v", room, err)
		}
		s.wait(t, "chat handshake", func(h trace.ReadOnlySpan) bool {
			return value(h, "http.response.status_code") == want[0] && value(h, "error.type") == want[1] &&
				value(h, "messaging.destination.name") == want[2]
		})
	}
	s.dial(t, "open", "").Send(`{"type":"message","message":"hi"}`)
	s.wait(t, "chat publish", func(p trace.ReadOnlySpan) bool { return value(p, "error.type") == "forbidden" })
}

// TestEventStream checks that the span of an event stream's handshake ends when the stream begins.
func TestEventStream(t *testing.T) {
	s := serve(t, nil, otel.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"/rooms/r/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.wait(t, "chat handshake", func(h trace.ReadOnlySpan) bool {
		return value(h, "http.response.status_code") == "200" && value(h, "chat.protocol") == "events"
	})
}

// TestUnsampled checks that what is not sampled has no round, and that a sampled message has.
func TestUnsampled(t *testing.T) {
	s := serve(t, nil, otel.Options{})
	s.dial(t, "r", "")
	remote := propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": ignored})
	if _, err := s.Publish(remote, "r", chat.Message{Text: "one"}); err != nil {
		t.Fatal(err)
	}
	remote = propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": parent})
	if _, err := s.Publish(remote, "r", chat.Message{Text: "two"}); err != nil {
		t.Fatal(err)
	}
	p := s.wait(t, "chat publish", any)
	s.wait(t, "chat round", linksTo(p.SpanContext()))
	for _, span := range s.spans.Ended() {
		if span.Name() == "chat round" && len(span.Links()) != 1 || span.Name() == "chat publish" && value(span, "chat.offset") != "2" {
			t.Errorf("%s: %v, %v", span.Name(), span.Links(), span.Attributes())
		}
	}
}

// TestOwnTraces checks the options that begin traces of their own.
func TestOwnTraces(t *testing.T) {
	remote := api.NewSpanContext(api.SpanContextConfig{
		TraceID: [16]byte{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c},
		SpanID:  [8]byte{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31},
	})
	s := serve(t, nil, otel.Options{Public: true, NewTraces: true})
	s.dial(t, "r", ignored).Send(`{"type":"message","message":"hi"}`)
	h := s.wait(t, "chat handshake", linksTo(remote))
	p := s.wait(t, "chat publish", linksTo(h.SpanContext()))
	if h.Parent().IsValid() || p.Parent().IsValid() || h.SpanContext().TraceID() == p.SpanContext().TraceID() {
		t.Errorf("%v below %v, %v below %v", h.SpanContext(), h.Parent(), p.SpanContext(), p.Parent())
	}
}

// TestLinksOfOthers gives a tracer links as a broken or hostile server may send them.
func TestLinksOfOthers(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracer := otel.New(otel.Options{Provider: trace.NewTracerProvider(trace.WithSpanProcessor(spans))})
	good := parent
	for _, bad := range []string{"", "x", parent[:54], parent + "0", strings.Replace(parent, "0af", "zzz", 1), ignored,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", strings.Repeat("-", 55)} {
		_, end := tracer.Start(t.Context(), chat.Span{Name: chat.SpanRound, Links: []string{bad, good}, Began: time.Now()})
		end(chat.Span{Name: chat.SpanRound})
		all := spans.Ended()
		if n := len(all[len(all)-1].Links()); n != 1 {
			t.Errorf("%q: %d links", bad, n)
		}
	}
	if ctx, end := tracer.Start(t.Context(), chat.Span{Name: "later"}); ctx == nil || end != nil {
		t.Error("a span of a later version was made")
	}
	if text := tracer.Trace(t.Context()); text != "" {
		t.Errorf("no span has the trace %q", text)
	}
}
