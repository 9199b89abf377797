package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/object"
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
			m.conn.Queue(wsconn.AppendText(nil, object.Goodbye("shutdown", 100*time.Millisecond+answer.Jitter(window))))
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

// Close codes for [Disconnect] (RFC 6455, section 7.4).
const (
	CloseRemoved   = proto.ClosePolicy    // 1008: the server or its rules removed the user; the client may come back
	CloseForbidden = proto.CloseForbidden // 4003: forbidden from now on; the client does not come back by itself
)

// A Disconnect says which of a user's connections [Server.Disconnect] ends, and how.
type Disconnect struct {
	// Room is the room whose connections end; empty means all rooms.
	Room string
	// Code is the close code (RFC 6455, section 7.4): CloseRemoved, CloseForbidden, 1000,
	// 1011, 1013 or one from 3000 to 4999; 0 is CloseRemoved. Any other is an error.
	Code int
	// Reason is the text in the close frame (RFC 6455, section 5.5.1): at most 123 bytes of
	// UTF-8. A longer text is cut between two characters, and bytes that are not UTF-8
	// become U+FFFD.
	Reason string
}

// Disconnect closes a user's connections on every server that shares the log, also those in
// the middle of their handshakes. It does not stop the user from coming back: let the
// authenticator or the authorizer refuse the user first, then call Disconnect. It returns
// before the connections are closed. A user without connections is no error. Errors are
// ErrBadName, ErrBadCode, ErrServerClosed and ErrUnavailable; after the last, other servers
// may not have closed the user's connections.
func (s *Server) Disconnect(ctx context.Context, userID string, d Disconnect) error {
	if d.Code == 0 {
		d.Code = CloseRemoved
	}
	if !mayCloseWith(d.Code) {
		return fmt.Errorf("%w: %d", ErrBadCode, d.Code)
	}
	// Made valid here, because logs may refuse invalid text, or change it in different ways.
	reason := proto.CutText(d.Reason, proto.MaxReason)
	return s.tell(ctx, userID, d.Room, chatlog.Event{Kind: kindDisconnect, ID: fmt.Sprint(d.Code), Text: reason})
}

// Reauthorize asks the authorizer again whether a user may be in a room, on every server
// that shares the log; with an empty room, in every room that the user is in. Connections
// that the authorizer refuses are closed with CloseForbidden and the refusal's text. Call
// it after a user's rights have changed. Without an authorizer it does nothing. It returns
// before the connections are closed. Errors are those of Disconnect except ErrBadCode.
func (s *Server) Reauthorize(ctx context.Context, room, userID string) error {
	return s.tell(ctx, userID, room, chatlog.Event{Kind: kindReauthorize})
}

// The commands that servers send to each other.
const (
	kindDisconnect  = "disconnect"
	kindReauthorize = "reauthorize"
)

// tell sends e, a command about a user, to all servers, including this one.
func (s *Server) tell(ctx context.Context, userID, room string, e chatlog.Event) (err error) {
	if room != "" {
		if room, err = s.checkRoomName(room); err != nil {
			return err
		}
	}
	if err := s.rooms.Connect(ctx); err != nil {
		return err
	}
	if len(userID) > proto.MaxUser {
		return nil // no user has such an id, and it might be too long for a signal
	}
	e.Type, e.UserID, e.To = TypeSystem, userID, room
	return s.rooms.Tell(ctx, e)
}

// mayCloseWith reports whether code is one that an application may send.
func mayCloseWith(code int) bool {
	switch code {
	case proto.CloseNormal, CloseRemoved, proto.CloseInternal, proto.CloseTryAgain:
		return true
	}
	return 3000 <= code && code <= 4999
}

// control carries out e, a command that a server has sent.
func (s *Server) control(e chatlog.Event) {
	if e.Kind != kindDisconnect && e.Kind != kindReauthorize {
		return
	}
	s.mu.Lock()
	var meant []*session
	for c := range s.sessions {
		if c.meant(&e) {
			meant = append(meant, c)
		}
	}
	for c := range s.joining { // the user may not be known yet
		if len(c.removals) <= maxRemovals {
			c.removals = append(c.removals, e)
		}
	}
	s.mu.Unlock()
	if e.Kind == kindReauthorize && len(meant) > 0 {
		// The hook may be slow, and the caller, the log's feed, must not wait.
		go s.reauthorize(meant) // ends with the hook's last answer
		return
	}
	for _, c := range meant {
		c.remove(&e)
	}
}

// reauthorize closes the sessions of all that the authorizer refuses now. It asks with the
// latest credentials of each.
func (s *Server) reauthorize(all []*session) {
	defer func() {
		if len(all) > 0 { // the hook has ended the goroutine: the others are asked about, too
			go s.reauthorize(all)
		}
	}()
	for len(all) > 0 {
		c := all[0]
		all = all[1:]
		if r, ok := s.authorize(s.rooms.Context(), *c.cred.Load(), c.room, ActionJoin).(*refusal); ok {
			c.conn.Close(CloseForbidden, r.text)
		}
	}
}

// maxRemovals limits the commands that a handshake remembers. A handshake during which more
// arrive fails; the client begins again.
const maxRemovals = 1000

// meant reports whether e is about c.
func (c *session) meant(e *chatlog.Event) bool {
	return c.user.ID == e.UserID && (e.To == "" || e.To == c.room)
}

// remove closes c as e says.
func (c *session) remove(e *chatlog.Event) {
	var code int
	fmt.Sscan(e.ID, &code)
	if !mayCloseWith(code) { // from a server of another version
		code = CloseRemoved
	}
	c.conn.Close(code, e.Text)
}

// recheck carries out the commands that arrived during c's handshake. c's member has joined
// now. A session that Disconnect meant gets its close frame when it is connected. If there
// was a command, the authorizer is asked once more; over a shared log it always is, because
// the handshake may have taken long, and a command of another server may have been lost.
func (s *Server) recheck(ctx context.Context, c *session) error {
	if !s.local || len(c.removals) > 0 {
		if err := s.may(ctx, c.user, c.room, ActionJoin); err != nil {
			return err
		}
	}
	if len(c.removals) > maxRemovals {
		return ErrUnavailable
	}
	for i := range c.removals {
		if e := &c.removals[i]; e.Kind == kindDisconnect && c.meant(e) {
			c.remove(e)
		}
	}
	c.removals = nil
	return nil
}
