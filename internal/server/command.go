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
	if e.Kind != kindReauthorize {
		for _, c := range all {
			obey(c, &e)
		}
	} else if len(all) > 0 {
		// The hook may be slow, and the caller, the log's feed, must not wait.
		go reauthorize(all, e.To) // ends with the hook's last answer
	}
}

// obey carries out the command e, which asks no hook, for c, a session of the user that it
// is about.
func obey(c *session.Session, e *chatlog.Event) {
	switch {
	case e.Kind == kindJoin, e.Kind == kindLeave:
		c.Wish(e.To, e.Kind == kindJoin)
	case c.In(e.To):
		disconnect(c, e)
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
