package redislog

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// An entry is an event as Redis stores it: JSON with the names of the protocol. Offset
// and time are stored beside it.
type entry struct {
	Type       string `json:"type"`
	Event      string `json:"event,omitempty"`
	User       string `json:"user,omitempty"`
	Username   string `json:"username,omitempty"`
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	Message    string `json:"message,omitempty"`
	ID         string `json:"id,omitempty"`
}

func encode(e *chatlog.Event) (string, error) {
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	if err := j.Encode(entry{string(e.Type), string(e.Kind), e.UserID, e.Username, e.To, e.ToUsername, e.Text, e.ID}); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// decode returns the event with that JSON text. offset and ms, its time in Unix
// milliseconds, are decimal numbers.
func decode(offset, ms, text string) (chatlog.Event, error) {
	o, err := strconv.ParseUint(offset, 10, 53)
	if err != nil {
		return chatlog.Event{}, fmt.Errorf("redislog: offset %q in Redis", offset)
	}
	t, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return chatlog.Event{}, fmt.Errorf("redislog: time %q in Redis", ms)
	}
	var e entry
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return chatlog.Event{}, fmt.Errorf("redislog: event in Redis: %w", err)
	}
	return chatlog.Event{
		Type: chatlog.Type(e.Type), Offset: o, Kind: chatlog.Kind(e.Event), Time: time.UnixMilli(t).UTC(), UserID: e.User, Username: e.Username,
		To: e.To, ToUsername: e.ToUsername, Text: e.Message, ID: e.ID,
	}, nil
}

// notice returns what is published for an event that is not stored. Scripts publish
// stored events in the same form: epoch, offset, time and event.
func notice(e *chatlog.Event) (string, error) {
	text, err := encode(e)
	return "- 0 " + strconv.FormatInt(e.Time.UnixMilli(), 10) + " " + text, err
}

// parseNotice parses what was published. The epoch of an event that is not stored is "".
func parseNotice(s string) (epoch string, e chatlog.Event, err error) {
	w := strings.SplitN(s, " ", 4)
	if len(w) != 4 {
		return "", e, fmt.Errorf("redislog: notice %.40q", s)
	}
	if e, err = decode(w[1], w[2], w[3]); e.Offset == 0 {
		w[0] = ""
	}
	return w[0], e, err
}

// hashUser returns the key of a user in the index of private entries, 16 bytes long. For
// an empty user it returns "".
func hashUser(user string) string {
	if user == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(user))
	return string(sum[:16])
}

// hashID returns the key of a message's user and id, 16 bytes long, or "" without an id.
func hashID(e *chatlog.Event) string {
	if e.ID == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(strconv.Itoa(len(e.UserID)) + ":" + e.UserID + e.ID))
	return string(sum[:16])
}
