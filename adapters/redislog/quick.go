package redislog

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// The messages for everyone that wait for the same pipeline are appended by one run of a
// script: lua/quick.lua. It leaves out what few messages need. Those that do need it are then
// appended by lua/append.lua, one by one.

var quickScript = newScript("ids", "ready", "quick")

// A publicMessage is what quick.lua needs for a message.
type publicMessage struct {
	bucket          int
	room, id, event string
	full            func() (keys []string, args []any) // for append.lua
}

// A place is where quick.lua has appended a message.
type place struct {
	epoch  string
	offset uint64
	ms     string
}

// quickCommand returns the command that appends the public messages of calls.
func (l *Log) quickCommand(calls []*call) *command {
	if len(calls) == 1 {
		return l.quickRooms(calls, [][]*call{calls})
	}
	var rooms [][]*call
	index := make(map[string]int, len(calls))
	for _, c := range calls {
		i, ok := index[c.public.room]
		if !ok {
			i, rooms = len(rooms), append(rooms, nil)
			index[c.public.room] = i
		}
		rooms[i] = append(rooms[i], c)
	}
	return l.quickRooms(calls, rooms)
}

// quickRooms is quickCommand for calls that are grouped by room.
func (l *Log) quickRooms(calls []*call, rooms [][]*call) *command {
	keys := make([]string, 0, 7*len(rooms))
	args := make([]any, 0, 4+3*len(rooms)+2*len(calls))
	args = append(args, l.history, l.bytes, ms(l.window), maxIDs)
	for _, calls := range rooms {
		b, room := calls[0].public.bucket, calls[0].public.room
		keys = append(keys, l.key(b, keyAge, ""))
		for _, kind := range [...]string{keyHead, keyEntries, keyAmends, keyIndex, keyIDs, keyOlder} {
			keys = append(keys, l.key(b, kind, room))
		}
		args = append(args, l.key(b, feedOfRoom, room), l.newestSeen(b, room), len(calls))
		for _, c := range calls {
			args = append(args, c.public.id, c.public.event)
		}
	}
	return &command{script: quickScript, keys: keys, args: args, calls: calls, rooms: rooms}
}

// answerQuick sets the replies of the calls in rooms from a reply of quick.lua. It returns the
// calls that must run append.lua instead.
func answerQuick(rooms [][]*call, reply any) (full []*call) {
	r := replyOf(reply)
	for i, calls := range rooms {
		if err, ok := r.get(i).(error); ok {
			for _, c := range calls {
				c.err = err
			}
			continue
		}
		text := r.text(i)
		if text == "" && !r.bad {
			for _, c := range calls {
				c.script = appendScript
				c.keys, c.args = c.public.full()
				c.public = nil
			}
			full = append(full, calls...)
			continue
		}
		epoch, rest, _ := strings.Cut(text, " ")
		first, ms, _ := strings.Cut(rest, " ")
		offset, err := strconv.ParseUint(first, 10, 53)
		if err != nil {
			err = errReply
		}
		for j, c := range calls {
			c.reply, c.err = place{epoch, offset + uint64(j), ms}, err
		}
	}
	return full
}

// appended returns the public message e, whose JSON is text, as it is at a place.
func (p place) appended(e *chatlog.Event, text string) (chatlog.Appended, error) {
	if strings.Contains(text, `\ufffd`) { // the JSON has replaced bytes that are not UTF-8
		stored, err := decode(strconv.FormatUint(p.offset, 10), p.ms, text)
		return chatlog.Appended{Event: stored, Epoch: p.epoch}, err
	}
	ms, err := strconv.ParseInt(p.ms, 10, 64)
	if err != nil {
		return chatlog.Appended{}, errReply
	}
	return chatlog.Appended{Epoch: p.epoch, Event: chatlog.Event{
		Type: e.Type, Offset: p.offset, Kind: e.Kind, Time: time.UnixMilli(ms).UTC(), UserID: e.UserID, Username: e.Username,
		To: e.To, ToUsername: e.ToUsername, Text: e.Text, ID: e.ID, Data: bytes.Clone(e.Data), ReplyTo: e.ReplyTo,
		Target: e.Target, Reaction: e.Reaction, Remove: e.Remove,
	}}, nil
}
