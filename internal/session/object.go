package session

import (
	"context"
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// handlePlain handles a text frame of the plain dialect, which is always the text of a
// message.
func (s *Session) handlePlain(text []byte) *proto.Error {
	if !utf8.Valid(text) {
		return &proto.Error{Code: proto.CodeBadUTF8, Fatal: true}
	}
	e := chatlog.Event{Type: chatlog.TypeMessage, Text: string(text)}
	if err := request.CheckText(e.Text, false, s.rules.Sizes().Text); err != nil {
		return err
	}
	_, _, err := s.publish(s.seat.room, e)
	return err
}

// handleV1 handles one object of a chat.v1 client.
func (s *Session) handleV1(text []byte) *proto.Error {
	if !utf8.Valid(text) {
		return &proto.Error{Code: proto.CodeBadUTF8, Fatal: true}
	}
	o, e := proto.ParseObject(text)
	if e != nil {
		return e
	}
	id, e := request.ID(&o)
	if e == nil {
		e = s.object(&o, id)
	}
	if e != nil {
		e.ID = id
	}
	return e
}

func (s *Session) object(o *proto.Object, id string) *proto.Error {
	if o.Type == nil {
		return proto.BadRequest("an object needs a type")
	}
	typ, e := o.Type.Chars("type")
	if e != nil {
		return e
	}
	switch string(typ) { // which no copy is made for
	case proto.TypePing:
		s.conn.Charge(wsconn.FrameCost)
		s.conn.Send(object.Pong(id))
		return nil
	case proto.TypeAuth:
		return s.onAuth(o)
	}
	if s.many == nil {
		return s.inRoom(s.seat, typ, o, id)
	}
	return s.many.object(typ, o, id)
}

// inRoom carries out what a client asks for in one room.
func (s *Session) inRoom(in seat, typ []byte, o *proto.Object, id string) *proto.Error {
	switch chatlog.Type(typ) { // which no copy is made for
	case chatlog.TypeMessage:
		return s.onEntry(in, o, chatlog.TypeMessage, id)
	case chatlog.TypePrivate, chatlog.TypeEdit, chatlog.TypeDelete, chatlog.TypeReaction:
		return s.onEntry(in, o, chatlog.Type(typ), id)
	case chatlog.TypeRead:
		return s.onRead(in, o, id)
	case chatlog.TypeSignal:
		return s.onSignal(in, o)
	case chatlog.TypeTyping:
		return s.onTyping(in)
	case proto.TypeHistory:
		return s.onHistory(in, o, id)
	}
	return &proto.Error{Code: proto.CodeUnknownType, Text: "unknown type"}
}

// acks has buffers for acknowledgements, which are all small.
var acks = sync.Pool{New: func() any { return new([]byte) }}

// ack acknowledges the object with this id, if it has one.
func (s *Session) ack(in seat, id string, offset uint64) {
	if id == "" {
		return
	}
	b := acks.Get().(*[]byte)
	defer acks.Put(b)
	*b = object.AppendAck((*b)[:0], id, offset)
	s.reply(in, *b)
}

// onEntry publishes a message, or amends one. If it has an id, it is acknowledged.
func (s *Session) onEntry(in seat, o *proto.Object, typ chatlog.Type, id string) *proto.Error {
	offset, epoch, e := s.entry(in.room, o, typ, id)
	switch {
	case e != nil:
		return e
	case id != "" && epoch != in.member.Epoch():
		// The client would take the offset for one of its own epoch, where another message
		// may have it. It will soon lose the room, with 1013.
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the log has lost events: come back and send again", Retry: time.Second}
	}
	s.ack(in, id, offset)
	return nil
}

// entry publishes the message that o is, or amends one as o says. It returns the entry's
// offset, and the epoch of the offset.
func (s *Speaker) entry(room string, o *proto.Object, typ chatlog.Type, id string) (offset uint64, epoch string, e *proto.Error) {
	event, e := request.Event(o, typ, s.rules.Sizes())
	if e != nil {
		return 0, "", e
	}
	if typ == chatlog.TypeReaction {
		var err error
		if event.Reaction, err = s.rules.Reaction(event.Reaction); err != nil {
			return 0, "", wireErrorOf(err)
		}
	}
	event.ID = id
	return s.publish(room, event)
}

// publish sets e's sender to the user, applies the rules in the order of their cost and
// keeps e in the log. If a rule refuses e, and e repeats an entry that the log holds, the
// offset of that entry is returned instead. The rate limit is the exception: there even the
// look-up would cost too much, and the refusal says when to ask again.
func (s *Speaker) publish(room string, e chatlog.Event) (offset uint64, epoch string, refused *proto.Error) {
	e.UserID, e.Username = s.User.ID, s.User.Name
	ctx := s.rules.Rooms.Context()
	if s.rules.Tracer() == nil {
		return s.keep(ctx, room, e)
	}
	ctx, span, end := s.rules.BeginPublish(ctx, s.origin, room, &e)
	defer func() {
		if span.Offset = offset; refused != nil {
			span.Code = refused.Code
		}
		end(span)
	}()
	return s.keep(ctx, room, e)
}

// keep is publish within the span of ctx.
func (s *Speaker) keep(ctx context.Context, room string, e chatlog.Event) (offset uint64, epoch string, refused *proto.Error) {
	if refused := s.allowed(room, rules.ActionOf(e.Type)); refused != nil {
		first, epoch, err := s.rules.UnlessRepeated(ctx, room, e, errRefused)
		if err == errRefused {
			return 0, "", refused
		}
		return s.answerOf(first, epoch, err)
	}
	if wait := s.account.Take(); wait > 0 {
		return 0, "", pause(&s.pauses.rate, wait)
	}
	if e.Type == chatlog.TypePrivate {
		if err := s.rules.Address(ctx, room, &e); err != nil {
			return s.answerOf(s.rules.UnlessRepeated(ctx, room, e, err))
		}
	}
	from := rules.Sender{User: s.Credentials(), Client: true}
	from.Moderator = e.Type == chatlog.TypeDelete && s.rules.Moderates(ctx, from.User, room)
	return s.answerOf(s.rules.Append(ctx, from, room, e))
}

// errRefused stands for a refusal for which the caller has a text of its own.
var errRefused = errors.New("chat: refused")

// answerOf returns the result of publishing with the error as the client gets it.
func (s *Speaker) answerOf(e chatlog.Event, epoch string, err error) (uint64, string, *proto.Error) {
	if err == nil {
		return e.Offset, epoch, nil
	}
	var early *rules.TooSoon
	if errors.As(err, &early) {
		return 0, "", pause(&s.pauses.slow, early.Wait)
	}
	return 0, "", wireErrorOf(err)
}
