package chat

import (
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// handleV1 takes one object of a chat.v1 client.
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
	switch string(typ) {
	case TypeMessage:
		return c.onMessage(o, TypeMessage, id)
	case TypePrivate:
		return c.onMessage(o, TypePrivate, id)
	case "typing":
		return c.onTyping()
	case "history":
		return c.onHistory(o, id)
	case "ping":
		c.conn.Charge(wsconn.FrameCost)
		b := []byte(`{"type":"pong"`)
		if id != "" {
			b = proto.AppendQuoted(append(b, `,"id":`...), id)
		}
		c.conn.Send(append(b, '}'))
		return nil
	case "auth":
		return c.onAuth(o)
	}
	return &proto.Error{Code: proto.CodeUnknownType, Text: "unknown type"}
}

// acks has buffers for acknowledgements, which are small.
var acks = sync.Pool{New: func() any { return new([]byte) }}

// epoch returns the one of every offset that the client is told.
func (c *session) epoch() string {
	_, epoch := c.member.Room()
	return epoch
}

// onMessage publishes, and acknowledges what has an id.
func (c *session) onMessage(o *proto.Object, typ, id string) *proto.Error {
	text, e := o.Message.Text("message")
	if e != nil {
		return e
	}
	event := Event{Type: typ, Text: text, ID: id}
	if typ == TypePrivate {
		if event.To, e = o.To.Text("to"); e != nil {
			return e
		}
		if event.To == "" {
			return proto.BadRequest("a private message needs the key to")
		}
	}
	stored, epoch, e := c.publish(&event)
	switch {
	case e != nil || id == "":
		return e
	case epoch != c.epoch():
		// The client would take the offset for one of the epoch that it is in, where
		// it may be another message's. It is about to be closed with 1013.
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the log has lost events: come back and send again", Retry: time.Second}
	}
	b := acks.Get().(*[]byte)
	defer acks.Put(b)
	*b = proto.AppendQuoted(append((*b)[:0], `{"type":"ack","id":`...), id)
	*b = append(strconv.AppendUint(append(*b, `,"offset":`...), stored.Offset, 10), '}')
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
	boundPage(&page, room-512, q.HasAfter) // the rest is the answer's other keys
	b := appendPage([]byte(`{"type":"history",`), &page, false)
	if request != "" {
		b = proto.AppendQuoted(append(b, `,"request":`...), request)
	}
	c.conn.Send(append(b, '}'))
	c.conn.Charge(len(b))
	return nil
}

// onAuth takes fresh credentials of the same user.
func (c *session) onAuth(o *proto.Object) *proto.Error {
	failed := &proto.Error{Code: proto.CodeAuthFailed, Text: "the credentials were not accepted"}
	srv := c.srv
	token, e := o.Token.Text("token")
	if e != nil {
		return e
	}
	if srv.cfg.authenticate == nil || token == "" {
		return failed
	}
	c.conn.Charge(wsconn.FrameCost + len(token))
	r, err := http.NewRequestWithContext(srv.rooms.Context(), http.MethodGet, "/ws/", nil)
	if err != nil {
		return failed
	}
	r.Header.Set("Authorization", "Bearer "+token)
	u, err := srv.authenticate(r)
	if err != nil || u.ID != c.user.ID {
		return failed
	}
	u.Name = c.user.Name
	c.cred = u
	c.expireAt(u.Expires, false)
	return nil
}
