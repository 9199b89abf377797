package otel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"

	"github.com/seed-08328bfd/chat"
)

// The attributes follow the semantic conventions of OpenTelemetry where these have one: those of
// messaging, with a room as the destination, and those of HTTP.

// operations are messaging.operation.name and messaging.operation.type of the spans.
var operations = map[chat.SpanName][2]string{
	chat.SpanPublish: {"publish", "send"},
	chat.SpanRound:   {"deliver", "process"},
}

// first returns the attributes that a span has from its start, which samplers see.
func (t *tracer) first(s *chat.Span) []attribute.KeyValue {
	a := make([]attribute.KeyValue, 0, 6)
	if o, ok := operations[s.Name]; ok {
		a = append(a, attribute.String("messaging.system", "chat"),
			attribute.String("messaging.operation.name", o[0]), attribute.String("messaging.operation.type", o[1]))
	}
	if s.Room != "" {
		a = append(a, room(s.Room))
	}
	if s.Type != "" {
		a = append(a, attribute.String("chat.type", string(s.Type)))
	}
	if s.Protocol != "" {
		a = append(a, attribute.String("chat.protocol", s.Protocol))
	}
	if s.Events > 0 {
		a = append(a, attribute.Int("messaging.batch.message_count", s.Events))
	}
	if t.UserIDs && s.UserID != "" {
		a = append(a, attribute.String("enduser.id", s.UserID))
	}
	return a
}

// last returns the attributes that a span has when it has ended.
func last(s *chat.Span) (a []attribute.KeyValue) {
	if s.Name == chat.SpanHandshake && s.Room != "" {
		a = append(a, room(s.Room))
	}
	if s.Status != 0 {
		a = append(a, attribute.Int("http.response.status_code", s.Status))
	}
	if s.Offset != 0 {
		a = append(a, attribute.Int64("chat.offset", int64(s.Offset)))
	}
	return a
}

func room(name string) attribute.KeyValue {
	return attribute.String("messaging.destination.name", name)
}

// errorTypes are the errors of package chat. Their texts may contain names and parts of messages,
// so they do not become attributes.
var errorTypes = []struct {
	err  error
	name string
}{
	{context.Canceled, "canceled"},
	{chat.ErrServerClosed, "closed"},
	{chat.ErrBadName, "bad_name"},
	{chat.ErrBadMessage, "bad_message"},
	{chat.ErrNoSuchMessage, "no_such_message"},
	{chat.ErrUnsupported, "unsupported"},
	{chat.ErrNoSuchUser, "no_such_user"},
	{chat.ErrRejected, "rejected"},
	{chat.ErrTooMany, "too_many"},
	{chat.ErrUnavailable, "unavailable"},
}

// failure returns the kind of error with which a span has ended, or "".
func failure(s *chat.Span) string {
	if s.Err == nil {
		return s.Code
	}
	for _, e := range errorTypes {
		if errors.Is(s.Err, e.err) {
			return e.name
		}
	}
	return "_OTHER"
}
