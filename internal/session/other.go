package session

import (
	"time"

	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// This file carries out what becomes no entry of a log.

// onRead notes how far the user has read.
func (s *Session) onRead(in seat, o *proto.Object, id string) *proto.Error {
	offset, e := s.marker(in.room, o)
	if e != nil {
		return e
	}
	s.conn.Charge(wsconn.FrameCost)
	read, err := s.rules.Rooms.MarkRead(s.rules.Rooms.Context(), in.room, s.User.ID, offset, in.member)
	if err != nil {
		return wireErrorOf(err)
	}
	s.ack(in, id, read)
	return nil
}

// onSignal shows the others a signal of the application.
func (s *Session) onSignal(in seat, o *proto.Object) *proto.Error {
	event, e := s.signal(in.room, o)
	if e != nil {
		return e
	}
	s.conn.Charge(wsconn.FrameCost + len(event.Data))
	event.UserID, event.Username = s.User.ID, s.User.Name
	s.rules.Rooms.Signal(s.rules.Rooms.Context(), in.room, event) // it may be lost
	return nil
}

// onTyping shows the others that the user is typing.
func (s *Session) onTyping(in seat) *proto.Error {
	if e := s.allowed(in.room, rules.ActionTyping); e != nil {
		return e
	}
	s.conn.Charge(wsconn.FrameCost)
	s.rules.Rooms.Typing(s.rules.Rooms.Context(), in.room, s.User.ID, s.User.Name) // it may be lost
	return nil
}

// onHistory answers with a page of messages.
func (s *Session) onHistory(in seat, o *proto.Object, id string) *proto.Error {
	asked, e := o.Request.Text("request")
	if e != nil {
		return e
	}
	if len(asked) > proto.MaxID {
		return proto.BadRequest("request has at most %d bytes", proto.MaxID)
	}
	if asked == "" {
		asked = id
	}
	q, e := o.Query(s.core.PageSize)
	if e != nil {
		return e
	}
	if e := s.allowed(in.room, rules.ActionRead); e != nil {
		return e
	}
	most := in.member.AwaitRoom()
	page, err := s.rules.Page(s.rules.Rooms.Context(), in.room, s.User.ID, q)
	if err != nil {
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the history could not be read: ask again", Retry: time.Second}
	}
	object.BoundPage(&page, most-512, q.HasAfter) // the rest is the answer's other keys
	b := object.History(&page, asked)
	s.reply(in, b)
	s.conn.Charge(len(b))
	return nil
}

// onAuth takes fresh credentials of the same user.
func (s *Session) onAuth(o *proto.Object) *proto.Error {
	failed := &proto.Error{Code: proto.CodeAuthFailed, Text: "the credentials were not accepted"}
	token, e := o.Token.Text("token")
	if e != nil {
		return e
	}
	if token == "" {
		return failed
	}
	s.conn.Charge(wsconn.FrameCost + len(token))
	u, err := s.rules.Refresh(s.Credentials(), token)
	if err != nil || u.ID != s.User.ID {
		return failed
	}
	u.Name = s.User.Name
	s.cred.Store(&u)
	s.expire()
	return nil
}
