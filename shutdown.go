package chat

import (
	"context"
	"fmt"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/server"
)

// Shutdown is the graceful shutdown: new connections are refused with 503, every chat.v1
// member gets a goodbye object, and every member is closed with 1001. The goodbye says
// after what time to come back; the times differ, so that not all clients come back in the
// same moment. Shutdown returns when all connections have ended. If ctx ends earlier, it
// cuts the remaining connections and returns the context's error. A log given by [WithLog]
// stays open. Users stay present in it for the leave grace: a user who comes back to
// another server in this time has not left.
//
// net/http's Shutdown does not know upgraded connections, and waits for event streams over
// HTTP/2, which do not end by themselves. So call both, this one first
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
func (s *Server) Shutdown(ctx context.Context) error { return s.core.Shutdown(ctx) }

// Close ends the server immediately: it cuts all connections without a close frame. It
// waits until everything has ended, but no longer than the log timeout plus two seconds;
// only a hook or a log that hangs takes so long, or a hook that waits for a goroutine that
// calls Close. If a hook, the logger's handler or a method of the log calls it, it does not
// wait. It always returns nil; it has an error result to be an [io.Closer].
func (s *Server) Close() error {
	s.core.Close()
	return nil
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
	if !server.MayCloseWith(d.Code) {
		return fmt.Errorf("%w: %d", ErrBadCode, d.Code)
	}
	return s.core.Disconnect(ctx, userID, d.Room, d.Code, d.Reason)
}

// Reauthorize asks the authorizer again whether a user may be in a room, on every server
// that shares the log; with an empty room, in every room that the user is in. Connections
// that the authorizer refuses are closed with CloseForbidden and the refusal's text. Call
// it after a user's rights have changed. Without an authorizer it does nothing. It returns
// before the connections are closed. Errors are those of Disconnect except ErrBadCode.
func (s *Server) Reauthorize(ctx context.Context, room, userID string) error {
	return s.core.Reauthorize(ctx, room, userID)
}

// Join puts a connected user into a room, on whatever server: each of the user's connections
// that can be in many rooms joins it, as if the client had asked, and the client gets the
// room's welcome. The authorizer is not asked: the caller has decided. Connections in a single
// room stay as they are, and so does one that is in the room already or in as many rooms as
// [WithMaxJoinedRooms] allows. Join returns before the user is in the room. A user without
// connections is no error, and is not remembered: let the client ask for its rooms, or call
// Join again, when the user comes. Errors are ErrBadName, ErrServerClosed and ErrUnavailable;
// after the last, connections to other servers may not have joined.
func (s *Server) Join(ctx context.Context, userID, room string) error {
	return s.core.Join(ctx, userID, room)
}

// Leave takes a user out of a room, on every server that shares the log: a connection with
// many rooms loses that one, with the code 1000, and one in that room alone is closed with it.
// It does not stop the user from coming back. It returns before the user has left. A user who
// is not in the room is no error. Errors are those of Join.
func (s *Server) Leave(ctx context.Context, userID, room string) error {
	return s.core.Leave(ctx, userID, room)
}
