package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// handlePlain handles a text frame of the plain dialect, which is always the text of a
// message.
func (c *session) handlePlain(text []byte) *proto.Error {
	if !utf8.Valid(text) {
		return &proto.Error{Code: proto.CodeBadUTF8, Fatal: true}
	}
	e := chatlog.Event{Type: TypeMessage, Text: string(text)}
	if err := request.CheckText(e.Text, false, c.srv.cfg.limits.messageSize); err != nil {
		return err
	}
	_, _, err := c.publish(e)
	return err
}

// publish sets e's sender to the client's user, applies the rules in the order of their
// cost and keeps e in the log. If a rule refuses e, and e repeats an entry that the log
// holds, that entry is returned instead. The rate limit is the exception: there even the
// look-up would cost too much, and the refusal says when to ask again. epoch is the epoch
// of the offset.
func (c *session) publish(e chatlog.Event) (stored chatlog.Event, epoch string, refused *proto.Error) {
	srv := c.srv
	e.UserID, e.Username = c.user.ID, c.user.Name
	ctx := srv.rooms.Context()
	if refused := c.allowed(actions[e.Type]); refused != nil {
		first, epoch, err := srv.unlessRepeated(ctx, c.room, e, errRefused)
		if err == errRefused {
			return e, "", refused
		}
		return c.answerOf(first, epoch, err)
	}
	if wait := c.account.Take(); wait > 0 {
		return e, "", pause(&c.pauses.rate, wait)
	}
	if e.Type == TypePrivate {
		if err := srv.address(ctx, c.room, &e); err != nil {
			return c.answerOf(srv.unlessRepeated(ctx, c.room, e, err))
		}
	}
	from := sender{User: *c.cred.Load(), client: true}
	from.moderator = e.Type == TypeDelete && srv.moderates(ctx, from.User, c.room)
	return c.answerOf(srv.append(ctx, from, c.room, e))
}

// errRefused stands for a refusal for which the caller has a text of its own.
var errRefused = errors.New("chat: refused")

// answerOf returns the result of publishing with the error as the client gets it.
func (c *session) answerOf(e chatlog.Event, epoch string, err error) (chatlog.Event, string, *proto.Error) {
	if err == nil {
		return e, epoch, nil
	}
	var early *tooSoon
	if errors.As(err, &early) {
		return e, "", pause(&c.pauses.slow, early.wait)
	}
	return e, "", wireErrorOf(err)
}

// handleV1 handles one object of a chat.v1 client.
func (c *session) handleV1(text []byte) *proto.Error {
	if !utf8.Valid(text) {
		return &proto.Error{Code: proto.CodeBadUTF8, Fatal: true}
	}
	o, e := proto.ParseObject(text)
	if e != nil {
		return e
	}
	id, e := request.ID(&o)
	if e == nil {
		e = c.object(&o, id)
	}
	if e != nil {
		e.ID = id
	}
	return e
}

func (c *session) object(o *proto.Object, id string) *proto.Error {
	if o.Type == nil {
		return proto.BadRequest("an object needs a type")
	}
	typ, e := o.Type.Chars("type")
	if e != nil {
		return e
	}
	switch chatlog.Type(typ) { // which no copy is made for
	case TypeMessage:
		return c.onEntry(o, TypeMessage, id)
	case TypePrivate, TypeEdit, TypeDelete, TypeReaction:
		return c.onEntry(o, chatlog.Type(typ), id)
	case TypeRead:
		return c.onRead(o, id)
	case TypeSignal:
		return c.onSignal(o)
	case TypeTyping:
		return c.onTyping()
	case proto.TypeHistory:
		return c.onHistory(o, id)
	case proto.TypePing:
		c.conn.Charge(wsconn.FrameCost)
		c.conn.Send(object.Pong(id))
		return nil
	case proto.TypeAuth:
		return c.onAuth(o)
	}
	return &proto.Error{Code: proto.CodeUnknownType, Text: "unknown type"}
}

// acks has buffers for acknowledgements, which are all small.
var acks = sync.Pool{New: func() any { return new([]byte) }}

// ack acknowledges the object with this id, if it has one.
func (c *session) ack(id string, offset uint64) {
	if id == "" {
		return
	}
	b := acks.Get().(*[]byte)
	defer acks.Put(b)
	*b = object.AppendAck((*b)[:0], id, offset)
	c.conn.Send(*b)
}

// onEntry publishes a message, or amends one. If it has an id, it is acknowledged.
func (c *session) onEntry(o *proto.Object, typ chatlog.Type, id string) *proto.Error {
	event, e := request.Event(o, typ, c.srv.cfg.sizes())
	if e != nil {
		return e
	}
	if typ == TypeReaction {
		var err error
		if event.Reaction, err = c.srv.checkReaction(event.Reaction); err != nil {
			return wireErrorOf(err)
		}
	}
	event.ID = id
	stored, epoch, e := c.publish(event)
	switch {
	case e != nil:
		return e
	case id != "" && epoch != c.member.Epoch():
		// The client would take the offset for one of its own epoch, where another message
		// may have it. The connection will soon be closed with 1013.
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the log has lost events: come back and send again", Retry: time.Second}
	}
	c.ack(id, stored.Offset)
	return nil
}

// onRead notes how far the user has read.
func (c *session) onRead(o *proto.Object, id string) *proto.Error {
	event, e := request.Event(o, TypeRead, c.srv.cfg.sizes())
	if e == nil {
		e = c.allowed(ActionMark)
	}
	if e != nil {
		return e
	}
	c.conn.Charge(wsconn.FrameCost)
	read, err := c.member.MarkRead(event.Target)
	if err != nil {
		return wireErrorOf(err)
	}
	c.ack(id, read)
	return nil
}

// onSignal shows the others a signal of the application.
func (c *session) onSignal(o *proto.Object) *proto.Error {
	event, e := request.Event(o, TypeSignal, c.srv.cfg.sizes())
	if e == nil {
		e = c.allowed(ActionSignal)
	}
	if e != nil {
		return e
	}
	if event.Data != nil && !c.srv.rooms.Log().Amends() {
		return wireErrorOf(ErrUnsupported)
	}
	if wait := c.account.TakeSignal(); wait > 0 {
		return pause(&c.pauses.signals, wait)
	}
	c.conn.Charge(wsconn.FrameCost + len(event.Data))
	c.member.Signal(event.Kind, event.Data)
	return nil
}

// onTyping shows the others that the user is typing.
func (c *session) onTyping() *proto.Error {
	if e := c.allowed(ActionTyping); e != nil {
		return e
	}
	c.conn.Charge(wsconn.FrameCost)
	c.member.Typing()
	return nil
}

// onHistory answers with a page of messages.
func (c *session) onHistory(o *proto.Object, id string) *proto.Error {
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
	q, e := o.Query(c.srv.cfg.pageSize())
	if e != nil {
		return e
	}
	if e := c.allowed(ActionRead); e != nil {
		return e
	}
	room := c.member.AwaitRoom()
	page, err := c.srv.page(c.srv.rooms.Context(), c.room, c.user.ID, q)
	if err != nil {
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the history could not be read: ask again", Retry: time.Second}
	}
	object.BoundPage(&page, room-512, q.HasAfter) // the rest is the answer's other keys
	b := object.History(&page, asked)
	c.conn.Send(b)
	c.conn.Charge(len(b))
	return nil
}

// onAuth takes fresh credentials of the same user.
func (c *session) onAuth(o *proto.Object) *proto.Error {
	failed := &proto.Error{Code: proto.CodeAuthFailed, Text: "the credentials were not accepted"}
	token, e := o.Token.Text("token")
	if e != nil {
		return e
	}
	if token == "" {
		return failed
	}
	c.conn.Charge(wsconn.FrameCost + len(token))
	u, err := c.srv.refresh(*c.cred.Load(), token)
	if err != nil || u.ID != c.user.ID {
		return failed
	}
	u.Name = c.user.Name
	c.cred.Store(&u)
	c.expireAt(u.Expires)
	return nil
}

// pause tells a client to wait.
func pause(p *limit.Pauses, wait time.Duration) *proto.Error {
	return &proto.Error{Code: proto.CodeRateLimited, Text: "too many messages: wait a little", Retry: wait, Excused: p.Tell(wait)}
}

// valid reports whether all texts are UTF-8.
func valid(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) })
}

// wireErrorOf returns the error object for an error of publishing.
func wireErrorOf(err error) *proto.Error {
	var rejected *rejection
	var u *undecided
	switch {
	case errors.As(err, &u): // it wraps whatever the filter has met
	case errors.As(err, &rejected):
		return &proto.Error{Code: proto.CodeRejected, Text: rejected.text}
	case errors.Is(err, ErrNoSuchUser):
		return &proto.Error{Code: proto.CodeNoSuchUser, Text: "there is no such user here"}
	case errors.Is(err, ErrNoSuchMessage):
		return &proto.Error{Code: proto.CodeNoSuchMessage, Text: "there is no such message"}
	case errors.Is(err, ErrUnsupported):
		return &proto.Error{Code: proto.CodeUnsupported, Text: "the log of this server cannot do that"}
	case errors.Is(err, chatlog.ErrTooManyReactions): // which the client need not know
		return &proto.Error{Code: proto.CodeBadRequest, Text: fmt.Sprintf("the message has %d different reactions", chatlog.MaxReactions), Excused: true}
	case errors.Is(err, ErrBadMessage):
		return proto.BadRequest("%s", strings.TrimPrefix(err.Error(), ErrBadMessage.Error()+": "))
	case errors.Is(err, ErrServerClosed):
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the server is going away: come back and send again", Retry: time.Second}
	}
	return &proto.Error{Code: proto.CodeUnavailable, Text: "the message could not be kept: send it again", Retry: time.Second}
}
