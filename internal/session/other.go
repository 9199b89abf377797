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
func (s *Session) onRead(o *proto.Object, id string) *proto.Error {
	offset, e := s.marker(s.seat.room, o)
	if e != nil {
		return e
	}
	s.conn.Charge(wsconn.FrameCost)
	read, err := s.seat.member.MarkRead(offset)
	if err != nil {
		return wireErrorOf(err)
	}
	s.ack(id, read)
	return nil
}

// onSignal shows the others a signal of the application.
func (s *Session) onSignal(o *proto.Object) *proto.Error {
	event, e := s.signal(s.seat.room, o)
	if e != nil {
		return e
	}
	s.conn.Charge(wsconn.FrameCost + len(event.Data))
	s.seat.member.Signal(event.Kind, event.Data)
	return nil
}

// onTyping shows the others that the user is typing.
func (s *Session) onTyping() *proto.Error {
	if e := s.allowed(s.seat.room, rules.ActionTyping); e != nil {
		return e
	}
	s.conn.Charge(wsconn.FrameCost)
	s.seat.member.Typing()
	return nil
}

// onHistory answers with a page of messages.
func (s *Session) onHistory(o *proto.Object, id string) *proto.Error {
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
	if e := s.allowed(s.seat.room, rules.ActionRead); e != nil {
		return e
	}
	most := s.seat.member.AwaitRoom()
	page, err := s.rules.Page(s.rules.Rooms.Context(), s.seat.room, s.User.ID, q)
	if err != nil {
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the history could not be read: ask again", Retry: time.Second}
	}
	object.BoundPage(&page, most-512, q.HasAfter) // the rest is the answer's other keys
	b := object.History(&page, asked)
	s.conn.Send(b)
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
