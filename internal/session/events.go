package session

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/events"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// JoinEvents is Join for a client that gets an event stream and sends nothing over it.
func (s *Session) JoinEvents(ctx context.Context, since chatlog.Position) error {
	s.events = true
	s.conn.InitStream(&s.core.Conns, &s.member, events.Framing{Room: s.seat.room})
	return s.join(ctx, since, false)
}

// Goodbye tells a chat.v1 client that the server shuts down and after what time to come back,
// and closes the connection.
func (s *Session) Goodbye(after time.Duration) {
	if s.V1 {
		var b []byte
		if s.events { // a browser comes back by itself, and does not read the object
			b = events.AppendRetry(b, after)
		}
		s.conn.Queue(s.conn.AppendText(b, object.Goodbye("shutdown", after)))
	}
	s.conn.Close(proto.CloseGoingAway, "server is shutting down")
}
