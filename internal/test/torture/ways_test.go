package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/seed-08328bfd/chat/internal/ws"
)

// A way is how a client is connected to the room: over a WebSocket of its own, plain or not,
// over one with many rooms, or over an event stream with posts.
type way interface {
	read(ctx context.Context) ([]byte, error)
	write(ctx context.Context, object string) error
	// back joins the room again, from which the client was taken; in is false over a way that
	// ends with the room.
	back(ctx context.Context, since string) (in bool, err error)
	close() error // in good order
	cut()
}

// The kinds of ways.
const (
	ownSocket = iota
	manySocket
	eventStream
	plainSocket
	kinds
)

// connect opens a way of c's kind, and asks for what came after the place since, if any.
func (c *tortured) connect(ctx context.Context, since string) (way, error) {
	q := url.Values{"username": {c.name}}
	if c.session != "" {
		q.Set("session", c.session)
	}
	if c.kind == eventStream {
		return listen(ctx, c, q, since)
	}
	path := "/ws/torture?"
	switch {
	case c.kind == manySocket:
		path = "/ws?"
	case since != "":
		q.Set("since", since)
	}
	opts := &ws.DialOptions{Subprotocols: []string{"chat.v1"}}
	if c.kind == plainSocket {
		opts = nil
	}
	conn, _, err := ws.Dial(ctx, c.base+path+q.Encode(), opts)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	switch c.kind {
	case plainSocket:
		return &plain{socket: socket{conn}, c: c, since: since}, nil
	case manySocket:
		m := &manyRooms{socket: socket{conn}, c: c, last: map[string]uint64{}}
		_, err := m.back(ctx, since)
		return m, err
	}
	return socket{conn}, nil
}

// socket is a WebSocket of its own.
type socket struct{ conn *ws.Conn }

func (s socket) read(ctx context.Context) ([]byte, error) {
	_, b, err := s.conn.Read(ctx)
	return b, err
}

func (s socket) write(ctx context.Context, object string) error {
	return s.conn.Write(ctx, ws.MessageText, []byte(object))
}

func (s socket) back(context.Context, string) (bool, error) { return false, nil }
func (s socket) close() error                               { return s.conn.Close(1000, "") }
func (s socket) cut()                                       { s.conn.CloseNow() }

// plain is a socket in the plain dialect. It makes up the welcome: the epoch, and who the
// client is, are nothing that it is told.
type plain struct {
	socket
	c     *tortured
	since string
	next  [][]byte // to be read first
	begun bool
}

func (p *plain) read(ctx context.Context) ([]byte, error) {
	if len(p.next) == 0 {
		b, err := p.socket.read(ctx)
		if err != nil {
			return nil, err
		}
		p.next = append(p.next, b)
		if !p.begun {
			p.begun = true
			gap := strings.Contains(string(b), `"code":"gap"`)
			w, _ := json.Marshal(map[string]any{"type": "welcome", "user": "", "session": p.c.session, "position": p.c.epoch + ":0", "resumed": p.since != "" && !gap})
			p.next = [][]byte{w, b}
		}
	}
	b := p.next[0]
	p.next = p.next[1:]
	return b, nil
}

// write sends the text of a message: that is all that a plain client can say.
func (p *plain) write(ctx context.Context, object string) error {
	var o struct{ Type, Message string }
	if json.Unmarshal([]byte(object), &o); o.Type != "message" {
		return nil
	}
	return p.socket.write(ctx, o.Message)
}

// sideRooms is how many rooms a connection with many is in, beside the one of the torture.
const sideRooms = 3

// manyRooms is a WebSocket with many rooms. It checks the order in the others itself.
type manyRooms struct {
	socket
	c    *tortured
	last map[string]uint64 // the last offset in each of the others where it is
}

func (m *manyRooms) back(ctx context.Context, since string) (bool, error) {
	rooms := map[string]string{"torture": since}
	for i := range sideRooms {
		if name := fmt.Sprint("side ", i); m.last[name] == 0 {
			rooms[name] = ""
		}
	}
	b, _ := json.Marshal(map[string]any{"type": "join", "rooms": rooms, "id": since})
	return true, m.socket.write(ctx, string(b))
}

func (m *manyRooms) write(ctx context.Context, object string) error {
	return m.socket.write(ctx, `{"room":"torture",`+object[1:])
}

func (m *manyRooms) read(ctx context.Context) ([]byte, error) {
	for {
		b, err := m.socket.read(ctx)
		var o struct {
			Type, Room string
			Offset     uint64
		}
		if err != nil || json.Unmarshal(b, &o) != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		side := strings.HasPrefix(o.Room, "side ")
		switch {
		case o.Type == "hello" || side && o.Type != "message" && o.Type != "welcome" && o.Type != "left":
		case !side:
			return b, nil
		case o.Type == "left":
			delete(m.last, o.Room)
		case o.Type == "welcome":
			m.last[o.Room] = 1 // what comes next is the first
		case m.last[o.Room] == 0 || m.last[o.Room] > 1 && o.Offset != m.last[o.Room]+1:
			m.c.bad = append(m.c.bad, fmt.Sprintf("%s: in %s: %d after %d", m.c.name, o.Room, o.Offset, m.last[o.Room]))
			m.last[o.Room] = o.Offset
		default:
			m.last[o.Room] = o.Offset
		}
	}
}
