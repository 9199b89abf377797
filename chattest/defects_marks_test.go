package chattest

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// markDefects are the possible defects with markers and turns.
var markDefects = []defect{
	{"marks down", "Unread", amending(func() *brokenAmender {
		return &brokenAmender{markRead: func(l chatlog.Marker, ctx context.Context, room, user string, offset uint64) (uint64, bool, error) {
			read, raised, err := l.MarkRead(ctx, room, user, offset)
			return min(read, max(offset, 1)), raised, err
		}}
	})},
	{"marks above the last offset", "MarkRead", amending(func() *brokenAmender {
		return &brokenAmender{markRead: func(l chatlog.Marker, ctx context.Context, room, user string, offset uint64) (uint64, bool, error) {
			read, raised, err := l.MarkRead(ctx, room, user, offset)
			return max(read, offset), raised, err
		}}
	})},
	{"always raises", "MarkRead", amending(func() *brokenAmender {
		return &brokenAmender{markRead: func(l chatlog.Marker, ctx context.Context, room, user string, offset uint64) (uint64, bool, error) {
			read, _, err := l.MarkRead(ctx, room, user, offset)
			return read, true, err
		}}
	})},
	{"tells two callers that they raised the marker", "MarkReadConcurrently", amending(func() *brokenAmender {
		return &brokenAmender{markRead: func(l chatlog.Marker, ctx context.Context, room, user string, offset uint64) (uint64, bool, error) {
			read, _, err := l.MarkRead(ctx, room, user, offset)
			return read, read == offset, err
		}}
	})},
	{"ignores the case of users in markers", "MarkRead", amending(func() *brokenAmender { return &brokenAmender{marker: strings.ToLower} })},
	{"keeps markers in a new epoch", "Unread", amending(func() *brokenAmender {
		b := &brokenAmender{}
		b.marker = func(user string) string { return user }
		marks := map[string]uint64{}
		b.markRead = func(l chatlog.Marker, ctx context.Context, room, user string, offset uint64) (uint64, bool, error) {
			read, raised, err := l.MarkRead(ctx, room, user, offset)
			marks[room+user] = max(marks[room+user], read)
			return read, raised, err
		}
		b.unread = func(_ chatlog.Log, user string, rooms []string, u []chatlog.Unread) {
			for i := range u {
				u[i].Read = max(u[i].Read, marks[rooms[i]+user])
			}
		}
		return b
	})},
	{"counts private messages of others", "Unread", counting(func(e chatlog.Event, user string) bool { return e.UserID != user && !e.Amends() && e.Text != "" })},
	{"counts one's own", "Unread", counting(func(e chatlog.Event, user string) bool { return e.VisibleTo(user) && !e.Amends() })},
	{"counts amendments", "Unread", counting(func(e chatlog.Event, user string) bool { return e.VisibleTo(user) && e.UserID != user })},
	{"counts on", "UnreadMany", amending(func() *brokenAmender {
		return &brokenAmender{unread: func(_ chatlog.Log, _ string, _ []string, u []chatlog.Unread) {
			for i := range u {
				if u[i].Unread == chatlog.MaxUnread {
					u[i].Unread++
				}
			}
		}}
	})},
	{"counts only the last hundred entries", "UnreadMany", amending(func() *brokenAmender {
		return &brokenAmender{unread: func(_ chatlog.Log, _ string, _ []string, u []chatlog.Unread) {
			for i := range u {
				u[i].Unread = max(0, min(u[i].Unread, u[i].Unread+100-int(u[i].Last-u[i].Read)))
			}
		}}
	})},
	{"always has a turn", "Pace", paceWith(func(chatlog.Pacer, string, string, string, time.Duration) time.Duration { return 0 })},
	{"has one turn for all users", "Pace", paceWith(func(l chatlog.Pacer, room, _, id string, every time.Duration) time.Duration {
		return turnOf(l, room, "", id, every)
	})},
	{"has one turn for all rooms", "Pace", paceWith(func(l chatlog.Pacer, _, user, id string, every time.Duration) time.Duration {
		return turnOf(l, "", user, id, every)
	})},
	{"joins room and user into one name", "Pace", paceWith(func(l chatlog.Pacer, room, user, id string, every time.Duration) time.Duration {
		return turnOf(l, room+user, "", id, every)
	})},
	{"ignores ids of turns", "Pace", paceWith(func(l chatlog.Pacer, room, user, _ string, every time.Duration) time.Duration {
		return turnOf(l, room, user, "", every)
	})},
	{"takes an empty id for an id", "Pace", paceWith(func(l chatlog.Pacer, room, user, id string, every time.Duration) time.Duration {
		return turnOf(l, room, user, id+"'", every)
	})},
	{"gives turns too early", "Pace", paceWith(func(l chatlog.Pacer, room, user, id string, every time.Duration) time.Duration {
		return turnOf(l, room, user, id, every/2)
	})},
	{"checks and takes a turn in two steps", "PaceConcurrently", func() func() chatlog.Log {
		var mu sync.Mutex
		taken := map[string]bool{}
		return paceWith(func(_ chatlog.Pacer, room, user, id string, every time.Duration) time.Duration {
			mu.Lock()
			wait := taken[room]
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if taken[room] = true; wait {
				return every
			}
			return 0
		})()
	}},
}

func turnOf(l chatlog.Pacer, room, user, id string, every time.Duration) time.Duration {
	wait, _ := l.Pace(context.Background(), room, user, id, every)
	return wait
}

// paceWith is a log with another Pace.
func paceWith(pace func(l chatlog.Pacer, room, user, id string, every time.Duration) time.Duration) func() func() chatlog.Log {
	return amending(func() *brokenAmender {
		return &brokenAmender{pace: func(l chatlog.Pacer, _ context.Context, room, user, id string, every time.Duration) (time.Duration, error) {
			return pace(l, room, user, id, every), nil
		}}
	})
}
