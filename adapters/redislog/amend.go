package redislog

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/seed-08328bfd/chat/chatlog"
)

var amendScript = newScript("ids", "ready", "lists", "json", "state",
	restBegin, "begin", "seen", "held", "runs", "takeover", "erase", "write", "rest", restEnd, "amend")

var errNoAmendment = errors.New("redislog: the event does not amend a message")

// leastAmends is the number of amending entries that a room always keeps.
const leastAmends = 256

// The replies of lua/amend.lua.
const (
	amendStored = iota
	amendRepeated
	amendUnchanged
	amendNoMessage
	amendTooMany
)

// Amend implements [chatlog.Amender].
func (l *Log) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	if !e.Amends() {
		return chatlog.Appended{}, errNoAmendment
	}
	head, tail, content := amendParts(&e)
	b := bucketOf(room)
	args := []any{
		l.uniqueWord(), hashID(&e), l.key(b, feedOfRoom, room), max(l.history, leastAmends), l.bytes, ms(l.expiry), ms(l.window), maxIDs,
		l.newestSeen(b, room), l.watchedFlag(room), string(e.Type), e.Target, flag(moderator), quoted(e.UserID),
		head, tail, content, e.Reaction, e.UserID, flag(e.Remove), chatlog.MaxReactions, chatlog.MaxReactionListed,
	}
	if trace := chatlog.TraceOf(ctx); trace != "" {
		args = append(args, trace)
	}
	reply, err := l.do(ctx, amendScript, b, l.roomKeys(b, room, keyIDs, keyOlder), args...)
	if err != nil {
		return chatlog.Appended{}, err
	}
	r := replyOf(reply)
	switch r.int(0) {
	case amendRepeated:
		return repeated(r, e)
	case amendNoMessage:
		return chatlog.Appended{}, chatlog.ErrNoSuchMessage
	case amendTooMany:
		return chatlog.Appended{}, chatlog.ErrTooManyReactions
	}
	epoch := r.text(1)
	if r.bad {
		return chatlog.Appended{}, errReply
	}
	if r.int(0) == amendUnchanged {
		at, err := decode(r.text(2), r.text(3), "{}")
		e.Offset, e.Time = at.Offset, at.Time
		return chatlog.Appended{Event: e, Epoch: epoch, Repeated: true}, err
	}
	stored, err := amendment(&e, r.text(2), r.text(3), r.text(4))
	if err != nil {
		return chatlog.Appended{}, err
	}
	l.noteSeen(b, room, epoch, &stored)
	return chatlog.Appended{Event: stored, Epoch: epoch}, nil
}

// amendment returns the entry that is stored for e. to is its receiver as JSON, or "".
func amendment(e *chatlog.Event, offset, ms, to string) (chatlog.Event, error) {
	at, err := decode(offset, ms, "{}")
	n := e.Amendment()
	n.Offset, n.Time = at.Offset, at.Time
	if to != "" && err == nil {
		err = json.Unmarshal([]byte(to), &n.To)
	}
	return n, err
}

// amendParts returns the parts from which lua/amend.lua makes the JSON of e. The first goes from
// after the type to the username. The second begins with the id, and has no text and data. The
// third is text and data. If the message is private, the script adds the receiver after the
// first part.
func amendParts(e *chatlog.Event) (head, tail, content string) {
	open := func(e chatlog.Event) string {
		_, rest, _ := strings.Cut(encode(&e), `{"type":""`)
		return strings.TrimSuffix(rest, "}")
	}
	head = open(chatlog.Event{UserID: e.UserID, Username: e.Username})
	last := chatlog.Event{ID: e.ID, Target: e.Target}
	switch e.Type {
	case chatlog.TypeEdit:
		content = open(chatlog.Event{Text: e.Text, Data: e.Data})
	case chatlog.TypeReaction:
		last.Reaction, last.Remove = e.Reaction, e.Remove
	}
	return head, open(last), content
}
