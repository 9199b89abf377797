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
	kindJoin        = "enter" // the join of a user is KindJoin
	kindLeave       = "exit"
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

// Join is that of chat.Server.
func (s *Server) Join(ctx context.Context, userID, room string) error {
	return s.tellIn(ctx, userID, room, kindJoin)
}

// Leave is that of chat.Server.
func (s *Server) Leave(ctx context.Context, userID, room string) error {
	return s.tellIn(ctx, userID, room, kindLeave)
}

// tellIn is tell for a command that needs a room.
func (s *Server) tellIn(ctx context.Context, userID, room string, kind chatlog.Kind) error {
	room, err := s.Rules.Room(room)
	if err != nil {
		return err
	}
	return s.tell(ctx, userID, room, chatlog.Event{Kind: kind})
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
	case kindDisconnect, kindReauthorize, kindJoin, kindLeave:
	default:
		return // of a later version
	}
	all := s.sessions.of(&e)
	switch e.Kind {
	case kindReauthorize, kindJoin:
		// A hook or the log may be slow, and the caller, the log's feed, must not wait.
		if len(all) > 0 {
			go obeySlowly(all, &e) // ends with the last hook's answer
		}
	default:
		for _, c := range all {
			obey(c, &e)
		}
	}
}

// obey carries out the command e for c, a session of the user that it is about.
func obey(c *session.Session, e *chatlog.Event) {
	switch e.Kind {
	case kindJoin:
		c.Enter(e.To)
	case kindReauthorize:
		c.Reauthorize(e.To)
	case kindLeave:
		if c.In(e.To) {
			c.Close(e.To, proto.CloseNormal, "")
		}
	case kindDisconnect:
		if c.In(e.To) {
			disconnect(c, e)
		}
	}
}

// obeySlowly carries out e for each of the sessions.
func obeySlowly(all []*session.Session, e *chatlog.Event) {
	defer func() {
		if len(all) > 0 { // a hook has ended the goroutine: it goes on with the others
			go obeySlowly(all, e)
		}
	}()
	for len(all) > 0 {
		c := all[0]
		all = all[1:]
		obey(c, e)
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
