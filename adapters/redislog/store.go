package redislog

import (
	"context"
	"errors"
	"strconv"

	"github.com/seed-08328bfd/chat/chatlog"
)

var (
	appendScript    = newScript("append", "private")
	lookupScript    = newScript("lookup")
	readScript      = newScript("read", "private")
	positionsScript = newScript("positions")
	renewScript     = newScript("renew")
)

var errReply = errors.New("redislog: reply of a script is not as expected")

// Append implements [chatlog.Store]. After an error, for example because ctx has ended,
// the event may still be stored: append it again with the same ID.
func (l *Log) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	text, err := encode(&e)
	if err != nil {
		return chatlog.Appended{}, err
	}
	b := bucketOf(room)
	args := []any{l.uniqueWord(), hashID(&e), text, l.key(b, feedOfRoom, room), l.history, l.bytes, ms(l.expiry), ms(l.window), maxIDs,
		l.newestSeen(b, room), l.watchedFlag(room), ms(l.unwritten)}
	if e.Type == chatlog.TypePrivate {
		args = append(args, hashUser(e.UserID), hashUser(e.To))
	}
	reply, err := l.do(ctx, appendScript, b, []string{
		l.key(b, keyAge, ""), l.key(b, keyHead, room), l.key(b, keyLog, room), l.key(b, keyIDs, room), l.key(b, keyOlder, room),
		l.key(b, keyIndex, room), l.key(b, keyUsers, room),
	}, args...)
	if err != nil {
		return chatlog.Appended{}, err
	}
	r := replyOf(reply)
	repeated, epoch, offset, time := r.int(0) == 1, r.text(1), r.text(2), r.text(3)
	if first := r.text(4); repeated && first != "" {
		text = first // otherwise it is no longer kept
	}
	if r.bad {
		return chatlog.Appended{}, errReply
	}
	stored, err := decode(offset, time, text)
	if err != nil {
		return chatlog.Appended{}, err
	}
	if !repeated {
		l.noteSeen(b, room, epoch, &stored)
	}
	return chatlog.Appended{Event: stored, Epoch: epoch, Repeated: repeated}, nil
}

// Lookup implements [chatlog.Store].
func (l *Log) Lookup(ctx context.Context, room, userID, id string) (chatlog.Appended, error) {
	e := chatlog.Event{UserID: userID, ID: id}
	if id == "" {
		return chatlog.Appended{}, nil
	}
	b := bucketOf(room)
	reply, err := l.do(ctx, lookupScript, b, []string{
		l.key(b, keyHead, room), l.key(b, keyLog, room), l.key(b, keyIDs, room), l.key(b, keyOlder, room),
	}, hashID(&e))
	if err != nil {
		return chatlog.Appended{}, err
	}
	r := replyOf(reply)
	if !r.bad && len(r.items) == 0 {
		return chatlog.Appended{}, nil
	}
	epoch, offset, time, text := r.text(0), r.text(1), r.text(2), r.text(3)
	if r.bad {
		return chatlog.Appended{}, errReply
	}
	if text != "" {
		e, err = decode(offset, time, text)
	} else { // no longer held
		var kept chatlog.Event
		kept, err = decode(offset, time, "{}")
		e.Offset, e.Time = kept.Offset, kept.Time
	}
	if err != nil {
		return chatlog.Appended{}, err
	}
	return chatlog.Appended{Event: e, Epoch: epoch, Repeated: true}, nil
}

// streamEntry parses an entry of a stream: its id and its fields.
func streamEntry(item any) (chatlog.Event, error) {
	r := replyOf(item)
	id, fields := r.text(0), r.list(1)
	ms, text := fields.text(1), fields.text(3)
	if r.bad || fields.bad || len(id) < 3 {
		return chatlog.Event{}, errReply
	}
	return decode(id[:len(id)-2], ms, text) // the id is OFFSET-0
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
