// Package object writes the objects of chat.v1 that are no events.
package object

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Welcome is the first object that a client gets of a room.
type Welcome struct {
	Room         string
	Tagged       bool   // the room comes right after the type, as in all objects of a connection with many rooms
	ID           string // of the client's join; "" if it gave none
	Who          Who
	At           chatlog.Position
	Resumed, Gap bool
	Members      []chatlog.Member
	Count        int // of the members in the room
	Limits       Limits
	Unread       *chatlog.Unread // of the user; nil if it is not known
	Moderator    bool            // the user may delete the messages of others
}

// Who is the user that a client is connected as. Session is the session of an anonymous user,
// otherwise empty.
type Who struct{ User, Username, Session string }

func (w *Who) appendJSON(b []byte) []byte {
	b = proto.AppendQuoted(append(b, `,"user":`...), w.User)
	b = proto.AppendQuoted(append(b, `,"username":`...), w.Username)
	return proto.AppendQuoted(append(b, `,"session":`...), w.Session)
}

// Hello returns the first object on a connection with at most this number of rooms.
func Hello(who Who, l Limits, rooms int) []byte {
	b := append(make([]byte, 0, 512), `{"type":"`+proto.TypeHello+`","protocol":"`+proto.Subprotocol+`"`...)
	b = l.appendJSON(append(who.appendJSON(b), `,"limits":{`...))
	b = strconv.AppendInt(append(b, `,"rooms":`...), int64(rooms), 10)
	return append(b, "}}"...)
}

// Limits are the limits that a client is told.
type Limits struct {
	MessageBytes int
	DataBytes    int     // 0: no data
	Rate         float64 // messages per second; 0: no limit
	Burst        int     // with a Rate
}

// JSON returns the object.
func (w *Welcome) JSON() []byte {
	b := append(make([]byte, 0, 512), `{"type":"`+proto.TypeWelcome+`"`...)
	if w.Tagged {
		b = proto.AppendQuoted(append(b, `,"room":`...), w.Room)
	}
	if w.ID != "" {
		b = proto.AppendQuoted(append(b, `,"id":`...), w.ID)
	}
	b = append(b, `,"protocol":"`+proto.Subprotocol+`"`...)
	if !w.Tagged {
		b = proto.AppendQuoted(append(b, `,"room":`...), w.Room)
	}
	b = w.Who.appendJSON(b)
	b = proto.AppendQuoted(append(b, `,"position":`...), w.At.Place())
	b = strconv.AppendBool(append(b, `,"resumed":`...), w.Resumed)
	b = strconv.AppendBool(append(b, `,"gap":`...), w.Gap)
	b = AppendMembers(append(b, `,"members":`...), w.Members)
	b = strconv.AppendInt(append(b, `,"member_count":`...), int64(w.Count), 10)
	b = append(w.Limits.appendJSON(append(b, `,"limits":{`...)), '}')
	if w.Unread != nil {
		b = strconv.AppendUint(append(b, `,"read":`...), w.Unread.Read, 10)
		b = strconv.AppendInt(append(b, `,"unread":`...), int64(w.Unread.Unread), 10)
	}
	if w.Moderator {
		b = append(b, `,"moderator":true`...)
	}
	if w.At.Time != 0 {
		b = proto.AppendTime(append(b, `,"time":"`...), time.UnixMilli(w.At.Time))
		b = append(b, '"')
	}
	return append(b, '}')
}

func (l *Limits) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `"message_bytes":`...), int64(l.MessageBytes), 10)
	b = strconv.AppendInt(append(b, `,"data_bytes":`...), int64(l.DataBytes), 10)
	b = strconv.AppendFloat(append(b, `,"rate_per_second":`...), l.Rate, 'g', -1, 64)
	burst := 0
	if l.Rate > 0 {
		burst = l.Burst
	}
	return strconv.AppendInt(append(b, `,"burst":`...), int64(burst), 10)
}

// AppendMembers appends a list of members.
func AppendMembers(b []byte, members []chatlog.Member) []byte {
	b = append(b, '[')
	for i := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = proto.AppendQuoted(append(b, `{"user":`...), members[i].UserID)
		b = proto.AppendQuoted(append(b, `,"username":`...), members[i].Username)
		b = strconv.AppendInt(append(b, `,"connections":`...), int64(members[i].Connections), 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

// Rooms returns the answer about the number of users in rooms.
func Rooms(users map[string]int) []byte {
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(proto.AppendQuoted(b, name), ':'), int64(users[name]), 10)
	}
	return append(b, "}\n"...)
}

// Unread returns the answer about the unread messages of a user in rooms.
func Unread(rooms []string, unread []chatlog.Unread) []byte {
	b := []byte(`{"rooms":{`)
	for i, u := range unread {
		if i > 0 {
			b = append(b, ',')
		}
		b = proto.AppendQuoted(b, rooms[i])
		b = strconv.AppendUint(append(b, `:{"read":`...), u.Read, 10)
		b = strconv.AppendUint(append(b, `,"last":`...), u.Last, 10)
		b = strconv.AppendInt(append(b, `,"unread":`...), int64(u.Unread), 10)
		b = append(b, '}')
	}
	return append(b, "}}\n"...)
}

// AppendAck appends the acknowledgement of the client's object with this id.
func AppendAck(b []byte, id string, offset uint64) []byte {
	b = proto.AppendQuoted(append(b, `{"type":"`+proto.TypeAck+`","id":`...), id)
	return append(strconv.AppendUint(append(b, `,"offset":`...), offset, 10), '}')
}

// Pong returns the answer to a ping with this id, which may be empty.
func Pong(id string) []byte {
	b := []byte(`{"type":"` + proto.TypePong + `"`)
	if id != "" {
		b = proto.AppendQuoted(append(b, `,"id":`...), id)
	}
	return append(b, '}')
}

// Goodbye returns the object that announces a planned close.
func Goodbye(reason string, retry time.Duration) []byte {
	b := proto.AppendQuoted([]byte(`{"type":"`+proto.TypeGoodbye+`","reason":`), reason)
	b = strconv.AppendInt(append(b, `,"retry_after_ms":`...), retry.Milliseconds(), 10)
	return append(b, '}')
}

// Left returns the object that ends a member of a room. The room's name is not in it yet.
func Left(code int, reason string) []byte {
	b := strconv.AppendInt([]byte(`{"type":"left","code":`), int64(code), 10)
	return append(proto.AppendQuoted(append(b, `,"reason":`...), reason), '}')
}
