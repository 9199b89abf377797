package chat

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// Shutdown is the graceful shutdown: new connections are refused with 503, every chat.v1
// member gets a goodbye object, and every member is closed with 1001. The goodbye says
// after what time to come back; the times differ, so that not all clients come back in the
// same moment. Shutdown returns when all connections have ended. If ctx ends earlier, it
// cuts the remaining connections and returns the context's error. A log given by [WithLog]
// stays open. Users stay present in it for the leave grace: a user who comes back to
// another server in this time has not left.
//
// net/http's Shutdown does not know upgraded connections. So call both, this one first
// (RegisterOnShutdown is no replacement: net/http does not wait for the functions
// registered there):
//
//	srv.Shutdown(ctx)
//	httpServer.Shutdown(ctx)
//
// Shutdown waits no longer than ctx, even if a hook hangs or the log does not answer. What
// still runs then ends when the hook or the log returns, and may use the log until then. If
// a hook, the logger's handler or a method of the log calls Shutdown, it begins the
// shutdown and returns nil without waiting, because it would wait for its own caller. Such
// a function may also start a goroutine that calls Shutdown; it must not wait for that
// goroutine, which would wait for it until ctx ends, and without end if ctx has none. The
// body of a Follow loop may call Shutdown like any other code.
//
// A second call, and a call after Close, waits like the first.
func (s *Server) Shutdown(ctx context.Context) error {
	s.rooms.BeginClosing()
	open := s.openSessions()
	window := min(30*time.Second, time.Second+time.Duration(len(open))*time.Millisecond/2)
	for _, m := range open {
		if m.v1 {
			m.goodbye("shutdown", 100*time.Millisecond+jitter(window))
		}
		m.conn.Close(proto.CloseGoingAway, "server is shutting down")
	}
	if s.hooks.Inside(s.logger, s.rooms.Log()) {
		go func() { // ends when all connections have ended, or with ctx
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
	case <-time.After(cutGrace):
		err = ctx.Err()
	}
	return err
}

// Close ends the server immediately: it cuts all connections without a close frame. It
// waits until everything has ended, but no longer than the log timeout plus two seconds;
// only a hook or a log that hangs takes so long, or a hook that waits for a goroutine that
// calls Close. If a hook, the logger's handler or a method of the log calls it, it does not
// wait. It always returns nil; it has an error result to be an [io.Closer].
func (s *Server) Close() error {
	s.rooms.BeginClosing()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.times.log+wsconn.CloseTimeout-cutGrace) // waitEmpty adds it
	s.killAll()
	if s.hooks.Inside(s.logger, s.rooms.Log()) {
		go func() { // ends within the same limit
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

// cutGrace is how long Shutdown waits, after it has cut connections at the deadline, for
// their goroutines to end.
const cutGrace = 100 * time.Millisecond

// openSessions returns the sessions of this moment.
func (s *Server) openSessions() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.sessions))
}

func (s *Server) killAll() {
	for _, m := range s.openSessions() {
		m.conn.Kill()
	}
}

// waitEmpty waits until all sessions have ended. When ctx ends it cuts the remaining
// connections and returns the context's error.
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
		case <-time.After(cutGrace): // a hook hangs
		}
		return ctx.Err()
	}
}

// expect lets m, whose handshake begins, get the commands of Disconnect and Reauthorize.
func (s *Server) expect(m *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joining[m] = struct{}{}
}

// add makes m one of the server's sessions, unless the server is closing.
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

// gone removes m from the sessions and from all limits that count it.
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
