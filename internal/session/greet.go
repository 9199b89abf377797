package session

import (
	"github.com/seed-08328bfd/chat/internal/object"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

// greet greets the client in its one room; see [rooms.Joining].
func (s *Session) greet(g *rooms.Greeting) []byte {
	switch {
	case s.V1:
		w := s.welcome(s.seat.room, "", g)
		if g.At.Offset == 0 { // nothing comes before what is live: the client has seen everything
			return s.conn.AppendEntry(nil, w, g.At.Epoch, 0)
		}
		return s.conn.AppendText(nil, w)
	case g.Gap:
		return wsconn.AppendText(nil, proto.SystemObject(&proto.Error{Code: proto.CodeGap, Text: "some messages may be missing here"}))
	}
	return nil
}

// welcome returns the first object that a chat.v1 client gets of a room. id is that of its
// join.
func (s *Session) welcome(room, id string, g *rooms.Greeting) []byte {
	w := object.Welcome{
		Room: room, Tagged: s.many != nil, ID: id, Who: s.who(),
		At: g.At, Resumed: g.Resumed, Gap: g.Gap, Members: g.Members, Count: g.Count,
		Limits: s.told(), Unread: g.Unread, Moderator: s.rules.Moderates(s.rules.Rooms.Context(), s.User, room),
	}
	return w.JSON()
}

// who returns as which user the client is connected.
func (s *Session) who() object.Who {
	return object.Who{User: s.User.ID, Username: s.User.Name, Session: s.secret}
}

// told returns what the client is told that it may send.
func (s *Session) told() object.Limits {
	l := s.core.Told
	if !s.rules.Rooms.Log().Amends() {
		l.DataBytes = 0
	}
	return l
}

// A greeter greets a session in one of its rooms. id is that of the client's join.
type greeter struct {
	s    *Session
	room string
	id   string
}

// greet greets the client; see [rooms.Joining].
func (g greeter) greet(w *rooms.Greeting) []byte {
	return wsconn.AppendText(nil, g.s.welcome(g.room, g.id, w))
}

// hello returns the first object on the connection.
func (c *many) hello() []byte {
	return object.Hello(c.s.who(), c.s.told(), c.s.core.Rooms)
}
