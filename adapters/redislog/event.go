package redislog

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
)

// An entry is an event as Redis stores it: JSON with the names of the protocol. Offset and time
// are stored beside it. json.lua relies on the order: text and data come last, because an edit
// replaces them.
type entry struct {
	Type       string `json:"type"`
	Event      string `json:"event,omitempty"`
	User       string `json:"user,omitempty"`
	Username   string `json:"username,omitempty"`
	To         string `json:"to,omitempty"`
	ToUsername string `json:"to_username,omitempty"`
	ID         string `json:"id,omitempty"`
	ReplyTo    uint64 `json:"reply_to,omitempty"`
	Target     uint64 `json:"target,omitempty"`
	Reaction   string `json:"reaction,omitempty"`
	Remove     bool   `json:"remove,omitempty"`
	// Amends is the type of an entry that amends a private message. Its Type is "private" for
	// servers of the previous version: they do not know Amends, and show the entry to nobody
	// else.
	Amends  string          `json:"amends,omitempty"`
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// encode returns the JSON text of e, as the JSON encoder writes an [entry]. It ends with the bytes
// of e.Data, which the JSON encoder would change.
func encode(e *chatlog.Event) string {
	kind, amends := string(e.Type), ""
	if e.Private() && e.Amends() {
		kind, amends = string(chatlog.TypePrivate), kind
	}
	b := make([]byte, 0, 128+len(e.UserID)+len(e.Username)+len(e.ID)+len(e.Text)+len(e.Data))
	b = appendQuoted(append(b, `{"type":`...), kind)
	text := func(name, value string) {
		if value != "" {
			b = appendQuoted(append(b, name...), value)
		}
	}
	number := func(name string, value uint64) {
		if value != 0 {
			b = strconv.AppendUint(append(b, name...), value, 10)
		}
	}
	text(`,"event":`, string(e.Kind))
	text(`,"user":`, e.UserID)
	text(`,"username":`, e.Username)
	text(`,"to":`, e.To)
	text(`,"to_username":`, e.ToUsername)
	text(`,"id":`, e.ID)
	number(`,"reply_to":`, e.ReplyTo)
	number(`,"target":`, e.Target)
	text(`,"reaction":`, e.Reaction)
	if e.Remove {
		b = append(b, `,"remove":true`...)
	}
	text(`,"amends":`, amends)
	text(`,"message":`, e.Text)
	if e.Data != nil {
		b = append(append(b, `,"data":`...), e.Data...)
	}
	return string(append(b, '}'))
}

// appendQuoted appends the JSON of s. Most strings need no escapes.
func appendQuoted(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return append(b, marshal(s)...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// marshal returns the JSON of s.
func marshal(s string) string {
	var b strings.Builder
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	if err := j.Encode(s); err != nil {
		panic(err) // every string has JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// quoted returns a user's id in the form that entries have in JSON, or "" for an empty id.
func quoted(user string) string {
	if user == "" {
		return ""
	}
	return marshal(user)
}

// flag returns a bool as an argument of a script.
func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
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
	if e.Amends != "" {
		e.Type = e.Amends
	}
	return chatlog.Event{
		Type: chatlog.Type(e.Type), Offset: o, Kind: chatlog.Kind(e.Event), Time: time.UnixMilli(t).UTC(), UserID: e.User, Username: e.Username,
		To: e.To, ToUsername: e.ToUsername, Text: e.Message, ID: e.ID, Data: e.Data, ReplyTo: e.ReplyTo,
		Target: e.Target, Reaction: e.Reaction, Remove: e.Remove,
	}, nil
}

// notice returns what is published for an event that is not stored. Scripts publish
// stored events in the same form: epoch, offset, time and event. If the event has a trace, it comes
// first in the event's JSON, where servers of the previous version ignore it.
func notice(e *chatlog.Event) string {
	return "- 0 " + strconv.FormatInt(e.Time.UnixMilli(), 10) + " " + encode(e)
}

// parseNotice parses what was published. The epoch of an event that is not stored is "", and so is
// the trace of one that has none.
func parseNotice(s string) (epoch string, e chatlog.Event, trace string, err error) {
	w := strings.SplitN(s, " ", 4)
	if len(w) != 4 {
		return "", e, "", fmt.Errorf("redislog: notice %.40q", s)
	}
	if e, err = decode(w[1], w[2], w[3]); e.Offset == 0 {
		w[0] = ""
	}
	if rest, ok := strings.CutPrefix(w[3], `{"trace":"`); ok {
		trace, _, _ = strings.Cut(rest, `"`)
	}
	return w[0], e, trace, err
}

// hashID returns the key of a message's user and id, 16 bytes long, or "" without an id.
func hashID(e *chatlog.Event) string {
	if e.ID == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(strconv.Itoa(len(e.UserID)) + ":" + e.UserID + e.ID))
	return string(sum[:16])
}
