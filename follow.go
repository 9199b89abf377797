package chat

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// Follow reads a room's log from a place on, and goes on as it grows, until the
// loop is left, ctx ends or the server closes: one more cursor, for a bot, an
// archive or an index. It yields private messages too. The zero Position begins
// with the next event; with one from an event's Offset and Time and the epoch of a
// Page, Follow goes on where it stopped. If the log does not reach back to that
// place, or ends before it, or holds another event there, ErrGap comes first and
// then all that the log holds.
//
// An error is yielded in place of an event. After ErrGap (events between the last
// and the next are lost) and ErrUnavailable (Follow tries again) the loop may go
// on; any other, ctx's too, is the last.
func (s *Server) Follow(ctx context.Context, room string, since Position) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		name, err := s.checkRoomName(room)
		if err != nil {
			yield(Event{}, err)
			return
		}
		r, err := s.acquire(ctx, name)
		for errors.Is(err, ErrUnavailable) && ctx.Err() == nil {
			if !yield(Event{}, err) {
				return
			}
			s.pause(ctx, healRetry+jitter(sweepEvery))
			r, err = s.acquire(ctx, name)
		}
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			yield(Event{}, err)
			return
		}
		defer s.release(r)
		at := since
		if at == (Position{}) {
			at = r.position()
		}
		for {
			if s.closing.Load() {
				yield(Event{}, ErrServerClosed)
				return
			}
			grown := r.mark()
			next, more, ok := s.follow(ctx, name, at, yield)
			if !ok {
				return
			}
			if at = next; more {
				continue
			}
			if err := r.wait(ctx, grown); err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// follow yields one page after at.
func (s *Server) follow(ctx context.Context, name string, at Position, yield func(Event, error) bool) (next Position, more, ok bool) {
	page, err := s.log.Read(ctx, name, Range{From: max(at.Offset, 1), Limit: proto.MaxPage + 1}) // with the one at the place, to compare
	switch {
	case err != nil && ctx.Err() != nil:
		yield(Event{}, ctx.Err())
		return at, false, false
	case err != nil && s.closing.Load():
		yield(Event{}, ErrServerClosed)
		return at, false, false
	case err != nil:
		if !yield(Event{}, err) {
			return at, false, false
		}
		s.pause(ctx, healRetry+jitter(sweepEvery))
		return at, true, true
	case !s.continues(&page, at):
		return Position{Epoch: page.Position.Epoch, Offset: page.First - 1}, true, yield(Event{}, ErrGap)
	}
	for i := range page.Events {
		e := &page.Events[i]
		if e.Offset <= at.Offset {
			continue
		}
		if !yield(*e, nil) {
			return at, false, false
		}
		at = chatlog.PlaceOf(at.Epoch, e)
	}
	return at, page.More, true
}

// pause waits for d, or until ctx ends or the server closes.
func (s *Server) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-s.done:
	}
}
