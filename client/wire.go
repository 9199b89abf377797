package client

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// subprotocol is the dialect that the Conn speaks:
// https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
const subprotocol = "chat.v1"

// types are the types of objects that mean something to the Conn. Others may have
// any keys.
var types = map[chatlog.Type]bool{
	chat.TypeMessage: true, chat.TypePrivate: true, chat.TypeSystem: true, chat.TypeTyping: true, TypePresence: true,
	"position": true, "ack": true, "history": true, "pong": true, "error": true, "goodbye": true,
}

// object is any object that a server sends but the welcome.
type object struct {
	chat.Event // Message is an error's text too, ID also that of what is answered

	Joined []chat.Member `json:"joined"`
	Left   []chat.Member `json:"left"`
	Count  int           `json:"count"`

	Code       string  `json:"code"`
	RetryAfter float64 `json:"retry_after_ms"`
	Reason     string  `json:"reason"`

	Messages []chat.Event `json:"messages"`
	First    uint64       `json:"first"`
	More     bool         `json:"more"`
	Request  string       `json:"request"`

	Position chat.Position `json:"position"`
}

// retry returns what retry_after_ms says, within reason.
func (o *object) retry() time.Duration {
	const day = 24 * time.Hour
	if ms := o.RetryAfter; ms > 0 {
		return time.Duration(math.Min(ms, float64(day.Milliseconds())) * float64(time.Millisecond))
	}
	return 0
}

// err returns an error object as an Error.
func (o *object) err() *Error {
	return &Error{Code: o.Code, Message: o.Text, RetryAfter: o.retry()}
}

// event returns what Events yields for o. The members who came and went are in
// the same place for a notice of one and of many.
func (o *object) event() Event {
	e := Event{Event: o.Event, Joined: o.Joined, Left: o.Left, Count: o.Count}
	if o.Type == chat.TypeSystem {
		who := []chat.Member{{UserID: o.UserID, Username: o.Username}}
		switch o.Event.Kind {
		case "join":
			e.Joined = who
		case "leave":
			e.Left = who
		}
	}
	return e
}

// sentObject is any object that a client sends.
type sentObject struct {
	Type    string  `json:"type"`
	ID      string  `json:"id,omitempty"`
	To      string  `json:"to,omitempty"`
	Message string  `json:"message,omitempty"`
	Before  uint64  `json:"before,omitempty"`
	After   *uint64 `json:"after,omitempty"`
	Limit   int     `json:"limit,omitempty"`
	Token   string  `json:"token,omitempty"`
}

func (o *sentObject) encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it makes one byte six
	e.Encode(o)            // cannot fail: these are strings and numbers
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// What never differs, encoded once.
var (
	typingObject = (&sentObject{Type: "typing"}).encode()
	pingObject   = (&sentObject{Type: "ping"}).encode()
)
