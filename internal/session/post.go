package session

import (
	"context"
	"strconv"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/trace"
)

// A Post is a request in which a user sends one object to one room.
type Post struct {
	User    rules.User
	Known   bool   // the user comes back under the same id
	Account string // the account whose rate limit counts
	Room    string
	Origin  *trace.Origin // nil without a tracer
}

// Text publishes the text of a message, and returns the answer.
func (p *Post) Text(core *Core, text []byte) ([]byte, *proto.Error) {
	return p.as(core, func(s *Speaker) ([]byte, *proto.Error) {
		if !utf8.Valid(text) {
			return nil, badUTF8()
		}
		e := chatlog.Event{Type: chatlog.TypeMessage, Text: string(text)}
		if e := request.CheckText(e.Text, false, s.rules.Sizes().Text); e != nil {
			return nil, e
		}
		offset, _, refused := s.publish(p.Room, e)
		return ackOf("", offset), refused
	})
}

// Object carries out one object of a chat.v1 client, and returns the answer.
func (p *Post) Object(core *Core, text []byte) ([]byte, *proto.Error) {
	return p.as(core, func(s *Speaker) ([]byte, *proto.Error) {
		if !utf8.Valid(text) {
			return nil, badUTF8()
		}
		o, e := proto.ParseObject(text)
		if e != nil {
			return nil, e
		}
		id, e := request.ID(&o)
		if e != nil {
			return nil, e
		}
		if o.Type == nil {
			return nil, proto.BadRequest("an object needs a type")
		}
		typ, e := o.Type.Chars("type")
		if e != nil {
			return nil, e
		}
		return p.object(s, &o, string(typ), id)
	})
}

// as calls f with the user. The rate limit is that of the account, which the user's connections
// share.
func (p *Post) as(core *Core, f func(*Speaker) ([]byte, *proto.Error)) ([]byte, *proto.Error) {
	var s Speaker
	s.be(core.Rules, p.User)
	s.origin = p.Origin
	s.account = core.Limits.Visit(p.Account)
	defer core.Limits.Left(s.account)
	return f(&s)
}

func (p *Post) object(s *Speaker, o *proto.Object, typ, id string) ([]byte, *proto.Error) {
	ctx, room := s.rules.Rooms.Context(), p.Room
	switch t := chatlog.Type(typ); t {
	case chatlog.TypeMessage, chatlog.TypePrivate, chatlog.TypeEdit, chatlog.TypeDelete, chatlog.TypeReaction:
		offset, _, e := s.entry(room, o, t, id)
		return ackOf(id, offset), e
	case chatlog.TypeRead:
		return p.read(ctx, s, o, id)
	case chatlog.TypeSignal:
		e, refused := s.signal(room, o)
		if refused != nil {
			return nil, refused
		}
		e.UserID, e.Username = s.User.ID, s.User.Name
		return done(id), unless(s.rules.Rooms.Signal(ctx, room, e))
	case chatlog.TypeTyping:
		if refused := s.allowed(room, rules.ActionTyping); refused != nil {
			return nil, refused
		}
		if wait := s.account.TakeSignal(); wait > 0 {
			return nil, pause(&s.pauses.signals, wait)
		}
		return done(id), unless(s.rules.Rooms.Typing(ctx, room, s.User.ID, s.User.Name))
	case proto.TypeHistory, proto.TypePing, proto.TypeAuth, proto.TypeJoin, proto.TypeLeave:
		return nil, proto.BadRequest("an object of the type %s needs a WebSocket", typ)
	}
	return nil, &proto.Error{Code: proto.CodeUnknownType, Text: "unknown type"}
}

// read notes how far the user has read.
func (p *Post) read(ctx context.Context, s *Speaker, o *proto.Object, id string) ([]byte, *proto.Error) {
	if !p.Known {
		return nil, &proto.Error{Code: proto.CodeUnauthorized, Text: "read markers are for users who come back: name your session"}
	}
	offset, e := s.marker(p.Room, o)
	if e != nil {
		return nil, e
	}
	if wait := s.account.TakeSignal(); wait > 0 {
		return nil, pause(&s.pauses.signals, wait)
	}
	read, err := s.rules.Rooms.MarkRead(ctx, p.Room, s.User.ID, offset, nil)
	return ackOf(id, read), unless(err)
}

// unless returns err as a client gets it; nil for no error.
func unless(err error) *proto.Error {
	if err == nil {
		return nil
	}
	return wireErrorOf(err)
}

func badUTF8() *proto.Error {
	return &proto.Error{Code: proto.CodeBadUTF8, Text: "the text is not UTF-8"}
}

// ackOf returns the answer to an object with this id, which perhaps has none.
func ackOf(id string, offset uint64) []byte {
	b := strconv.AppendUint([]byte(`{"type":"`+proto.TypeAck+`","offset":`), offset, 10)
	return appendID(b, id)
}

// done is ackOf for an object that no log keeps, and that therefore has no offset.
func done(id string) []byte { return appendID([]byte(`{"type":"`+proto.TypeAck+`"`), id) }

func appendID(b []byte, id string) []byte {
	if id != "" {
		b = proto.AppendQuoted(append(b, `,"id":`...), id)
	}
	return append(b, '}')
}
