package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// types are the types of objects that the Conn uses. It ignores all others, whose keys
// may have any values.
var types = map[chatlog.Type]bool{
	chat.TypeMessage: true, chat.TypePrivate: true, chat.TypeSystem: true, chat.TypeTyping: true,
	chat.TypeEdit: true, chat.TypeDelete: true, chat.TypeReaction: true, chat.TypeRead: true, chat.TypeSignal: true,
	proto.TypePresence: true, proto.TypePosition: true, proto.TypeAck: true, proto.TypeHistory: true,
	proto.TypePong: true, proto.TypeError: true, proto.TypeGoodbye: true, proto.TypeLeft: true,
}

// firstObject is what a server says first: of itself, or of a room.
type firstObject struct {
	Type chatlog.Type `json:"type"`
	ID   string       `json:"id"`   // of a join, if the server gives it back
	Time time.Time    `json:"time"` // of the room's last message
	Welcome

	plain bool // the server is of a version without data, replies and amendments
}

// readFirst reads what a server says first: a hello, or a room's welcome.
func readFirst(b []byte, hello bool) (o firstObject, err error) {
	err = json.Unmarshal(b, &o)
	switch {
	case hello:
		if err != nil || o.Type != proto.TypeHello || o.User == "" {
			return o, fmt.Errorf("%w: the first object is not a hello", ErrProtocol)
		}
		return o, nil
	case err != nil || o.Type != proto.TypeWelcome || o.Position.Epoch == "":
		return o, fmt.Errorf("%w: the first object is not a welcome", ErrProtocol)
	}
	o.Position.Time = max(0, o.Time.UnixMilli())
	var has struct {
		Limits struct {
			DataBytes json.RawMessage `json:"data_bytes"`
		} `json:"limits"`
	}
	json.Unmarshal(b, &has) // has succeeded above
	o.plain = has.Limits.DataBytes == nil
	return o, nil
}

// object is any object that a server sends, except the first ones.
type object struct {
	Room string `json:"room"`

	chat.Event // Text is also the text of an error, ID also that of the object answered

	Joined []chat.Member `json:"joined"`
	Left   []chat.Member `json:"left"`
	Count  int           `json:"count"`
	Name   chatlog.Kind  `json:"name"` // of a signal

	Code       code    `json:"code"`
	RetryAfter float64 `json:"retry_after_ms"`
	Reason     string  `json:"reason"`

	Messages []chat.Event `json:"messages"`
	First    uint64       `json:"first"`
	More     bool         `json:"more"`
	Request  string       `json:"request"`

	Position chat.Position `json:"position"`
}

// A code is the word of an error, or the number with which a room has ended.
type code string

// UnmarshalJSON implements json.Unmarshaler.
func (c *code) UnmarshalJSON(b []byte) error {
	var n int
	if json.Unmarshal(b, &n) == nil {
		*c = code(strconv.Itoa(n))
		return nil
	}
	return json.Unmarshal(b, (*string)(c))
}

// retry returns the time of retry_after_ms, at most a day.
func (o *object) retry() time.Duration {
	const day = 24 * time.Hour
	if ms := o.RetryAfter; ms > 0 {
		return time.Duration(math.Min(ms, float64(day.Milliseconds())) * float64(time.Millisecond))
	}
	return 0
}

// err returns an error object as an Error.
func (o *object) err() *Error {
	return &Error{Code: string(o.Code), Message: o.Text, RetryAfter: o.retry()}
}

// event returns what Events yields for o. Joined and Left have the members of every
// notice, whether it tells of one or of many.
func (o *object) event() Event {
	e := Event{Event: o.Event, Joined: o.Joined, Left: o.Left, Count: o.Count}
	switch o.Type {
	case chat.TypeSignal:
		e.Kind = o.Name
	case chat.TypeRead:
		e.Target, e.Offset = o.Offset, 0 // it is no entry of the log
	case chat.TypeSystem:
		one := []chat.Member{{UserID: o.UserID, Username: o.Username}}
		switch o.Event.Kind {
		case chat.KindJoin:
			e.Joined = one
		case chat.KindLeave:
			e.Left = one
		}
	}
	return e
}

// sentObject is any object that a client sends. Data is valid JSON.
type sentObject struct {
	Type chatlog.Type `json:"type"`
	Room string       `json:"room,omitempty"`
	joins
	ID       string          `json:"id,omitempty"`
	To       string          `json:"to,omitempty"`
	Message  string          `json:"message,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
	ReplyTo  uint64          `json:"reply_to,omitempty"`
	Target   uint64          `json:"target,omitempty"`
	Reaction string          `json:"reaction,omitempty"`
	Remove   bool            `json:"remove,omitempty"`
	Offset   uint64          `json:"offset,omitempty"`
	Name     string          `json:"name,omitempty"`
	asked
	Token string `json:"token,omitempty"`
}

// asked is the page of the history that an object asks for.
type asked struct {
	Before uint64  `json:"before,omitempty"`
	After  *uint64 `json:"after,omitempty"`
	Limit  int     `json:"limit,omitempty"`
}

// joins are the rooms that an object joins, and where, or of a leave whether it will.
type joins struct {
	Since string            `json:"since,omitempty"`
	Rooms map[string]string `json:"rooms,omitempty"`
	Back  bool              `json:"back,omitempty"` // of a leave: a join follows
}

func (o *sentObject) encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // which would make six bytes of one
	e.Encode(o)            // cannot fail: these are strings, numbers and valid JSON
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// pingObject is always the same, so it is encoded once.
var pingObject = (&sentObject{Type: proto.TypePing}).encode()
