package server

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// Shutdown is that of chat.Server.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Rooms.BeginClosing()
	open := s.sessions.all()
	window := min(30*time.Second, time.Second+time.Duration(len(open))*time.Millisecond/2)
	for _, c := range open {
		c.Goodbye(100*time.Millisecond + answer.Jitter(window))
	}
	if s.Rules.Inside() {
		go func() { // ends when all connections have ended, or with ctx
			s.waitEmpty(ctx)
			s.Rooms.End()
		}()
		return nil
	}
	err := s.waitEmpty(ctx)
	over := s.Rooms.End()
	select {
	case <-over:
		return err
	case <-ctx.Done():
	}
	select {
	case <-over:
	case <-time.After(cutGrace):
		err = ctx.Err()
	}
	return err
}

// Close is that of chat.Server.
func (s *Server) Close() {
	s.Rooms.BeginClosing()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Times.Log+wsconn.CloseTimeout-cutGrace) // waitEmpty adds it
	s.sessions.killAll()
	if s.Rules.Inside() {
		go func() { // ends within the same limit
			defer cancel()
			s.waitEmpty(ctx)
			s.Rooms.End()
		}()
		return
	}
	defer cancel()
	s.waitEmpty(ctx)
	select {
	case <-s.Rooms.End():
	case <-ctx.Done():
	}
}

// cutGrace is how long Shutdown waits, after it has cut connections at the deadline, for
// their goroutines to end.
const cutGrace = 100 * time.Millisecond

// waitEmpty waits until all sessions have ended. When ctx ends it cuts the remaining
// connections and returns the context's error.
func (s *Server) waitEmpty(ctx context.Context) error {
	empty := s.sessions.whenEmpty()
	select {
	case <-empty:
		return nil
	default:
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		s.sessions.killAll()
		select {
		case <-empty:
		case <-time.After(cutGrace): // a hook hangs
		}
		return ctx.Err()
	}
}
