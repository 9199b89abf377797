package memlog

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/seed-08328bfd/chat/chatlog"
)

// sinkState is a server connected to a memory log.
type sinkState struct {
	chatlog.Sink
	// calls is the number of calls into the Sink under way, plus sinkClosed.
	calls atomic.Int64
	ended chan struct{} // gets a value when a closed sink's last call returns
}

const sinkClosed = 1 << 32

// push calls Push unless the sink is closed. A lock would not do instead: a Push
// may come back here, through what it makes the server do.
func (s *sinkState) push(room, epoch string, e *chatlog.Event) {
	defer s.pushed()
	if s.calls.Add(1) < sinkClosed {
		s.Push(room, epoch, *e)
	}
}

func (s *sinkState) pushed() {
	if s.calls.Add(-1) == sinkClosed {
		select {
		case s.ended <- struct{}{}:
		default:
		}
	}
}

var errNotOpen = errors.New("chat: sink is not open")

// Open implements [Feed].
func (l *Log) Open(ctx context.Context, sink chatlog.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sinks[sink] == nil {
		l.sinks[sink] = &sinkState{Sink: sink, ended: make(chan struct{}, 1)}
	}
	return nil
}

// Watch implements [Feed].
func (l *Log) Watch(ctx context.Context, sink chatlog.Sink, room string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l.mu.RLock()
	s := l.sinks[sink]
	l.mu.RUnlock()
	if s == nil {
		return errNotOpen
	}
	r := l.makeLocked(sh, room)
	if !slices.Contains(r.watchers, s) {
		r.watchers = append(r.watchers, s)
	}
	l.usedLocked(sh, r)
	return nil
}

// Unwatch implements [Feed].
func (l *Log) Unwatch(sink chatlog.Sink, room string) {
	l.mu.RLock()
	s := l.sinks[sink]
	l.mu.RUnlock()
	sh := l.shard(room)
	sh.mu.Lock()
	if r := sh.rooms[room]; r != nil {
		l.unwatchLocked(sh, r, s)
	}
	sh.mu.Unlock()
	l.shrink()
}

func (l *Log) unwatchLocked(sh *roomShard, r *roomState, s *sinkState) {
	i := slices.Index(r.watchers, s)
	if i < 0 {
		return
	}
	r.watchers = slices.Concat(r.watchers[:i], r.watchers[i+1:])
	l.usedLocked(sh, r)
}

// Signal implements [Feed].
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var watchers []*sinkState
	sh := l.shard(room)
	sh.mu.Lock()
	if r := sh.rooms[room]; r != nil {
		watchers = r.watchers
	}
	sh.mu.Unlock()
	e.Offset = 0
	for _, w := range watchers {
		w.push(room, "", &e)
	}
	return nil
}

// Close implements [Feed].
func (l *Log) Close(sink chatlog.Sink) error {
	l.mu.Lock()
	s := l.sinks[sink]
	delete(l.sinks, sink)
	l.mu.Unlock()
	if s == nil {
		return nil
	}
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for _, r := range sh.rooms {
			l.unwatchLocked(sh, r, s)
		}
		sh.mu.Unlock()
	}
	l.shrink()
	if s.calls.Add(sinkClosed) > sinkClosed {
		<-s.ended
	}
	return nil
}
