package server

import (
	"context"
	"fmt"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/session"
)

// The commands that servers send to each other, each about a user, in one room or in all.
const (
	kindDisconnect  = "disconnect"
	kindReauthorize = "reauthorize"
)

// Disconnect is that of chat.Server, with a code that MayCloseWith allows.
func (s *Server) Disconnect(ctx context.Context, userID, room string, code int, reason string) error {
	// Made valid here, because logs may refuse invalid text, or change it in different ways.
	reason = proto.CutText(reason, proto.MaxReason)
	return s.tell(ctx, userID, room, chatlog.Event{Kind: kindDisconnect, ID: fmt.Sprint(code), Text: reason})
}

// Reauthorize is that of chat.Server.
func (s *Server) Reauthorize(ctx context.Context, room, userID string) error {
	return s.tell(ctx, userID, room, chatlog.Event{Kind: kindReauthorize})
}

// tell sends e, a command about a user, to all servers, including this one.
func (s *Server) tell(ctx context.Context, userID, room string, e chatlog.Event) (err error) {
	if room != "" {
		if room, err = s.Rules.Room(room); err != nil {
			return err
		}
	}
	if err := s.Rooms.Connect(ctx); err != nil {
		return err
	}
	if len(userID) > proto.MaxUser {
		return nil // no user has such an id, and it might be too long for a signal
	}
	e.Type, e.UserID, e.To = chatlog.TypeSystem, userID, room
	return s.Rooms.Tell(ctx, e)
}

// MayCloseWith reports whether code is one that an application may send.
func MayCloseWith(code int) bool {
	switch code {
	case proto.CloseNormal, proto.ClosePolicy, proto.CloseInternal, proto.CloseTryAgain:
		return true
	}
	return 3000 <= code && code <= 4999
}

// control carries out e, a command that a server has sent.
func (s *Server) control(e chatlog.Event) {
	switch e.Kind {
	case kindDisconnect:
		for _, c := range s.sessions.meant(&e) {
			disconnect(c, &e)
		}
	case kindReauthorize:
		if meant := s.sessions.meant(&e); len(meant) > 0 {
			// The hook may be slow, and the caller, the log's feed, must not wait.
			go reauthorize(meant, e.To) // ends with the hook's last answer
		}
	}
}

// reauthorize asks the authorizer about each of the sessions.
func reauthorize(all []*session.Session, room string) {
	defer func() {
		if len(all) > 0 { // the hook has ended the goroutine: the others are asked about, too
			go reauthorize(all, room)
		}
	}()
	for len(all) > 0 {
		c := all[0]
		all = all[1:]
		c.Reauthorize(room)
	}
}

// disconnect closes c as e says.
func disconnect(c *session.Session, e *chatlog.Event) {
	var code int
	fmt.Sscan(e.ID, &code)
	if !MayCloseWith(code) { // from a server of another version
		code = proto.ClosePolicy
	}
	c.Close(e.To, code, e.Text)
}
