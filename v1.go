package chat

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"
)

// typingPause is the least time between two typing notices of one user.
const typingPause = 2 * time.Second

// handleV1 takes one object of a chat.v1 client.
func (m *member) handleV1(text []byte) *wireError {
	if !utf8.Valid(text) {
		return &wireError{code: codeBadUTF8, fatal: true}
	}
	o, e := parseObject(text)
	if e != nil {
		return e
	}
	id, e := o.id.text("id")
	if e == nil && len(id) > maxID {
		id, e = "", badRequest("id has at most %d bytes", maxID)
	}
	if e == nil {
		e = m.object(&o, id)
	}
	if e != nil {
		e.id = id
	}
	return e
}

func (m *member) object(o *object, id string) *wireError {
	if o.typ == nil {
		return badRequest("an object needs a type")
	}
	typ, e := o.typ.chars("type")
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
			b = appendQuoted(append(b, `,"id":`...), id)
		}
		m.send(append(b, '}'))
		return nil
	case "auth":
		return m.onAuth(o)
	}
	return &wireError{code: codeUnknownType, text: "unknown type"}
}

// onMessage publishes, and acknowledges what has an id.
func (m *member) onMessage(o *object, typ, id string) *wireError {
	text, e := o.message.text("message")
	if e != nil {
		return e
	}
	event := Event{Type: typ, Message: text, ID: id}
	if typ == TypePrivate {
		if event.To, e = o.to.text("to"); e != nil {
			return e
		}
		if event.To == "" {
			return badRequest("a private message needs the key to")
		}
	}
	stored, epoch, e := m.publish(&event)
	switch {
	case e != nil || id == "":
		return e
	case epoch != m.epoch:
		// The client would take the offset for one of the epoch that it is in, where
		// it may be another message's. It is about to be closed with 1013.
		return &wireError{code: codeUnavailable, text: "the log has lost events: come back and send again", retry: time.Second}
	}
	b := scratch.Get().(*[]byte)
	*b = appendQuoted(append((*b)[:0], `{"type":"ack","id":`...), id)
	*b = strconv.AppendUint(append(*b, `,"offset":`...), stored.Offset, 10)
	*b = append(*b, '}')
	m.send(*b)
	scrap(b)
	return nil
}

// onTyping shows the others that the user is typing, unless they were told a
// moment ago or the room has more to do.
func (m *member) onTyping() *wireError {
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
	r.srv.log.Signal(r.srv.soon(), r.name, Event{Type: TypeTyping, Time: now, User: m.who.ID, Username: m.who.Name})
	return nil
}

// onHistory answers with a page of messages.
func (m *member) onHistory(o *object, id string) *wireError {
	request, e := o.request.text("request")
	if e != nil {
		return e
	}
	if len(request) > maxID {
		return badRequest("request has at most %d bytes", maxID)
	}
	if request == "" {
		request = id
	}
	q, e := o.query(m.room.srv.cfg.pageSize())
	if e != nil {
		return e
	}
	if e := m.allowed(ActionRead); e != nil {
		return e
	}
	room := m.awaitRoom()
	page, err := m.room.srv.page(m.room.srv.soon(), m.room.name, m.who.ID, q)
	if err != nil {
		return &wireError{code: codeUnavailable, text: "the history could not be read: ask again", retry: time.Second}
	}
	page.bound(room-512, q.hasAfter) // the rest is the answer's other keys
	b := appendPage([]byte(`{"type":"history",`), &page, false)
	if request != "" {
		b = appendQuoted(append(b, `,"request":`...), request)
	}
	m.send(append(b, '}'))
	m.in.charge(len(b))
	return nil
}

// query returns the part of the history that o asks for.
func (o *object) query(limit int) (q query, e *wireError) {
	if q.before, q.hasBefore, e = o.before.number("before"); e != nil {
		return q, e
	}
	if q.after, q.hasAfter, e = o.after.number("after"); e != nil {
		return q, e
	}
	if q.hasBefore && q.hasAfter {
		return q, badRequest("before and after exclude each other")
	}
	if q.limit = limit; o.limit != nil {
		var err error
		if q.limit, err = parseLimit(string(o.limit)); err != nil {
			return q, badRequest("%s", err)
		}
	}
	return q, nil
}

// onAuth takes fresh credentials of the same user.
func (m *member) onAuth(o *object) *wireError {
	failed := &wireError{code: codeAuthFailed, text: "the credentials were not accepted"}
	srv := m.room.srv
	token, e := o.token.text("token")
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
		m.send(errorObject(&wireError{code: "token_expiring", text: "credentials run out within a minute: send fresh ones"}))
	}
}
