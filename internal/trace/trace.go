// Package trace is what a server tells its tracer, as package chat explains it.
package trace

import (
	"context"
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A Span is chat.Span.
type Span struct {
	Name     string
	Room     string
	Type     chatlog.Type
	UserID   string
	Request  *http.Request
	Parent   string
	Links    []string
	Began    time.Time
	Ended    time.Time
	Protocol string
	Status   int
	Offset   uint64
	Events   int
	Code     string
	Err      error
}

// The names of spans.
const (
	Handshake = "handshake"
	Publish   = "publish"
	Append    = "append"
	Round     = "round"
)

// A Tracer is a chat.Tracer.
type Tracer interface {
	Start(ctx context.Context, s Span) (context.Context, func(Span))
	Trace(ctx context.Context) string
}

// An Origin is where an entry of a client comes from.
type Origin struct {
	Parent  string        // the trace of its connection's handshake
	Request *http.Request // the request that sends it, if it came over HTTP
}
