// Package serve holds servers that do the same job with different libraries. The path of a
// request names its room. Each text frame from a client is sent as one JSON object to all
// members of the room, and to the sender.
package serve

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat"
)

// Options are what the cases vary. Each affects one server only.
type Options struct {
	Flush    time.Duration // of chat.WithFlushInterval; 0: the default, below 0: no pause
	Compress bool          // as chat.WithCompression
	// Presence: gws tells the others in the room of joins and leaves, as chat does. centrifuge does,
	// too, and keeps presence and history.
	Presence bool
}

// Kinds are the servers that Handler knows.
var Kinds = []string{"gorilla", "melody", "gws", "centrifuge", "nhooyr", "coder", "chat"}

// ErrKind is returned for a kind that does not exist.
var ErrKind = errors.New("serve: no such kind of server")

// Handler returns the server of that kind, for GET /ws/{room}?username=NAME. Those of chat
// and centrifuge take connections with many rooms too, on GET /ws.
func Handler(kind string, o Options) (http.Handler, error) {
	switch kind {
	case "gorilla":
		return newGorilla(), nil
	case "melody":
		return newMelody(), nil
	case "gws":
		return newGWS(o.Presence), nil
	case "centrifuge":
		return newCentrifuge(o.Presence)
	case "nhooyr":
		return newNhooyr(acceptOlder), nil
	case "coder":
		return newNhooyr(acceptNewer), nil
	case "chat":
		opts := []chat.Option{chat.WithCompression(o.Compress)}
		if o.Flush != 0 {
			opts = append(opts, chat.WithFlushInterval(max(o.Flush, 0)))
		}
		return chat.New(opts...), nil
	}
	return nil, ErrKind
}

// Valid reports whether kind is one of Kinds or the floor.
func Valid(kind string) bool { return kind == "floor" || slices.Contains(Kinds, kind) }

// object is the object that clients get. Its form and size are about those of chat.
type object struct {
	Type     string `json:"type"`
	Offset   uint64 `json:"offset"`
	Time     string `json:"time"`
	User     string `json:"user"`
	Username string `json:"username"`
	Message  string `json:"message"`
}

// timeForm is RFC 3339 with milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z"

// userID stands for the ids that chat gives. The ids of the others are as long.
const userID = "anon-0123456789abcdef"

// counter numbers the messages of a room.
type counter struct{ last atomic.Uint64 }

// encode returns the next object of a room.
func (c *counter) encode(username string, text []byte) []byte {
	b, err := json.Marshal(&object{
		Type:     "message",
		Offset:   c.last.Add(1),
		Time:     time.Now().UTC().Format(timeForm),
		User:     userID,
		Username: username,
		Message:  string(text),
	})
	if err != nil {
		panic(err) // strings and a number always encode
	}
	return b
}

// notice encodes that a user has joined or left.
func notice(event, username string) []byte {
	b, err := json.Marshal(&struct {
		Type     string `json:"type"`
		Event    string `json:"event"`
		Time     string `json:"time"`
		User     string `json:"user"`
		Username string `json:"username"`
		Message  string `json:"message"`
	}{"system", event, time.Now().UTC().Format(timeForm), userID, username, username + map[string]string{"join": " joined the room", "leave": " left the room"}[event]})
	if err != nil {
		panic(err) // strings always encode
	}
	return b
}

// names returns the room and the username of a request.
func names(r *http.Request) (room, username string) {
	return strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/ws"), "/"), r.URL.Query().Get("username")
}
