package redislog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

// A watch is a room that sinks watch. watchers, keptAliveAt and isReady are guarded by
// Log.mu. The other fields never change.
type watch struct {
	room        string
	bucket      int
	channel     string
	watchers    fanout.Watchers
	keptAliveAt time.Time     // when Redis was told last that the room is watched
	ready       chan struct{} // closed when Redis has confirmed the subscription once
	isReady     bool          // ready is closed
}

var (
	signalScript = newScript("signal")
	watchScript  = newRoomScript("watch")
)

var (
	errNotOpen = errors.New("redislog: sink is not open")
	errVersion = errors.New("redislog: Redis 7 or newer is needed")
)

// Open implements [chatlog.Feed]. It returns an error if Redis cannot be reached or is
// older than version 7.
func (l *Log) Open(ctx context.Context, sink chatlog.Sink) error {
	reply, err := l.do(ctx, versionScript, 0, []string{l.key(0, keyAge, "")})
	if err != nil {
		return err
	}
	if v, ok := reply.(int64); !ok || v < 0x070000 {
		return errVersion
	}
	l.sinks.Open(sink)
	return nil
}

// versionScript returns the version of Redis, 0xMMmmpp.
var versionScript = newScript("version")

// Close implements [chatlog.Feed]. The Log ends its subscriptions with the last sink. It
// always returns nil.
func (l *Log) Close(sink chatlog.Sink) error {
	l.sinks.Close(sink, func(o *fanout.Outlet) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, w := range l.rooms {
			l.removeLocked(w, o)
		}
	})
	return nil
}

// Watch implements [chatlog.Feed]. It returns after Redis has confirmed the subscription,
// or with an error if sink is not open, Redis cannot be reached or ctx ends.
func (l *Log) Watch(ctx context.Context, sink chatlog.Sink, room string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	o := l.sinks.Get(sink)
	if o == nil {
		l.mu.Unlock()
		return errNotOpen
	}
	w := l.rooms[room]
	if w == nil {
		b := bucketOf(room)
		w = &watch{room: room, bucket: b, channel: l.key(b, feedOfRoom, room), ready: make(chan struct{})}
		l.rooms[room] = w
	}
	first := w.watchers.Add(o)
	f := l.subscriberLocked(w.bucket)
	if first {
		f.addLocked(w)
	}
	l.mu.Unlock()
	err := l.keepAlive(ctx, w, first)
	if err == nil {
		select {
		case <-w.ready:
			return nil
		case <-ctx.Done():
			err = fmt.Errorf("%w (subscribing: %v)", ctx.Err(), f.lastError())
		}
	}
	l.mu.Lock()
	l.removeLocked(w, o)
	l.mu.Unlock()
	return err
}

// keepAlive tells Redis to keep the room of w. first is true if this Log has not watched
// the room before.
func (l *Log) keepAlive(ctx context.Context, w *watch, first bool) error {
	now, known := time.Now(), "1"
	if first {
		known = "0"
	}
	b := w.bucket
	reply, err := l.do(ctx, watchScript, b, l.roomKeys(b, w.room, keyMarkers), l.uniqueWord(), ms(l.expiry), known, ms(l.unwritten), l.newestSeen(b, w.room))
	if err != nil {
		return err
	}
	age, ok := reply.(string)
	if !ok {
		return errReply
	}
	l.lastSeen[b].noteAge(age)
	l.mu.Lock()
	w.keptAliveAt = now
	l.mu.Unlock()
	return nil
}

// keepAllAlive calls keepAlive for watched rooms for which that is due.
func (l *Log) keepAllAlive(ctx context.Context) {
	const most = 1000
	now := time.Now()
	var due []*watch
	l.mu.RLock()
	for _, w := range l.rooms {
		if len(due) < most && now.Sub(w.keptAliveAt) > l.expiry/4 {
			due = append(due, w)
		}
	}
	l.mu.RUnlock()
	var wg sync.WaitGroup
	for part := range slices.Chunk(due, 1+most/16) {
		wg.Go(func() {
			for _, w := range part {
				if l.keepAlive(ctx, w, false) != nil {
					return // the next Beat tries again
				}
			}
		})
	}
	wg.Wait()
}

// Unwatch implements [chatlog.Feed].
func (l *Log) Unwatch(sink chatlog.Sink, room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.rooms[room]; w != nil {
		l.removeLocked(w, l.sinks.Get(sink))
	}
}

// removeLocked removes o from the watchers of w. With the last watcher it removes w.
func (l *Log) removeLocked(w *watch, o *fanout.Outlet) {
	if w.watchers.Remove(o) {
		delete(l.rooms, w.room)
		l.subscriberLocked(w.bucket).removeLocked(w)
	}
}

// Signal implements [chatlog.Feed]: it publishes e, which Redis does not store.
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) error {
	e.Offset = 0
	b := bucketOf(room)
	_, err := l.do(ctx, signalScript, b, []string{l.key(b, keyAge, "")}, l.key(b, feedOfRoom, room), notice(&e))
	return err
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
