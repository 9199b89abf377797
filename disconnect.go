package chat

import (
	"context"
	"fmt"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// The codes that Disconnect closes with.
const (
	CloseRemoved   = proto.ClosePolicy    // 1008: removed by the server or its rules; the client may come back
	CloseForbidden = proto.CloseForbidden // 4003: forbidden from now on; the client does not come back by itself
)

// A Disconnect says which of a user's connections end, and how.
type Disconnect struct {
	// Room is the room whose connections end; empty means all rooms.
	Room string
	// Code is the close code (RFC 6455, section 7.4): CloseRemoved, CloseForbidden, 1000,
	// 1011, 1013 or one from 3000 to 4999; 0 is CloseRemoved. Any other is an error.
	Code int
	// Reason goes into the close frame: at most 123 bytes of UTF-8. What is more is cut off
	// at a character, and bytes that are no UTF-8 become U+FFFD.
	Reason string
}

// Disconnect closes a user's connections on every server that shares the log. It ends
// handshakes under way as well. It keeps nobody from coming back, which is for the
// authenticator or the authorizer to do: refuse there first, and disconnect then. It
// returns before the connections are gone, and a user who is not there is no error. Errors
// are ErrBadName, ErrBadCode, ErrServerClosed and ErrUnavailable; after the last, servers
// other than this one may not have heard.
func (s *Server) Disconnect(ctx context.Context, userID string, d Disconnect) error {
	if d.Code == 0 {
		d.Code = CloseRemoved
	}
	if !mayCloseWith(d.Code) {
		return fmt.Errorf("%w: %d", ErrBadCode, d.Code)
	}
	// Made valid before it is told: logs may refuse it, or change it each in its own way.
	reason := proto.CutText(d.Reason, proto.MaxReason)
	return s.tell(ctx, userID, d.Room, chatlog.Event{Kind: kindDisconnect, ID: fmt.Sprint(d.Code), Text: reason})
}

// Reauthorize asks the authorizer again whether a user may be in a room, or with an empty
// room in any that the user is in, on every server that shares the log, and ends what it
// refuses with CloseForbidden and the refusal's text. Call it after the rights of a user
// have changed. Without an authorizer it does nothing. It returns before the connections
// are gone. Errors are those of Disconnect but ErrBadCode.
func (s *Server) Reauthorize(ctx context.Context, room, userID string) error {
	return s.tell(ctx, userID, room, chatlog.Event{Kind: kindReauthorize})
}

// What servers tell each other to do.
const (
	kindDisconnect  = "disconnect"
	kindReauthorize = "reauthorize"
)

// tell has all servers do what e says to a user.
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
		return nil // nobody is called that, and it might not fit into a signal
	}
	e.Type, e.UserID, e.To = TypeSystem, userID, room
	return s.rooms.Tell(ctx, e)
}

// mayCloseWith reports whether code is one that an application may send.
func mayCloseWith(code int) bool {
	switch code {
	case 1000, CloseRemoved, proto.CloseInternal, proto.CloseTryAgain:
		return true
	}
	return 3000 <= code && code <= 4999
}

// control does what a server was told.
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
	for c := range s.joining { // who it is may not be known yet
		if len(c.removals) <= maxRemovals {
			c.removals = append(c.removals, e)
		}
	}
	s.mu.Unlock()
	if e.Kind == kindReauthorize && len(meant) > 0 {
		// The hook may take its time, and the feed must go on.
		go s.reauthorize(meant) // ends with the hook's last answer
		return
	}
	for _, c := range meant {
		c.remove(&e)
	}
}

// reauthorize ends those of all whom the authorizer refuses now.
func (s *Server) reauthorize(all []*session) {
	for _, c := range all {
		if r, ok := s.authorize(s.rooms.Context(), c.user, c.room, ActionJoin).(*refusal); ok {
			c.conn.Close(CloseForbidden, r.text)
		}
	}
}

// maxRemovals bounds what a handshake remembers. One that has taken so long that
// there was more has to begin again.
const maxRemovals = 1000

// meant reports whether e is about c.
func (c *session) meant(e *chatlog.Event) bool {
	return c.user.ID == e.UserID && (e.To == "" || e.To == c.room)
}

// remove closes c as e says.
func (c *session) remove(e *chatlog.Event) {
	var code int
	fmt.Sscan(e.ID, &code)
	if !mayCloseWith(code) { // of another version
		code = CloseRemoved
	}
	c.conn.Close(code, e.Text)
}

// recheck does for c, whose member has joined now, what was asked for during its
// handshake. Whom Disconnect meant gets the close frame when connected. Where something
// was asked for, or over a shared log, where the handshake may have taken long and what
// another server asked for may be lost, the authorizer is asked once more.
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
