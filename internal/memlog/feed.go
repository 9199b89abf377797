package memlog

import (
	"context"
	"errors"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

var errNotOpen = errors.New("chat: sink is not open")

// Open implements [chatlog.Feed].
func (l *Log) Open(ctx context.Context, sink chatlog.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.sinks.Open(sink)
	return nil
}

// Watch implements [chatlog.Feed].
func (l *Log) Watch(ctx context.Context, sink chatlog.Sink, room string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	o := l.sinks.Get(sink)
	if o == nil {
		return errNotOpen
	}
	r := l.makeLocked(sh, room)
	r.watchers.Add(o)
	l.usedLocked(sh, r)
	return nil
}

// Unwatch implements [chatlog.Feed].
func (l *Log) Unwatch(sink chatlog.Sink, room string) {
	sh := l.shard(room)
	sh.mu.Lock()
	if r := sh.rooms[room]; r != nil && r.watchers.Remove(l.sinks.Get(sink)) {
		l.usedLocked(sh, r)
	}
	sh.mu.Unlock()
	l.shrink()
}

// Signal implements [chatlog.Feed].
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var watchers fanout.Watchers
	sh := l.shard(room)
	sh.mu.Lock()
	if r := sh.rooms[room]; r != nil {
		watchers = r.watchers
	}
	sh.mu.Unlock()
	e.Offset = 0
	watchers.Push(room, "", &e)
	return nil
}

// Close implements [chatlog.Feed].
func (l *Log) Close(sink chatlog.Sink) error {
	l.sinks.Close(sink, l.unwatchAll)
	return nil
}

// unwatchAll removes o from the watchers of all rooms.
func (l *Log) unwatchAll(o *fanout.Outlet) {
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for _, r := range sh.rooms {
			if r.watchers.Remove(o) {
				l.usedLocked(sh, r)
			}
		}
		sh.mu.Unlock()
	}
	l.shrink()
}
