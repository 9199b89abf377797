package rooms

import (
	"context"
	"errors"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/pause"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// FromStart is the place before all that a log holds, for Follow.
var FromStart = chatlog.Position{Epoch: "*"} // no log has such an epoch

// Follow calls yield for the entries of a room's log from a place on, each with its place,
// except for the places of what was deleted, and goes on as the log grows, until yield returns false, ctx ends or the set closes. The
// zero Position begins with the next event. After ErrGap and ErrUnavailable it goes on; any
// other error is the last.
func (s *Set) Follow(ctx context.Context, name string, since chatlog.Position, yield func(e chatlog.Event, at chatlog.Position, err error) bool) {
	fail := func(err error) bool { return yield(chatlog.Event{}, chatlog.Position{}, err) }
	r, err := s.acquire(ctx, name)
	for errors.Is(err, guard.ErrUnavailable) && ctx.Err() == nil {
		if !fail(err) {
			return
		}
		s.pause(ctx, catchUpRetry+jitter(sweepEvery))
		r, err = s.acquire(ctx, name)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		fail(err)
		return
	}
	defer s.release(r)
	at, start := since, since == FromStart
	switch {
	case start:
		at = chatlog.Position{Epoch: r.position().Epoch}
	case at == (chatlog.Position{}):
		at = r.position()
	}
	for {
		if s.life.closing.Load() {
			fail(ErrClosed)
			return
		}
		grown := r.end()
		next, more, ok := s.follow(ctx, name, at, start, yield)
		if !ok {
			return
		}
		start = start && next.Offset == 0
		if at = next; more {
			continue
		}
		if err := r.wait(ctx, grown); err != nil {
			fail(err)
			return
		}
	}
}

// follow yields one page after at; start says that it is the first one of a log.
func (s *Set) follow(ctx context.Context, name string, at chatlog.Position, start bool, yield func(chatlog.Event, chatlog.Position, error) bool) (next chatlog.Position, more, ok bool) {
	fail := func(err error) bool { return yield(chatlog.Event{}, chatlog.Position{}, err) }
	// The page begins with the entry at the place, to compare it.
	page, err := s.log.Read(ctx, name, chatlog.Range{From: max(at.Offset, 1), Limit: proto.MaxPage + 1})
	switch {
	case err != nil && ctx.Err() != nil:
		fail(ctx.Err())
		return at, false, false
	case err != nil && s.life.closing.Load():
		fail(ErrClosed)
		return at, false, false
	case err != nil:
		if !fail(err) {
			return at, false, false
		}
		s.pause(ctx, catchUpRetry+jitter(sweepEvery))
		return at, true, true
	case !s.continues(&page, at):
		first := chatlog.Position{Epoch: page.Position.Epoch, Offset: page.First - 1}
		return first, true, start || fail(ErrGap) // what was before the start is no gap
	}
	for i := range page.Events {
		e := &page.Events[i]
		if e.Offset <= at.Offset {
			continue
		}
		at = chatlog.PlaceOf(at.Epoch, e)
		if e.Erased() {
			continue
		}
		if !yield(*e, at, nil) {
			return at, false, false
		}
	}
	return at, page.More, true
}

// pause waits for d, or until ctx ends or the set closes.
func (s *Set) pause(ctx context.Context, d time.Duration) {
	t := pause.Timer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-s.life.done:
	}
}
