package server

import (
	"net/http"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/trace"
)

// connects reports whether a request with the method asks the endpoint for a connection.
func (e endpoint) connects(method string) bool {
	return e == socketEndpoint || e == manyEndpoint || e == eventsEndpoint && method != http.MethodPost
}

// accepted returns the status with which the endpoint accepts a connection.
func (e endpoint) accepted() int {
	if e == eventsEndpoint {
		return http.StatusOK
	}
	return http.StatusSwitchingProtocols
}

// tracedWriter is the http.ResponseWriter of a handshake with a span. It notes the results.
type tracedWriter struct {
	http.ResponseWriter
	span  trace.Span
	done  func(trace.Span)
	ended bool
}

// beginHandshake begins the span of the handshake r.
func (s *Server) beginHandshake(w http.ResponseWriter, r *http.Request, e endpoint) (*tracedWriter, *http.Request) {
	span := trace.Span{Name: trace.Handshake, Request: r, Protocol: "plain", Began: time.Now()}
	var h handshake
	h.parseOffer(r.Header, "") // an error is found again, and answered
	switch {
	case e == eventsEndpoint:
		span.Protocol = "events"
	case h.v1:
		span.Protocol = proto.Subprotocol
	}
	ctx, done := s.Rules.Tracer().Start(r.Context(), span)
	return &tracedWriter{ResponseWriter: w, span: span, done: done}, r.WithContext(ctx)
}

// Unwrap leads [http.ResponseController] to the writer's other methods.
func (w *tracedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Refused notes a refusal: see answer.Refuse.
func (w *tracedWriter) Refused(status int, code string) { w.span.Status, w.span.Code = status, code }

// end ends the span, once. status is that of the answer, unless the handshake was refused.
func (w *tracedWriter) end(status int) {
	if w.ended {
		return
	}
	w.ended = true
	if w.span.Status == 0 {
		w.span.Status = status
	}
	w.span.Ended = time.Now()
	w.done(w.span)
}

// endHandshake ends the span of the handshake that w answers, if it has one.
func endHandshake(w http.ResponseWriter, status int) {
	if t, ok := w.(*tracedWriter); ok {
		t.end(status)
	}
}

// handshakeIn notes the room of the handshake that w answers, if it has a span.
func handshakeIn(w http.ResponseWriter, room string) {
	if t, ok := w.(*tracedWriter); ok {
		t.span.Room = room
	}
}
