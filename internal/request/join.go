package request

import (
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Join is a room that a client asks to join, by the name that the client gives it.
type Join struct {
	Room  string
	Since string // the place that the client has seen; "" if it has seen nothing
}

// Position returns the place that the client has seen; the zero Position if it has seen
// nothing.
func (j *Join) Position() (chatlog.Position, *proto.Error) {
	at, err := chatlog.ParsePosition(j.Since)
	if err != nil {
		return at, proto.BadRequest("since must have the form EPOCH:OFFSET or EPOCH:OFFSET:TIME")
	}
	return at, nil
}

// Joins returns the rooms that o, a join, names: one or more, each once. The key is either
// room, with or without since, or rooms.
func Joins(o *proto.Object) ([]Join, *proto.Error) {
	if (o.Room == nil) == (o.Rooms == nil) {
		return nil, proto.BadRequest("a join needs one of the keys room and rooms")
	}
	if o.Room != nil {
		room, e := o.Room.Text("room")
		if e != nil {
			return nil, e
		}
		since, e := o.Since.Text("since")
		return []Join{{room, since}}, e
	}
	names, places, e := o.Rooms.Texts("rooms")
	switch {
	case e != nil:
		return nil, e
	case len(names) == 0:
		return nil, proto.BadRequest("rooms names no room")
	}
	all := make([]Join, len(names))
	for i := range names {
		all[i] = Join{names[i], places[i]}
	}
	return all, nil
}
