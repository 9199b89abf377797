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

// A watch is a room that sinks watch. Its fields are guarded by Log.mu, but for what
// the feeder owns.
type watch struct {
	room     string
	bucket   int
	channel  string
	watchers fanout.Watchers
	touched  time.Time // when Redis was told last that the room is watched
	ready    chan struct{}
	isReady  bool // ready is closed: the subscription was confirmed once
}

var (
	signalScript = newScript("signal")
	watchScript  = newScript("watch")
)

var (
	errNotOpen = errors.New("redislog: sink is not open")
	errVersion = errors.New("redislog: Redis 7 or newer is needed")
)

// Open implements [chatlog.Feed]. It fails if Redis cannot be reached or is too old.
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

// Close implements [chatlog.Feed]. With the last sink the Log ends its subscriptions.
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

// Watch implements [chatlog.Feed]. It returns once Redis has confirmed the subscription.
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
	f := l.feederLocked(w.bucket)
	if first {
		f.addLocked(w)
	}
	l.mu.Unlock()
	err := l.touch(ctx, w, first)
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

// touch has Redis keep the room of w. first says that this Log had no part in it.
func (l *Log) touch(ctx context.Context, w *watch, first bool) error {
	now, known := time.Now(), "1"
	if first {
		known = "0"
	}
	b := w.bucket
	reply, err := l.do(ctx, watchScript, b, []string{
		l.key(b, keyAge, ""), l.key(b, keyHead, w.room), l.key(b, keyLog, w.room), l.key(b, keyUsers, w.room), l.key(b, keyIndex, w.room),
	}, l.newWord(), ms(l.expiry), known, ms(l.unwritten), l.seen(b, w.room))
	if err != nil {
		return err
	}
	age, ok := reply.(string)
	if !ok {
		return errReply
	}
	l.evidence[b].begin(age)
	l.mu.Lock()
	w.touched = now
	l.mu.Unlock()
	return nil
}

// touchAll has Redis keep the rooms that were not spoken of for long.
func (l *Log) touchAll(ctx context.Context) {
	const most = 1000
	now := time.Now()
	var due []*watch
	l.mu.RLock()
	for _, w := range l.rooms {
		if len(due) < most && now.Sub(w.touched) > l.expiry/4 {
			due = append(due, w)
		}
	}
	l.mu.RUnlock()
	var wg sync.WaitGroup
	for part := range slices.Chunk(due, 1+most/16) {
		wg.Go(func() {
			for _, w := range part {
				if l.touch(ctx, w, false) != nil {
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

// removeLocked takes o from the watchers of w, and the room from the watched ones if
// it was the last.
func (l *Log) removeLocked(w *watch, o *fanout.Outlet) {
	if w.watchers.Remove(o) {
		delete(l.rooms, w.room)
		l.feederLocked(w.bucket).dropLocked(w)
	}
}

// Signal implements [chatlog.Feed].
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) error {
	e.Offset = 0
	text, err := notice(&e)
	if err != nil {
		return err
	}
	b := bucketOf(room)
	_, err = l.do(ctx, signalScript, b, []string{l.key(b, keyAge, "")}, l.key(b, feedOfRoom, room), text)
	return err
}

// push pushes e to the sinks that watch room.
func (l *Log) push(room, epoch string, e chatlog.Event) {
	l.mu.RLock()
	var watchers fanout.Watchers
	if w := l.rooms[room]; w != nil {
		watchers = w.watchers
	}
	l.mu.RUnlock()
	watchers.Push(room, epoch, &e)
}
