package redislog

import (
	"context"
	"errors"
	"strconv"

	"github.com/seed-08328bfd/chat/chatlog"
)

var (
	appendScript    = newRoomScript("ids", "erase", "write", "append")
	lookupScript    = newRoomScript("ids", "lookup")
	readScript      = newRoomScript("walk", "read")
	positionsScript = newScript("begin", "seen", "positions")
	renewScript     = newScript("begin", "renew")
)

var errReply = errors.New("redislog: reply of a script is not as expected")

// Append implements [chatlog.Store]. After an error, for example because ctx has ended,
// the event may still be stored: append it again with the same ID.
func (l *Log) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	text := encode(&e)
	b := bucketOf(room)
	c, trace := &call{ctx: ctx}, chatlog.TraceOf(ctx)
	full := func() ([]string, []any) {
		args := []any{l.uniqueWord(), hashID(&e), text, l.key(b, feedOfRoom, room), l.history, l.bytes, ms(l.expiry), ms(l.window), maxIDs,
			l.newestSeen(b, room), l.watchedFlag(room), ms(l.unwritten)}
		if e.Type == chatlog.TypePrivate {
			args = append(args, quoted(e.UserID), quoted(e.To))
		}
		if trace != "" {
			args = append(args, trace)
		}
		return l.roomKeys(b, room, keyIDs, keyOlder), args
	}
	if e.Type == chatlog.TypePrivate || trace != "" {
		c.script = appendScript
		c.keys, c.args = full()
	} else {
		c.public = &publicMessage{bucket: b, room: room, id: hashID(&e), event: text, full: full}
	}
	if err := l.startCall(b, c); err != nil {
		return chatlog.Appended{}, err
	}
	reply, err := c.wait()
	if err != nil {
		return chatlog.Appended{}, err
	}
	var appended chatlog.Appended
	if p, ok := reply.(place); ok {
		appended, err = p.appended(&e, text)
	} else {
		appended, err = appendedOf(replyOf(reply), e, text)
	}
	if err == nil && !appended.Repeated {
		l.noteSeen(b, room, appended.Epoch, &appended.Event)
	}
	return appended, err
}

// appendedOf returns what append.lua has replied for the event e, whose JSON is text.
func appendedOf(r *values, e chatlog.Event, text string) (chatlog.Appended, error) {
	if r.int(0) == 1 {
		return repeated(r, e)
	}
	epoch := r.text(1)
	if r.bad {
		return chatlog.Appended{}, errReply
	}
	stored, err := decode(r.text(2), r.text(3), text)
	return chatlog.Appended{Event: stored, Epoch: epoch}, err
}

// repeated returns the answer for an id that was stored already. r has the epoch, offset
// and time of the first entry, and that entry, from its second item on. e is returned in
// place of an entry that is no longer held.
func repeated(r *values, e chatlog.Event) (chatlog.Appended, error) {
	epoch, offset, time, element, message := r.text(1), r.text(2), r.text(3), r.text(4), r.text(5)
	if r.bad {
		return chatlog.Appended{}, errReply
	}
	first, err := decode(offset, time, "{}")
	if element == "" {
		e.Offset, e.Time = first.Offset, first.Time
	} else if e, err = decodeElement(element); err == nil && e.Type == chatlog.TypeEdit {
		err = fillEdit(&e, message)
	}
	if err != nil {
		return chatlog.Appended{}, err
	}
	return chatlog.Appended{Event: e, Epoch: epoch, Repeated: true}, nil
}

// Lookup implements [chatlog.Store].
func (l *Log) Lookup(ctx context.Context, room, userID, id string) (chatlog.Appended, error) {
	e := chatlog.Event{UserID: userID, ID: id}
	if id == "" {
		return chatlog.Appended{}, nil
	}
	b := bucketOf(room)
	reply, err := l.do(ctx, lookupScript, b, l.roomKeys(b, room, keyIDs, keyOlder), hashID(&e))
	if err != nil {
		return chatlog.Appended{}, err
	}
	r := replyOf(reply)
	if !r.bad && len(r.items) == 0 {
		return chatlog.Appended{}, nil
	}
	return repeated(r, e)
}

const maxPositions = 500 // rooms in one run of a script

// Positions implements [chatlog.Store].
func (l *Log) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	type part struct {
		at      []int // indexes of rooms
		keys    []string
		watched []byte
		call    *call
	}
	var parts [buckets][]*part
	l.mu.RLock()
	for i, room := range rooms {
		b := bucketOf(room)
		if n := len(parts[b]); n == 0 || len(parts[b][n-1].at) == maxPositions {
			parts[b] = append(parts[b], &part{keys: []string{l.key(b, keyAge, "")}})
		}
		p := parts[b][len(parts[b])-1]
		p.at = append(p.at, i)
		p.keys = append(p.keys, l.key(b, keyHead, room))
		if l.rooms[room] != nil {
			p.watched = append(p.watched, '1')
		} else {
			p.watched = append(p.watched, '0')
		}
	}
	l.mu.RUnlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for b := range parts {
		for _, p := range parts[b] {
			var err error
			args := []any{l.uniqueWord(), ms(l.unwritten), string(p.watched)}
			for _, i := range p.at {
				args = append(args, l.newestSeen(b, rooms[i]))
			}
			p.call, err = l.start(ctx, positionsScript, b, p.keys, args...)
			if err != nil {
				return nil, err
			}
		}
	}
	out := make([]chatlog.Position, len(rooms))
	for b := range parts {
		for _, p := range parts[b] {
			reply, err := p.call.wait()
			if err != nil {
				return nil, err
			}
			r := replyOf(reply)
			for j, i := range p.at {
				out[i] = chatlog.Position{Epoch: r.text(2 * j), Offset: r.offset(2*j + 1)}
			}
			if r.bad {
				return nil, errReply
			}
		}
	}
	return out, nil
}

// Renew implements [chatlog.Store].
func (l *Log) Renew(ctx context.Context, room, seen string) (string, error) {
	b := bucketOf(room)
	l.checkLoss(ctx, b) // other rooms of the bucket may have lost events too
	reply, err := l.do(ctx, renewScript, b, []string{l.key(b, keyAge, ""), l.key(b, keyHead, room)}, l.uniqueWord(), seen)
	if err != nil {
		return "", err
	}
	epoch, ok := reply.(string)
	if !ok {
		return "", errReply
	}
	return epoch, nil
}

// values is an array that a script has returned. A get of a missing item, or of an item
// of another type, sets bad.
type values struct {
	items []any
	bad   bool
}

func replyOf(v any) *values {
	items, ok := v.([]any)
	return &values{items, !ok}
}

func (v *values) get(i int) any {
	if i >= len(v.items) {
		return nil
	}
	return v.items[i]
}

func (v *values) int(i int) int64 {
	n, ok := v.get(i).(int64)
	v.bad = v.bad || !ok
	return n
}

// text returns "" for a missing item.
func (v *values) text(i int) string {
	x := v.get(i)
	s, ok := x.(string)
	v.bad = v.bad || !ok && x != nil
	return s
}

func (v *values) offset(i int) uint64 {
	n, err := strconv.ParseUint(v.text(i), 10, 53)
	v.bad = v.bad || err != nil
	return n
}

func (v *values) list(i int) *values { return replyOf(v.get(i)) }
