package chat

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/proto"
)

// typingPause is the least time between two typing notices of one user.
const typingPause = 2 * time.Second

// handleV1 takes one object of a chat.v1 client.
func (m *member) handleV1(text []byte) *proto.Error {
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
		e = m.object(&o, id)
	}
	if e != nil {
		e.ID = id
	}
	return e
}

func (m *member) object(o *proto.Object, id string) *proto.Error {
	if o.Type == nil {
		return proto.BadRequest("an object needs a type")
	}
	typ, e := o.Type.Chars("type")
	if e != nil {
		return e
	}
	switch string(typ) {
	case TypeMessage:
		return m.onMessage(o, TypeMessage, id)
	case TypePrivate:
		return m.onMessage(o, TypePrivate, id)
	case "typing":
		return m.onTyping()
	case "history":
		return m.onHistory(o, id)
	case "ping":
		m.in.charge(frameCost)
		b := []byte(`{"type":"pong"`)
		if id != "" {
			b = proto.AppendQuoted(append(b, `,"id":`...), id)
		}
		m.send(append(b, '}'))
		return nil
	case "auth":
		return m.onAuth(o)
	}
	return &proto.Error{Code: proto.CodeUnknownType, Text: "unknown type"}
}

// onMessage publishes, and acknowledges what has an id.
func (m *member) onMessage(o *proto.Object, typ, id string) *proto.Error {
	text, e := o.Message.Text("message")
	if e != nil {
		return e
	}
	event := Event{Type: typ, Message: text, ID: id}
	if typ == TypePrivate {
		if event.To, e = o.To.Text("to"); e != nil {
			return e
		}
		if event.To == "" {
			return proto.BadRequest("a private message needs the key to")
		}
	}
	stored, epoch, e := m.publish(&event)
	switch {
	case e != nil || id == "":
		return e
	case epoch != m.epoch:
		// The client would take the offset for one of the epoch that it is in, where
		// it may be another message's. It is about to be closed with 1013.
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the log has lost events: come back and send again", Retry: time.Second}
	}
	b := scratch.Get().(*[]byte)
	*b = proto.AppendQuoted(append((*b)[:0], `{"type":"ack","id":`...), id)
	*b = strconv.AppendUint(append(*b, `,"offset":`...), stored.Offset, 10)
	*b = append(*b, '}')
	m.send(*b)
	scrap(b)
	return nil
}

// onTyping shows the others that the user is typing, unless they were told a
// moment ago or the room has more to do.
func (m *member) onTyping() *proto.Error {
	if e := m.allowed(ActionTyping); e != nil {
		return e
	}
	m.in.charge(frameCost)
	r, now := m.room, time.Now()
	r.mu.Lock()
	early := now.Sub(m.occupant.typing) < typingPause
	if !early {
		m.occupant.typing = now
	}
	r.mu.Unlock()
	if early || r.busy() {
		return nil
	}
	r.srv.log.Signal(r.srv.ctx, r.name, Event{Type: TypeTyping, Time: now, User: m.who.ID, Username: m.who.Name})
	return nil
}

// onHistory answers with a page of messages.
func (m *member) onHistory(o *proto.Object, id string) *proto.Error {
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
	q, e := o.Query(m.room.srv.cfg.pageSize())
	if e != nil {
		return e
	}
	if e := m.allowed(ActionRead); e != nil {
		return e
	}
	room := m.awaitRoom()
	page, err := m.room.srv.page(m.room.srv.ctx, m.room.name, m.who.ID, q)
	if err != nil {
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the history could not be read: ask again", Retry: time.Second}
	}
	boundPage(&page, room-512, q.HasAfter) // the rest is the answer's other keys
	b := appendPage([]byte(`{"type":"history",`), &page, false)
	if request != "" {
		b = proto.AppendQuoted(append(b, `,"request":`...), request)
	}
	m.send(append(b, '}'))
	m.in.charge(len(b))
	return nil
}

// onAuth takes fresh credentials of the same user.
func (m *member) onAuth(o *proto.Object) *proto.Error {
	failed := &proto.Error{Code: proto.CodeAuthFailed, Text: "the credentials were not accepted"}
	srv := m.room.srv
	token, e := o.Token.Text("token")
	if e != nil {
		return e
	}
	if srv.cfg.authenticate == nil || token == "" {
		return failed
	}
	m.in.charge(frameCost + len(token))
	r, err := http.NewRequestWithContext(srv.ctx, http.MethodGet, "/ws/", nil)
	if err != nil {
		return failed
	}
	r.Header.Set("Authorization", "Bearer "+token)
	u, err := srv.authenticate(r)
	if err != nil || u.ID != m.who.ID {
		return failed
	}
	u.Name = m.who.Name
	m.cred = u
	m.expireAt(u.Expires)
	return nil
}

// expireAt warns the client a minute before its credentials run out and closes
// the connection when they do. The zero time stops that.
func (m *member) expireAt(t time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.expiry != nil {
		m.expiry.Stop()
		m.expiry = nil
	}
	if t.IsZero() || m.dead {
		return
	}
	warn := max(time.Until(t), 0) - time.Minute
	var timer *time.Timer
	timer = time.AfterFunc(max(warn, 0), func() {
		m.mu.Lock()
		if m.dead || m.expiry != timer { // fresh credentials have come meanwhile
			m.mu.Unlock()
			return
		}
		// Before the warning, because the answer to it stops this timer.
		m.expiry = time.AfterFunc(max(0, time.Until(t)), func() { m.close(4001, "credentials ran out") })
		m.mu.Unlock()
		if warn > 0 || time.Until(t) > 0 {
			m.warnExpiry()
		}
	})
	m.expiry = timer
}

func (m *member) warnExpiry() {
	if m.v1 {
		m.send(proto.ErrorObject(&proto.Error{Code: proto.CodeTokenExpiring, Text: "credentials run out within a minute: send fresh ones"}))
	}
}
