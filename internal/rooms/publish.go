package rooms

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Publish appends e to the log of the room called name and, if it is in use here, to the
// room, in the order of the offsets. It returns the entry that the log holds, which is the
// first one if e repeats it, and the epoch of its offset.
//
// If e amends the message e.Target, moderator allows the deletion of a message of another
// user, and the errors are also guard.ErrUnsupported and those of [chatlog.Amender], which
// are no failures of the log.
func (s *Set) Publish(ctx context.Context, name string, e chatlog.Event, moderator bool) (stored chatlog.Event, epoch string, err error) {
	if s.cfg.Tracer != nil {
		return s.publishTraced(ctx, name, e, moderator)
	}
	return s.publish(ctx, name, e, moderator, nil)
}

// publish is Publish. If span is not nil, it gets the time when the append has ended.
func (s *Set) publish(ctx context.Context, name string, e chatlog.Event, moderator bool, span *appendSpan) (stored chatlog.Event, epoch string, err error) {
	if s.life.closing.Load() {
		return e, "", ErrClosed
	}
	ctx, cancel := s.log.Bound(ctx)
	defer cancel()
	r := s.room(name)
	ordered := s.cfg.Local && r != nil
	var before chatlog.Position // the room's place before the append
	if ordered {
		r.order.Lock()
	} else if r != nil {
		before = r.position()
	}
	var a chatlog.Appended
	if e.Amends() {
		a, err = s.log.Amend(ctx, name, e, moderator)
	} else {
		a, err = s.log.Append(ctx, name, e)
	}
	stored, epoch = a.Event, a.Epoch
	if span != nil {
		span.ended = time.Now()
	}
	grew := false
	if err == nil && !a.Repeated && ordered {
		if span != nil {
			r.noteTrace(epoch, stored.Offset, span.trace)
		}
		grew, _ = r.insert(epoch, stored)
	}
	if ordered {
		r.order.Unlock()
	}
	switch {
	case err != nil:
		return e, "", err
	case a.Repeated:
		if r != nil && !ordered && stored.Type == chatlog.TypeDelete {
			// Its first try was perhaps made elsewhere, and its push is lost.
			r.catchUpTo(ctx, chatlog.PlaceOf(epoch, &stored))
		}
		return stored, epoch, nil
	case epoch == before.Epoch && stored.Offset <= before.Offset:
		if epoch, err = r.contradicted(ctx, before); err != nil {
			return e, "", err
		}
	case grew:
		r.wake()
	}
	// While this waited, the room may have been opened, or dropped and opened again.
	// And another entry may have come to the offset: while Redis is failed over, there
	// are two logs for a moment.
	now := s.room(name)
	if now == r && ordered {
		now = nil
	}
	if now != nil && span != nil {
		now.noteTrace(epoch, stored.Offset, span.trace) // for a log that carries no traces
	}
	if now != nil && now.apply(epoch, stored) {
		at := chatlog.Position{Epoch: epoch, Offset: stored.Offset}
		if epoch, err = now.contradicted(ctx, at); err != nil {
			return e, "", err
		}
	}
	if !e.Amends() {
		s.counters.messages.Add(1)
	}
	return stored, epoch, nil
}

// Reaches reports whether the room called name has an entry at offset, or had. It asks the
// log if this server does not know of one: another server may.
func (s *Set) Reaches(ctx context.Context, name string, offset uint64) (bool, error) {
	if r := s.room(name); r != nil && r.position().Offset >= offset {
		return true, nil
	}
	at, err := s.log.Positions(ctx, []string{name})
	return err == nil && at[0].Offset >= offset, err
}
