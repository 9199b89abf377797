package pglog

import (
	"context"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

// A watch is a room that sinks watch. watchers are guarded by Log.mu; the other fields never
// change.
type watch struct {
	room     string
	key      string
	watchers fanout.Watchers
}

// Open implements [chatlog.Feed]. With the first sink, the Log connects and listens. Open
// returns an error if the database cannot be reached or Migrate has not been called.
func (l *Log) Open(ctx context.Context, sink chatlog.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.feed.token <- struct{}{}:
		defer func() { <-l.feed.token }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !l.feed.open {
		if err := l.ready(ctx); err != nil {
			return err
		}
		c, err := l.listen(ctx)
		if err != nil {
			return err
		}
		l.sinks.Resumed(l)
		run, stop := context.WithCancel(context.Background())
		l.mu.Lock()
		l.runContext, l.feed.stop = run, stop
		l.feed.running.Go(func() { l.keepListening(run, c) })
		l.mu.Unlock()
		l.feed.open = true
	}
	l.sinks.Open(sink)
	return nil
}

// Close implements [chatlog.Feed]. With the last sink, the Log stops listening. Close always
// returns nil.
func (l *Log) Close(sink chatlog.Sink) error {
	l.feed.token <- struct{}{}
	defer func() { <-l.feed.token }()
	last := l.sinks.Close(sink, func(o *fanout.Outlet) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, w := range l.rooms {
			l.removeLocked(w, o)
		}
	})
	if last {
		l.feed.open = false
		l.mu.Lock()
		l.runContext = nil
		clear(l.commits.open)
		l.mu.Unlock()
		l.feed.stop()
		l.feed.running.Wait()
	}
	return nil
}

// Watch implements [chatlog.Feed]. It sends nothing to the database except a check for lost
// events, because the Log gets the notices of all rooms.
func (l *Log) Watch(ctx context.Context, sink chatlog.Sink, room string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.watch(sink, room); err != nil {
		return err
	}
	return l.compareSeen(ctx, room)
}

func (l *Log) watch(sink chatlog.Sink, room string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.sinks.Get(sink)
	if o == nil {
		return errClosed
	}
	w := l.rooms[room]
	if w == nil {
		w = &watch{room: room, key: key(room)}
		l.rooms[room], l.keys[w.key] = w, w
	}
	w.watchers.Add(o)
	return nil
}

// Unwatch implements [chatlog.Feed].
func (l *Log) Unwatch(sink chatlog.Sink, room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.rooms[room]; w != nil {
		l.removeLocked(w, l.sinks.Get(sink))
	}
}

func (l *Log) removeLocked(w *watch, o *fanout.Outlet) {
	if w.watchers.Remove(o) {
		delete(l.rooms, w.room)
		delete(l.keys, w.key)
	}
}

// push pushes e to the sinks that watch room, after its trace, if it has one.
func (l *Log) push(room, epoch string, e chatlog.Event, trace string) {
	l.mu.RLock()
	var watchers fanout.Watchers
	if w := l.rooms[room]; w != nil {
		watchers = w.watchers
	}
	l.mu.RUnlock()
	watchers.Trace(room, epoch, e.Offset, trace)
	watchers.Push(room, epoch, &e)
}

// watched returns the room with key, if any sink watches it.
func (l *Log) watched(key string) (room string, ok bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	w := l.keys[key]
	if w == nil {
		return "", false
	}
	return w.room, true
}
