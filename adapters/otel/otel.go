// Package otel makes spans of a chat server's work, with OpenTelemetry.
//
//	srv := chat.New(chat.WithTracer(otel.New(otel.Options{})))
//
// A handshake, a publish and its append are spans of one trace. Deliveries have spans of their
// own, one for each round of a room that delivers a sampled message, with links to the spans of
// the publishes, on whichever server they were. The README has a table of spans and attributes.
package otel

import (
	"context"
	"encoding/hex"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-08328bfd/chat"
)

// name is the instrumentation scope of the spans.
const name = "github.com/seed-08328bfd/chat/adapters/otel"

// Options say which spans are made. The zero Options use the global provider and propagator of
// OpenTelemetry.
type Options struct {
	// Provider makes the spans. Nil means otel.GetTracerProvider at the time of New.
	Provider trace.TracerProvider
	// Propagator reads the trace of a request from its headers. Nil means
	// otel.GetTextMapPropagator at the time of each request.
	Propagator propagation.TextMapPropagator
	// Public says that requests come from clients that you do not trust. Then a request begins
	// a trace of its own, and is linked to the one in its headers: so a client cannot choose
	// the id of a trace, nor have it sampled.
	Public bool
	// NewTraces lets each message of a client begin a trace of its own, which is linked to the
	// handshake of its connection. Otherwise the messages belong to the trace of the handshake,
	// which then lasts as long as the connection.
	NewTraces bool
	// UserIDs adds the id of the user to the span of a publish, as enduser.id.
	UserIDs bool
}

// New returns a tracer for [chat.WithTracer]. Several servers may use it.
func New(o Options) chat.Tracer {
	if o.Provider == nil {
		o.Provider = otel.GetTracerProvider()
	}
	return &tracer{o, o.Provider.Tracer(name)}
}

type tracer struct {
	Options
	tracer trace.Tracer
}

// Start implements [chat.Tracer].
func (t *tracer) Start(ctx context.Context, s chat.Span) (context.Context, func(chat.Span)) {
	opts := []trace.SpanStartOption{trace.WithTimestamp(s.Began), trace.WithAttributes(t.first(&s)...)}
	var title string
	switch s.Name {
	case chat.SpanHandshake:
		title = "chat handshake"
		opts = append(opts, trace.WithSpanKind(trace.SpanKindServer))
		ctx, opts = t.requested(ctx, s.Request, opts)
	case chat.SpanPublish:
		title = "chat publish"
		opts = append(opts, trace.WithSpanKind(trace.SpanKindProducer))
		if s.Request != nil {
			ctx, opts = t.requested(ctx, s.Request, opts)
		} else if parent := parse(s.Parent); parent.IsValid() && t.NewTraces {
			opts = append(opts, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: parent}))
		} else if parent.IsValid() {
			ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
		}
	case chat.SpanAppend:
		title = "chat append"
		opts = append(opts, trace.WithSpanKind(trace.SpanKindClient))
	case chat.SpanRound:
		title = "chat round"
		opts = append(opts, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithNewRoot(), trace.WithLinks(links(s.Links)...))
	default:
		return ctx, nil // a span of a later version
	}
	ctx, span := t.tracer.Start(ctx, title, opts...)
	return ctx, func(s chat.Span) {
		if span.IsRecording() {
			span.SetAttributes(last(&s)...)
			if text := failure(&s); text != "" {
				span.SetAttributes(attribute.String("error.type", text))
				if s.Name != chat.SpanHandshake || s.Status >= http.StatusInternalServerError {
					span.SetStatus(codes.Error, text)
				}
			}
		}
		span.End(trace.WithTimestamp(s.Ended))
	}
}

// requested makes the trace in the headers of r, if any, the parent of a span in ctx, or a link
// of it. A span that ctx has already, from a middleware, has read the headers and is the parent.
func (t *tracer) requested(ctx context.Context, r *http.Request, opts []trace.SpanStartOption) (context.Context, []trace.SpanStartOption) {
	if r == nil {
		return ctx, opts
	}
	if own := trace.SpanContextFromContext(r.Context()); own.IsValid() {
		return trace.ContextWithSpanContext(ctx, own), opts
	}
	p := t.Propagator
	if p == nil {
		p = otel.GetTextMapPropagator()
	}
	remote := trace.SpanContextFromContext(p.Extract(ctx, propagation.HeaderCarrier(r.Header)))
	switch {
	case !remote.IsValid():
		return ctx, opts
	case t.Public:
		return ctx, append(opts, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: remote}))
	}
	return trace.ContextWithRemoteSpanContext(ctx, remote), opts
}

// Trace implements [chat.Tracer]: it returns the traceparent (W3C Trace Context, section 3.2) of
// a span that is sampled.
func (t *tracer) Trace(ctx context.Context) string {
	c := trace.SpanContextFromContext(ctx)
	if !c.IsValid() || !c.IsSampled() {
		return ""
	}
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-01"
}

// parse returns the span of a text of Trace. It is not valid if the text is not.
func parse(text string) trace.SpanContext {
	var c trace.SpanContextConfig
	if len(text) != 55 || text[:3] != "00-" || text[35] != '-' || text[52:] != "-01" {
		return trace.SpanContext{}
	}
	_, err1 := hex.Decode(c.TraceID[:], []byte(text[3:35]))
	_, err2 := hex.Decode(c.SpanID[:], []byte(text[36:52]))
	if err1 != nil || err2 != nil {
		return trace.SpanContext{}
	}
	c.TraceFlags, c.Remote = trace.FlagsSampled, true
	return trace.NewSpanContext(c)
}

// links returns the links of a round.
func links(texts []string) (all []trace.Link) {
	for _, text := range texts {
		if c := parse(text); c.IsValid() {
			all = append(all, trace.Link{SpanContext: c})
		}
	}
	return all
}
