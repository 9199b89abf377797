package chat

import (
	"context"
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/trace"
)

// A Tracer makes spans of what a server does, for [WithTracer]. The module adapters/otel has one
// for OpenTelemetry. The server calls the methods concurrently and never under a lock. They are
// hooks: if one panics, the server goes on without that span.
type Tracer interface {
	// Start is called when a handshake, a publish or an append begins, in its goroutine, and
	// after a round. It returns the context for what belongs to the span, which other hooks and
	// the log get, and a function that is called once when the span has ended, with the results
	// added to s. If the context is nil, ctx is used; if the function is nil, it is not called.
	Start(ctx context.Context, s Span) (context.Context, func(s Span))
	// Trace returns a text that stands for the span in ctx, which must be a valid trace of
	// package chatlog (ValidTrace). It is for later spans and for other servers; anything else
	// means that nothing refers to the span, as when it is not sampled.
	Trace(ctx context.Context) string
}

// A Span is a piece of a server's work. Fields that do not belong to it have their zero values.
// It has no text of a message and no token, but Request has everything that a client has sent.
type Span struct {
	Name SpanName
	// Room is the room's name, empty for a connection with many rooms. That of a handshake is
	// set when it has ended, and only if the room's name is one that the rules allow.
	Room string
	// Type is the type of what is published or appended, such as "message" or "edit".
	Type chatlog.Type
	// UserID is the id of the user who publishes. It may be empty.
	UserID string
	// Request is the request of a handshake, or of a message that was sent by a POST.
	Request *http.Request
	// Parent is what Trace has returned for the handshake of the connection that publishes.
	Parent string
	// Links are what Trace has returned, on any server, for the publishes whose entries a round
	// delivers.
	Links []string
	// Began and Ended are when the span did so. Ended is zero in Start, except for a round.
	Began, Ended time.Time

	// Protocol is "chat.v1", "plain", or "events" for an event stream; set by a handshake.
	Protocol string
	// Status is the HTTP status of a handshake that has ended: 101, or 200 for an event stream,
	// or that of its refusal.
	Status int
	// Offset is the offset of what was published or appended; 0 after an error.
	Offset uint64
	// Events is the number of events in a round, with those that no log keeps.
	Events int
	// Code is the code of the error that a client gets, such as "forbidden"; empty if there is
	// none.
	Code string
	// Err is the error of an append, and of a publish by a Go program.
	Err error
}

// A SpanName is the kind of a [Span].
type SpanName string

// The spans of a server.
const (
	SpanHandshake SpanName = trace.Handshake // a request for a connection, until it is answered
	SpanPublish   SpanName = trace.Publish   // a message, or a change of one, of a client or of a Go program
	SpanAppend    SpanName = trace.Append    // the log's part of a publish
	SpanRound     SpanName = trace.Round     // a round of delivery that has an entry with a trace
)

// WithTracer tells t of the server's work. Rounds are reported only if they deliver an entry for
// which Trace has returned a text, here or on another server with a tracer. A log may carry that
// text beside the entry in its notice to the other servers ([chatlog.TracedSink]), and does not
// store it. If t is so slow that 64 reports of rounds wait, further ones are dropped. The default,
// and the meaning of nil, is no tracer, which costs nothing.
func WithTracer(t Tracer) Option {
	return func(c *config) {
		if c.Hooks.Tracer = nil; t != nil {
			c.Hooks.Tracer = tracer{t}
		}
	}
}

// tracer is a Tracer as the packages below know it.
type tracer struct{ t Tracer }

func (t tracer) Start(ctx context.Context, s trace.Span) (context.Context, func(trace.Span)) {
	ctx, end := t.t.Start(ctx, spanOf(s))
	if end == nil {
		return ctx, nil
	}
	return ctx, func(s trace.Span) { end(spanOf(s)) }
}

func (t tracer) Trace(ctx context.Context) string { return t.t.Trace(ctx) }

func spanOf(s trace.Span) Span {
	return Span{
		Name: SpanName(s.Name), Room: s.Room, Type: s.Type, UserID: s.UserID, Request: s.Request,
		Parent: s.Parent, Links: s.Links, Began: s.Began, Ended: s.Ended, Protocol: s.Protocol,
		Status: s.Status, Offset: s.Offset, Events: s.Events, Code: s.Code, Err: s.Err,
	}
}
