package sqlitelog

import (
	"context"
	"errors"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

var errNotOpen = errors.New("sqlitelog: sink is not open")

// Open implements [chatlog.Feed].
func (l *Log) Open(ctx context.Context, sink chatlog.Sink) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	l.sinks.Open(sink)
	return nil
}

// Close implements [chatlog.Feed]. The file stays open: see [Log.CloseFile].
func (l *Log) Close(sink chatlog.Sink) error {
	l.sinks.Close(sink, func(o *fanout.Outlet) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for room, w := range l.rooms {
			if w.Remove(o) {
				delete(l.rooms, room)
			}
		}
	})
	return nil
}

// Watch implements [chatlog.Feed].
func (l *Log) Watch(ctx context.Context, sink chatlog.Sink, room string) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.sinks.Get(sink)
	if o == nil {
		return errNotOpen
	}
	w := l.rooms[room]
	if w == nil {
		w = new(fanout.Watchers)
		l.rooms[room] = w
	}
	w.Add(o)
	return nil
}

// Unwatch implements [chatlog.Feed].
func (l *Log) Unwatch(sink chatlog.Sink, room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.rooms[room]; w != nil && w.Remove(l.sinks.Get(sink)) {
		delete(l.rooms, room)
	}
}

// Signal implements [chatlog.Feed].
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	e.Offset = 0
	l.push(&push{room: room, event: e})
	return nil
}

// push tells the sinks that watch the room.
func (l *Log) push(p *push) {
	l.mu.RLock()
	var watchers fanout.Watchers
	if w := l.rooms[p.room]; w != nil {
		watchers = *w
	}
	l.mu.RUnlock()
	watchers.Push(p.room, p.epoch, &p.event)
}

// The users in the rooms are those of this process, so they are in its memory.

// Enter implements [chatlog.Presence].
func (l *Log) Enter(ctx context.Context, server, room string, m chatlog.Member) (first bool, err error) {
	if err := l.ready(ctx); err != nil {
		return false, err
	}
	return l.presence.Enter(ctx, server, room, m)
}

// Leave implements [chatlog.Presence].
func (l *Log) Leave(ctx context.Context, server, room, userID string) (last bool, err error) {
	return l.presence.Leave(ctx, server, room, userID)
}

// Members implements [chatlog.Presence].
func (l *Log) Members(ctx context.Context, room string, limit int) (chatlog.MemberList, error) {
	return l.presence.Members(ctx, room, limit)
}

// Present implements [chatlog.Presence].
func (l *Log) Present(ctx context.Context, room, userID string) (m chatlog.Member, ok bool, err error) {
	return l.presence.Present(ctx, room, userID)
}

// Rooms implements [chatlog.Presence].
func (l *Log) Rooms(ctx context.Context) (map[string]int, error) { return l.presence.Rooms(ctx) }

// Versions implements [chatlog.Presence].
func (l *Log) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	return l.presence.Versions(ctx, rooms)
}

// Beat implements [chatlog.Presence]. It also begins a step of retention, which goes on after
// Beat has returned.
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (chatlog.Pulse, error) {
	if err := l.ready(ctx); err != nil {
		return chatlog.Pulse{}, err
	}
	l.maintain()
	return l.presence.Beat(ctx, server, ttl)
}

// Pace implements [chatlog.Pacer]. Turns are in memory: a new process begins without any.
func (l *Log) Pace(ctx context.Context, room, userID, id string, every time.Duration) (wait time.Duration, err error) {
	if err := l.ready(ctx); err != nil {
		return 0, err
	}
	return l.presence.Pace(ctx, room, userID, id, every)
}
