package chat

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// Shutdown ends the server in good order: new connections are refused with 503,
// every chat.v1 member gets a goodbye object that says after what time to come
// back, spread so that not all come in one moment, and every member is closed with
// 1001. It returns when all connections are gone, at the latest when ctx ends:
// what is left is cut off then, and the context's error returned. The log stays
// open if it was given by [WithLog]; users stay present there for the leave
// grace, so that who comes back to another server has not left.
//
// net/http's Shutdown does not know upgraded connections, so call both, this one
// first (what RegisterOnShutdown calls is not waited for):
//
//	srv.Shutdown(ctx)
//	httpServer.Shutdown(ctx)
//
// A connection whose hook hangs is not waited for beyond ctx, and neither is a log
// that does not answer; what is left then ends by itself, and may use the log until
// it does. Called from a hook, the logger's handler or a method of the log, Shutdown
// begins all this and returns nil without waiting for anything, since it would wait
// for its caller. A goroutine that such a function has started is not its caller: let
// it run, and do not wait for it. A hook that waits for it has it wait until ctx ends,
// for good if ctx has no end. From the body of a Follow loop Shutdown may be called
// like from anywhere else.
//
// Calling it again, or after Close, waits as the first call does.
func (s *Server) Shutdown(ctx context.Context) error {
	s.rooms.BeginClosing()
	s.mu.Lock()
	open := make([]*session, 0, len(s.sessions))
	for m := range s.sessions {
		open = append(open, m)
	}
	s.mu.Unlock()
	window := min(30*time.Second, time.Second+time.Duration(len(open))*time.Millisecond/2)
	for _, m := range open {
		if m.v1 {
			m.goodbye("shutdown", 100*time.Millisecond+jitter(window))
		}
		m.conn.Close(proto.CloseGoingAway, "server is shutting down")
	}
	if s.hooks.Inside(s.logger, s.rooms.Log()) {
		go func() { // ends when what Shutdown waits for has ended, or with ctx
			s.waitEmpty(ctx)
			s.rooms.End()
		}()
		return nil
	}
	err := s.waitEmpty(ctx)
	over := s.rooms.End()
	select {
	case <-over:
		return err
	case <-ctx.Done():
	}
	select {
	case <-over:
	case <-time.After(settling):
		err = ctx.Err()
	}
	return err
}

// Close ends the server immediately, without a word to anyone. It waits for what
// ends by itself then, but for no more than the log timeout and two seconds, which
// only a hook or a log that hangs takes, or a hook that waits for a goroutine of its
// own that calls Close. Called from a hook, the logger's handler or a method of the log
// it does not wait. It returns nil; the error is there for [io.Closer].
func (s *Server) Close() error {
	s.rooms.BeginClosing()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.times.log+wsconn.CloseTimeout-settling) // which waitEmpty adds
	s.killAll()
	if s.hooks.Inside(s.logger, s.rooms.Log()) {
		go func() { // ends within the limit, too
			defer cancel()
			s.waitEmpty(ctx)
			s.rooms.End()
		}()
		return nil
	}
	defer cancel()
	s.waitEmpty(ctx)
	select {
	case <-s.rooms.End():
	case <-ctx.Done():
	}
	return nil
}

// settling is how long what was cut off at a deadline has to be gone before Shutdown
// returns.
const settling = 100 * time.Millisecond

func (s *Server) killAll() {
	s.mu.Lock()
	open := make([]*session, 0, len(s.sessions))
	for m := range s.sessions {
		open = append(open, m)
	}
	s.mu.Unlock()
	for _, m := range open {
		m.conn.Kill()
	}
}

// waitEmpty waits for the members to be gone; when ctx ends it sees to that.
func (s *Server) waitEmpty(ctx context.Context) error {
	s.mu.Lock()
	if len(s.sessions) == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	empty := s.empty
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		s.killAll()
		select {
		case <-empty:
		case <-time.After(settling): // a hook hangs
		}
		return ctx.Err()
	}
}

// expect has m, whose handshake begins, hear of what Disconnect asks for.
func (s *Server) expect(m *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joining[m] = struct{}{}
}

// add counts m in, unless the server is closing.
func (s *Server) add(m *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.joining, m)
	if s.rooms.Closing() {
		return false
	}
	s.sessions[m] = struct{}{}
	return true
}

// gone counts m out, of as much as it was counted in.
func (s *Server) gone(m *session) {
	if m.account != nil {
		s.limits.Close(m.account)
	}
	s.limits.Disconnect(m.address)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.joining, m)
	delete(s.sessions, m)
	if len(s.sessions) == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}
