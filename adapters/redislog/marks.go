package redislog

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

var (
	markScript   = newRoomScript("mark")
	unreadScript = newRoomScript("walk", "unread")
	paceScript   = newScript("pace")
)

// MarkRead implements [chatlog.Marker].
func (l *Log) MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, raised bool, err error) {
	b := bucketOf(room)
	reply, err := l.do(ctx, markScript, b, l.roomKeys(b, room, keyMarkers),
		l.uniqueWord(), l.newestSeen(b, room), l.watchedFlag(room), userID, strconv.FormatUint(offset, 10), ms(l.expiry))
	if err != nil {
		return 0, false, err
	}
	r := replyOf(reply)
	if read, raised = r.offset(0), r.int(1) == 1; r.bad {
		return 0, false, errReply
	}
	return read, raised, nil
}

// Unread implements [chatlog.Marker]. It runs one script per room, so no script blocks Redis for
// long. All runs are in one pipeline.
func (l *Log) Unread(ctx context.Context, userID string, rooms []string) ([]chatlog.Unread, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	counts := make([]*unreadCount, len(rooms))
	for i, room := range rooms {
		counts[i] = &unreadCount{log: l, room: room, user: userID}
		if err := counts[i].start(ctx, ""); err != nil {
			return nil, err
		}
	}
	unread := make([]chatlog.Unread, len(rooms))
	for i, c := range counts {
		if err := c.wait(ctx); err != nil {
			return nil, err
		}
		unread[i] = c.Unread
	}
	return unread, nil
}

// An unreadCount counts the unread messages of one room, in one or more runs of the script.
type unreadCount struct {
	chatlog.Unread
	log        *Log
	room, user string
	epoch      string
	call       *call
}

func (c *unreadCount) start(ctx context.Context, from string) (err error) {
	l, b := c.log, bucketOf(c.room)
	c.call, err = l.start(ctx, unreadScript, b, l.roomKeys(b, c.room, keyMarkers),
		l.uniqueWord(), l.newestSeen(b, c.room), l.watchedFlag(c.room), ms(l.unwritten), c.user, quoted(c.user),
		chatlog.MaxUnread-c.Unread.Unread, maxScan, from)
	return err
}

func (c *unreadCount) wait(ctx context.Context) error {
	for {
		reply, err := c.call.wait()
		if err != nil {
			return err
		}
		r := replyOf(reply)
		epoch, read, last, n, from := r.text(0), r.offset(1), r.offset(2), int(r.int(3)), r.text(4)
		switch {
		case r.bad:
			return errReply
		case c.epoch != "" && epoch != c.epoch: // the room has a new epoch: count again from its start
			c.epoch, c.Unread, from = "", chatlog.Unread{}, "1"
			if read > 0 {
				from = strconv.FormatUint(read+1, 10)
			}
		default:
			c.epoch, c.Read, c.Last = epoch, read, last
			c.Unread.Unread += n
			if from == "" || c.Unread.Unread >= chatlog.MaxUnread {
				return nil
			}
		}
		if err := c.start(ctx, from); err != nil {
			return err
		}
	}
}

// Pace implements [chatlog.Pacer]. A turn is a key that lives until the user may send again.
func (l *Log) Pace(ctx context.Context, room, userID, id string, every time.Duration) (wait time.Duration, err error) {
	every = min(every, math.MaxInt64/4)
	reply, err := l.do(ctx, paceScript, bucketOf(room), []string{l.paceKey(room, userID)}, id, strconv.FormatInt((every+time.Microsecond-1).Microseconds(), 10))
	if err != nil {
		return 0, err
	}
	left, ok := reply.(int64)
	if !ok {
		return 0, errReply
	}
	return time.Duration(left) * time.Microsecond, nil
}

// paceKey returns the key of a user's last turn in a room. It has the length of the room's
// name, because a name and an id may have any characters.
func (l *Log) paceKey(room, userID string) string {
	return l.key(bucketOf(room), keyPace, strconv.Itoa(len(room))+":"+room+userID)
}
