package chat

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/names"
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// handlePlain handles a text frame of the plain dialect, which is always the text of a
// message.
func (c *session) handlePlain(text []byte) *proto.Error {
	if !utf8.Valid(text) {
		return &proto.Error{Code: proto.CodeBadUTF8, Fatal: true}
	}
	_, _, err := c.publish(chatlog.Event{Type: TypeMessage, Text: string(text)})
	return err
}

// publish sets e's sender to the client's user, applies the rules in the order of their
// cost and appends e to the log. If a rule refuses e, and e repeats a message that the log
// holds, that message is returned instead. The rate limit is the exception: there even the
// look-up would cost too much, and the refusal says when to ask again. epoch is the epoch
// of the offset.
func (c *session) publish(e chatlog.Event) (stored chatlog.Event, epoch string, refused *proto.Error) {
	srv := c.srv
	if err := checkText(e.Text, srv.cfg.limits.messageSize); err != nil {
		return e, "", err
	}
	action := ActionSend
	if e.Type == TypePrivate {
		action = ActionPrivate
	}
	e.UserID, e.Username = c.user.ID, c.user.Name
	ctx := srv.rooms.Context()
	if refused := c.allowed(action); refused != nil {
		first, epoch, err := srv.unlessRepeated(ctx, c.room, e, errRefused)
		if err == errRefused {
			return e, "", refused
		}
		return answerOf(first, epoch, err)
	}
	if wait := c.account.Take(); wait > 0 {
		return e, "", c.pause(wait)
	}
	if e.Type == TypePrivate {
		if err := srv.address(ctx, c.room, &e); err != nil {
			return answerOf(srv.unlessRepeated(ctx, c.room, e, err))
		}
	}
	return answerOf(srv.append(ctx, *c.cred.Load(), c.room, e))
}

// errRefused stands for a refusal for which the caller has a text of its own.
var errRefused = errors.New("chat: refused")

// answerOf returns the result of publishing with the error as the client gets it.
func answerOf(e chatlog.Event, epoch string, err error) (chatlog.Event, string, *proto.Error) {
	if err != nil {
		return e, "", wireErrorOf(err)
	}
	return e, epoch, nil
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
	id, e := o.ID.Text("id")
	if e == nil && len(id) > proto.MaxID {
		id, e = "", proto.BadRequest("id has at most %d bytes", proto.MaxID)
	}
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
	switch chatlog.Type(typ) {
	case TypeMessage:
		return c.onMessage(o, TypeMessage, id)
	case TypePrivate:
		return c.onMessage(o, TypePrivate, id)
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

// onMessage publishes a message. If it has an id, it is acknowledged.
func (c *session) onMessage(o *proto.Object, typ chatlog.Type, id string) *proto.Error {
	text, e := o.Message.Text("message")
	if e != nil {
		return e
	}
	event := chatlog.Event{Type: typ, Text: text, ID: id}
	if typ == TypePrivate {
		if event.To, e = o.To.Text("to"); e != nil {
			return e
		}
		if event.To == "" {
			return proto.BadRequest("a private message needs the key to")
		}
	}
	stored, epoch, e := c.publish(event)
	switch {
	case e != nil || id == "":
		return e
	case epoch != c.member.Epoch():
		// The client would take the offset for one of its own epoch, where another message
		// may have it. The connection will soon be closed with 1013.
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the log has lost events: come back and send again", Retry: time.Second}
	}
	b := acks.Get().(*[]byte)
	defer acks.Put(b)
	*b = object.AppendAck((*b)[:0], id, stored.Offset)
	c.conn.Send(*b)
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
	request, e := o.Request.Text("request")
	if e != nil {
		return e
	}
	if len(request) > proto.MaxID {
		return proto.BadRequest("request has at most %d bytes", proto.MaxID)
	}
	if request == "" {
		request = id
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
	b := object.History(&page, request)
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

// pause tells the client to wait.
func (c *session) pause(wait time.Duration) *proto.Error {
	return &proto.Error{Code: proto.CodeRateLimited, Text: "too many messages: wait a little", Retry: wait, Excused: c.pauses.Tell(wait)}
}

// checkText refuses a text that is blank or too long.
func checkText(s string, size int) *proto.Error {
	switch {
	case len(s) > size:
		return &proto.Error{Code: proto.CodeTooLong, Text: fmt.Sprintf("a message has at most %d bytes", size)}
	case names.Blank(s):
		return &proto.Error{Code: proto.CodeEmptyMessage, Text: "a message needs a text"}
	}
	return nil
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
	case errors.Is(err, ErrServerClosed):
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the server is going away: come back and send again", Retry: time.Second}
	}
	return &proto.Error{Code: proto.CodeUnavailable, Text: "the message could not be kept: send it again", Retry: time.Second}
}
