package pglog

import (
	"context"
	"slices"
	"sync"

	"github.com/seed-08328bfd/chat/chatlog"
)

// An outlet is one sink. Nothing is pushed once closed is set.
type outlet struct {
	sink   chatlog.Sink
	gate   sync.RWMutex
	closed bool // guarded by gate
}

func (o *outlet) do(f func(chatlog.Sink)) {
	o.gate.RLock()
	defer o.gate.RUnlock()
	if !o.closed {
		f(o.sink)
	}
}

// A watch is a room that sinks watch.
type watch struct {
	room    string
	key     string
	outlets []*outlet // never changed, only replaced
}

// Open implements [chatlog.Feed]. The first sink has the Log connect and listen;
// that fails if Migrate has not been called.
func (l *Log) Open(ctx context.Context, sink chatlog.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.opening <- struct{}{}:
		defer func() { <-l.opening }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !l.opened {
		if err := l.ready(ctx); err != nil {
			return err
		}
		c, err := l.listen(ctx)
		if err != nil {
			return err
		}
		l.setDown(nil)
		run, stop := context.WithCancel(context.Background())
		l.mu.Lock()
		l.run, l.stop = run, stop
		l.running.Go(func() { l.follow(run, c) })
		l.mu.Unlock()
		l.opened = true
	}
	o := &outlet{sink: sink}
	l.mu.Lock()
	l.sinks[sink] = o
	down := l.down
	l.mu.Unlock()
	if down != nil {
		o.do(func(s chatlog.Sink) { s.Interrupted(down) })
	}
	return nil
}

// Close implements [chatlog.Feed]. With the last sink the Log stops listening.
func (l *Log) Close(sink chatlog.Sink) error {
	l.opening <- struct{}{}
	defer func() { <-l.opening }()
	l.mu.Lock()
	o := l.sinks[sink]
	delete(l.sinks, sink)
	for _, w := range l.rooms {
		l.removeLocked(w, o)
	}
	last := len(l.sinks) == 0
	l.mu.Unlock()
	if o == nil {
		return nil
	}
	o.gate.Lock()
	o.closed = true
	o.gate.Unlock()
	if last {
		l.opened = false
		l.mu.Lock()
		l.run = nil
		l.mu.Unlock()
		l.stop()
		l.running.Wait()
	}
	return nil
}

// Watch implements [chatlog.Feed]. The Log hears of every room anyway.
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
	o := l.sinks[sink]
	if o == nil {
		return errClosed
	}
	w := l.rooms[room]
	if w == nil {
		w = &watch{room: room, key: key(room)}
		l.rooms[room], l.keys[w.key] = w, w
	}
	if !slices.Contains(w.outlets, o) {
		w.outlets = append(slices.Clone(w.outlets), o)
	}
	return nil
}

// Unwatch implements [chatlog.Feed].
func (l *Log) Unwatch(sink chatlog.Sink, room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w, o := l.rooms[room], l.sinks[sink]; w != nil && o != nil {
		l.removeLocked(w, o)
	}
}

func (l *Log) removeLocked(w *watch, o *outlet) {
	i := slices.Index(w.outlets, o)
	if i < 0 {
		return
	}
	w.outlets = slices.Delete(slices.Clone(w.outlets), i, i+1)
	if len(w.outlets) == 0 {
		delete(l.rooms, w.room)
		delete(l.keys, w.key)
	}
}

// push pushes e to the sinks that watch room. No lock of the Log is held, because
// a sink may be in a call of Unwatch under a lock that its Push needs.
func (l *Log) push(room, epoch string, e chatlog.Event) {
	l.mu.RLock()
	var outlets []*outlet
	if w := l.rooms[room]; w != nil {
		outlets = w.outlets
	}
	l.mu.RUnlock()
	for _, o := range outlets {
		o.do(func(s chatlog.Sink) { s.Push(room, epoch, e) })
	}
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

// setDown tells every sink that the feed is interrupted by err, or, if err is
// nil, that it is not.
func (l *Log) setDown(err error) {
	l.mu.Lock()
	was := l.down
	l.down = err
	outlets := make([]*outlet, 0, len(l.sinks))
	for _, o := range l.sinks {
		outlets = append(outlets, o)
	}
	l.mu.Unlock()
	if (was == nil) == (err == nil) {
		return
	}
	for _, o := range outlets {
		o.do(func(s chatlog.Sink) {
			if err != nil {
				s.Interrupted(err)
			} else {
				s.Resumed()
			}
		})
	}
}
