package pglog

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// typeErased is the type of the place of a deleted message, or of an entry that amended one.
// Servers never write it. Only the database's function erase does.
const typeErased = "erased"

// row is an event as the database returns it. All fields are nil if there is no event. The
// fields after id are also nil if the event has no such value.
type row struct {
	offset                               *int64
	at                                   *time.Time
	kind, user, username, to, toName, id *string
	message, data                        *string
	replyTo                              *int64
	amendment
	now
}

// amendment has the values of an entry that amends a message.
type amendment struct {
	target   *int64
	reaction *string
	removed  *bool
}

// now is the current state of a message.
type now struct {
	editedAt  *time.Time
	amended   *int64
	reactions *string
}

// columns returns the targets for the columns in eventColumns.
func (r *row) columns() []any {
	return []any{
		&r.offset, &r.at, &r.kind, &r.user, &r.username, &r.to, &r.toName, &r.id,
		&r.replyTo, &r.target, &r.reaction, &r.removed, &r.message, &r.data,
	}
}

// messageColumns returns the targets for the columns in messageColumns.
func (r *row) messageColumns() []any {
	return []any{
		&r.offset, &r.at, &r.kind, &r.user, &r.username, &r.to, &r.toName, &r.id, &r.replyTo, &r.message, &r.data,
		&r.editedAt, &r.amended, &r.reactions,
	}
}

// event returns the event as a reader gets it.
func (r *row) event() chatlog.Event {
	if *r.kind == typeErased {
		return chatlog.Event{Type: chatlog.TypePrivate, Offset: uint64(*r.offset), Time: r.at.UTC()}
	}
	e := chatlog.Event{
		Type:       chatlog.Type(*r.kind),
		Offset:     uint64(*r.offset),
		Time:       r.at.UTC(),
		UserID:     unescape(*r.user),
		Username:   unescape(*r.username),
		To:         unescape(*r.to),
		ToUsername: unescape(*r.toName),
		Text:       unescape(*r.message),
		ID:         unescape(*r.id),
		ReplyTo:    uint64(value(r.replyTo)),
		Target:     uint64(value(r.target)),
		Reaction:   unescape(value(r.reaction)),
		Remove:     value(r.removed),
		Amended:    uint64(value(r.amended)),
	}
	if r.data != nil {
		e.Data = json.RawMessage(unescape(*r.data))
	}
	if r.editedAt != nil {
		e.Edited = r.editedAt.UTC()
	}
	if r.reactions != nil {
		e.Reactions = parseReactions(*r.reactions)
	}
	return e
}

// stored returns the event as the answer to a repeated append or a lookup. A deleted event has
// only its ids.
func (r *row) stored() chatlog.Event {
	e := r.event()
	if *r.kind == typeErased {
		e.Type, e.UserID, e.ID = "", unescape(*r.user), unescape(*r.id)
	}
	return e
}

// value returns what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// U+001E and U+001F separate the texts in the reactions of a message, and in the table reaction.
// A text that contains them is stored with U+001A and a digit instead, as for U+0000.
var (
	packer   = strings.NewReplacer("\x00", "\x1a0", "\x1f", "\x1a1", "\x1e", "\x1a2", "\x1a", "\x1a\x1a")
	unpacker = strings.NewReplacer("\x1a0", "\x00", "\x1a1", "\x1f", "\x1a2", "\x1e", "\x1a\x1a", "\x1a")
)

func pack(s string) string {
	if !strings.ContainsAny(s, "\x00\x1a\x1e\x1f") {
		return s
	}
	return packer.Replace(s)
}

// parseReactions parses the reactions of a message: each reaction, its number of users, and
// users. A page may have thousands of reactions, so parseReactions looks at each byte once.
func parseReactions(s string) []chatlog.Reaction {
	escaped, reactions, separators := false, 1, 0
	for i := range len(s) {
		switch s[i] {
		case '\x1a':
			escaped = true
		case '\x1e':
			reactions++
		case '\x1f':
			separators++
		}
	}
	all := make([]chatlog.Reaction, 1, reactions)
	users := make([]string, 0, max(separators-reactions, 0)) // of all reactions, in one array
	for begin, field, i := 0, 0, 0; i <= len(s); i++ {
		if i < len(s) && s[i] > '\x1f' || i < len(s) && s[i] < '\x1e' {
			continue
		}
		text, r := s[begin:i], &all[len(all)-1]
		if escaped {
			text = unpacker.Replace(text)
		}
		switch field {
		case 0:
			r.Reaction = text
		case 1:
			r.Count, _ = strconv.Atoi(text)
			r.Users = users[len(users):]
		default:
			users = append(users, text)
			r.Users = users[len(users)-field+1 : len(users) : len(users)]
		}
		begin, field = i+1, field+1
		if i < len(s) && s[i] == '\x1e' {
			all, field = append(all, chatlog.Reaction{}), 0
		}
	}
	return all
}
