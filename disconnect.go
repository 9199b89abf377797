package chat

import (
	"context"
	"fmt"
)

// The codes that Disconnect closes with.
const (
	CloseRemoved   = 1008 // removed by the server or its rules; the client may come back
	CloseForbidden = 4003 // forbidden from now on: the client does not come back by itself
)

// Disconnect closes the connections of a user to a room, or with an empty room to
// all rooms, on every server that shares the log, with the given close code
// (CloseRemoved, CloseForbidden, 1000, 1011, 1013 or one from 3000 to 4999; any
// other counts as CloseRemoved) and reason (at most 123 bytes of UTF-8; what is more is cut
// off at a character, and bytes that are no UTF-8 become U+FFFD). It keeps nobody from coming back: that is the authenticator's or
// authorizer's to do. It returns before the connections are gone, and a user who
// is not there is no error. Errors are ErrBadName, ErrServerClosed and
// ErrUnavailable; after the last, servers other than this one may not have heard.
func (s *Server) Disconnect(ctx context.Context, room, user string, code int, reason string) (err error) {
	if room != "" {
		if room, err = s.checkRoomName(room); err != nil {
			return err
		}
	}
	code = closeCode(code)
	if err := s.connect(ctx); err != nil {
		return err
	}
	if len(user) > maxUser {
		return nil // nobody is called that, and it might not fit into a signal
	}
	// Made valid before it is signalled: logs may refuse it, or change it each in its
	// own way.
	reason = cutText(reason, maxReason)
	ctx, cancel := s.logContext(ctx)
	defer cancel()
	e := Event{Type: TypeSystem, Event: "disconnect", User: user, To: room, ID: fmt.Sprint(code), Message: reason}
	s.control(e)
	if err := s.log.Signal(ctx, controlRoom, e); err != nil {
		return s.unavailable(err)
	}
	return nil
}

// maxReason is how many bytes of reason a close frame has room for (RFC 6455,
// section 5.5).
const maxReason = 123

// closeCode returns code, or CloseRemoved if it is none that an application may send.
func closeCode(code int) int {
	if code == 1000 || code == 1011 || code == 1013 || 3000 <= code && code <= 4999 {
		return code
	}
	return CloseRemoved
}

// control does what a server was told on controlRoom.
func (s *Server) control(e Event) {
	if e.Event != "disconnect" {
		return
	}
	var code int
	fmt.Sscan(e.ID, &code)
	s.mu.Lock()
	var members []*member
	for m := range s.members {
		if m.who.ID == e.User && (e.To == "" || e.To == m.room.name) {
			members = append(members, m)
		}
	}
	s.mu.Unlock()
	for _, m := range members {
		m.close(closeCode(code), e.Message)
	}
}
