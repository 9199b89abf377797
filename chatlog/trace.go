package chatlog

import (
	"context"
	"strings"
)

// MaxTrace is the largest number of bytes of a trace.
const MaxTrace = 128

type traceKey struct{}

// WithTrace returns a context for Append or Amend of an entry that belongs to a trace. trace is
// any text that the servers' tracers understand, such as the traceparent of W3C Trace Context. It
// is 1 to MaxTrace bytes of letters, digits and the characters -_.,:;=+/ in ASCII; with any other
// text, WithTrace returns ctx.
//
// A log may carry the trace beside the entry to the other servers: it calls [TraceOf] in Append
// and Amend, and [TracedSink] before it pushes the entry. It must not store the trace. A trace
// may be lost like a push.
func WithTrace(ctx context.Context, trace string) context.Context {
	if !ValidTrace(trace) {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, trace)
}

// TraceOf returns the trace of WithTrace, which is valid, or "".
func TraceOf(ctx context.Context) string {
	trace, _ := ctx.Value(traceKey{}).(string)
	return trace
}

// ValidTrace reports whether WithTrace takes the text. A log checks with it what has arrived
// from another server.
func ValidTrace(trace string) bool {
	return trace != "" && len(trace) <= MaxTrace && strings.IndexFunc(trace, outsideTrace) < 0
}

func outsideTrace(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.,:;=+/", r))
}

// A TracedSink is a Sink that takes traces. It is optional: a log asks for it with a type
// assertion.
type TracedSink interface {
	Sink
	// Traced reports the trace of the entry at offset, whose Push follows. It may be called
	// concurrently, and never blocks.
	Traced(room, epoch string, offset uint64, trace string)
}
