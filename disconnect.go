package chat

import (
	"context"
	"fmt"

	"github.com/seed-08328bfd/chat/internal/proto"
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
// off at a character, and bytes that are no UTF-8 become U+FFFD). It ends handshakes under way as well. It keeps nobody from coming
// back, which the authenticator or the authorizer must do: refuse there first, and
// disconnect then. It returns before the connections are gone, and a user who
// is not there is no error. Errors are ErrBadName, ErrServerClosed and
// ErrUnavailable; after the last, servers other than this one may not have heard.
func (s *Server) Disconnect(ctx context.Context, room, user string, code int, reason string) (err error) {
	if room != "" {
		if room, err = s.checkRoomName(room); err != nil {
			return err
		}
	}
	code = closeCode(code)
	if err := s.rooms.Connect(ctx); err != nil {
		return err
	}
	if len(user) > proto.MaxUser {
		return nil // nobody is called that, and it might not fit into a signal
	}
	// Made valid before it is signalled: logs may refuse it, or change it each in its
	// own way.
	reason = proto.CutText(reason, proto.MaxReason)
	e := Event{Type: TypeSystem, Kind: "disconnect", UserID: user, To: room, ID: fmt.Sprint(code), Text: reason}
	return s.rooms.Tell(ctx, e)
}

// closeCode returns code, or CloseRemoved if it is none that an application may send.
func closeCode(code int) int {
	if code == 1000 || code == 1011 || code == 1013 || 3000 <= code && code <= 4999 {
		return code
	}
	return CloseRemoved
}

// control does what a server was told on controlRoom.
func (s *Server) control(e Event) {
	if e.Kind != "disconnect" {
		return
	}
	s.mu.Lock()
	var meant []*session
	for m := range s.sessions {
		if m.meant(&e) {
			meant = append(meant, m)
		}
	}
	for m := range s.joining { // who it is may not be known yet
		if len(m.removals) <= maxRemovals {
			m.removals = append(m.removals, e)
		}
	}
	s.mu.Unlock()
	for _, m := range meant {
		m.remove(&e)
	}
}

// maxRemovals bounds what a handshake remembers. One that has taken so long that
// there was more has to begin again.
const maxRemovals = 1000

// meant reports whether e is about m.
func (c *session) meant(e *Event) bool {
	return c.user.ID == e.UserID && (e.To == "" || e.To == c.room)
}

// remove closes m as e says.
func (c *session) remove(e *Event) {
	var code int
	fmt.Sscan(e.ID, &code)
	c.conn.Close(closeCode(code), e.Text)
}

// recheck does for c, whose member has joined now, what was asked for during its
// handshake. Whom Disconnect meant gets the close frame when connected. Over a shared log,
// where the handshake may have taken long and what another server asked for may be lost,
// the authorizer is asked once more.
func (s *Server) recheck(c *session) error {
	if !s.local {
		if err := s.may(c.user, c.room, ActionJoin); err != nil {
			return err
		}
	}
	if len(c.removals) > maxRemovals {
		return ErrUnavailable
	}
	for i := range c.removals {
		if e := &c.removals[i]; c.meant(e) {
			c.remove(e)
		}
	}
	c.removals = nil
	return nil
}
