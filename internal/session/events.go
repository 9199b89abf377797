package session

import (
	"context"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/events"
)

// JoinEvents is Join for a client that gets an event stream and sends nothing over it.
func (s *Session) JoinEvents(ctx context.Context, since chatlog.Position) error {
	s.events = true
	s.conn.InitStream(&s.core.Conns, s.member.Source(), events.Framing{Room: s.seat.room})
	return s.join(ctx, since, false)
}
