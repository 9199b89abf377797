package rooms

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/pause"
)

// This package does once what every log would otherwise have to do: it treats a pushed
// entry as a hint, notices missing entries, reads them from the log, and keeps the order.

const (
	catchUpDelay = 10 * time.Millisecond // wait for an entry that will probably be pushed
	catchUpPage  = 200
	catchUpRetry = 25 * time.Millisecond // doubled up to a second
)

// sink is the Set as a sink of the log's feed.
type sink struct{ *Set }

func (s sink) Push(name, epoch string, e chatlog.Event) {
	if name == controlRoom {
		if e.Username != s.identity.sender {
			s.cfg.Control(e)
		}
		return
	}
	r := s.room(name)
	switch {
	case r == nil:
	case e.Offset == 0:
		r.notify(e)
	case !s.cfg.Local: // entries of a log that only this server uses are applied by Publish
		r.apply(epoch, e)
	}
}

// startCatchUpLocked starts a goroutine that reads, after d, the entries beyond the room's
// last one from the log; unless such a goroutine already runs.
func (r *room) startCatchUpLocked(d time.Duration) {
	if r.catchingUp {
		return
	}
	r.catchingUp = true
	last := r.last.Offset
	r.set.spawn(func(ctx context.Context) {
		r.catchUpFromLog(ctx, d, last)
	})
}

// catchUpFromLog reads until the room has everything that the log holds. If the missing
// entry was pushed in the meantime, there is nothing to read.
func (r *room) catchUpFromLog(ctx context.Context, d time.Duration, last uint64) {
	retry := catchUpRetry
	for pause.For(ctx, d) {
		r.mu.Lock()
		if d == catchUpDelay && r.last.Offset > last && len(r.outOfOrder) == 0 {
			r.catchingUp = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		done, err := r.catchUpOnce(ctx)
		switch {
		case err != nil:
			d = retry + jitter(retry)
			retry = min(2*retry, time.Second)
		case done:
			return
		default:
			d = 0
		}
	}
	r.mu.Lock()
	r.catchingUp = false
	r.mu.Unlock()
}

// catchUpOnce reads one page. The page begins with the last delivered entry, and
// catchUpOnce compares that: a log that has lost only its end gives the same offsets to
// other events in the same epoch.
func (r *room) catchUpOnce(ctx context.Context) (done bool, err error) {
	ctx, cancel := r.set.log.Bound(ctx)
	defer cancel()
	r.mu.Lock()
	last, epoch := r.last, r.epoch
	r.mu.Unlock()
	page, err := r.set.log.Read(ctx, r.name, chatlog.Range{From: max(last.Offset, 1), Limit: catchUpPage})
	if err != nil {
		return false, err
	}
	if page.Position.Epoch == epoch && contradicts(&page, &last) {
		if page.Position.Epoch, err = r.set.renew(ctx, r.name, epoch); err != nil {
			return false, err
		}
	}
	if page.Position.Epoch != epoch || page.First > last.Offset+1 {
		newest, err := r.newest(ctx)
		if err != nil {
			return false, err
		}
		// While Redis is failed over, two logs answer for a moment. If a second read does
		// not confirm the first, this is not a loss.
		if newest.Position.Epoch != page.Position.Epoch {
			return false, nil
		}
		if !r.reset(newest, epoch, last.Offset) {
			return false, nil // another goroutine has already done so
		}
	}
	r.mu.Lock()
	for i := range page.Events {
		if e := &page.Events[i]; page.Position.Epoch == r.epoch && e.Offset == r.last.Offset+1 {
			r.appendLocked(e)
		}
	}
	r.appendInOrderLocked()
	r.missedPush = false
	if done = r.last.Offset >= page.Position.Offset; done {
		r.catchingUp = false
	}
	r.mu.Unlock()
	r.wake()
	return done, nil
}

// contradicts reports whether page, read from last on, shows that the log has lost last.
func contradicts(page *chatlog.Page, last *chatlog.Event) bool {
	if page.Position.Offset < last.Offset {
		return true
	}
	return last.Type != "" && len(page.Events) > 0 && page.Events[0].Offset == last.Offset && !sameEvent(&page.Events[0], last)
}

// reset begins a new stream after the log has lost entries. Every member is then behind the
// stream's first item, so the next round closes it with 1013: the client comes back,
// resumes, and is told of the gap. reset does nothing if the room is no longer at the place
// where the loss was found: two goroutines may find it, and the second must not close
// members that have come after the first.
func (r *room) reset(page chatlog.Page, epoch string, last uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch || r.last.Offset != last {
		return false
	}
	r.set.counters.resets.Add(1)
	r.set.cfg.Logger.Later(slog.LevelWarn, "chat: log lost events", "room", r.name, "offset", r.last.Offset)
	if page.Position.Epoch != r.epoch {
		r.set.retired.add(r.name, r.epoch)
	}
	r.outOfOrder = nil
	r.loadLocked(page, true)
	r.streamEnd.Store(r.stream.Next())
	if r.grown != nil {
		close(r.grown)
		r.grown = nil
	}
	return true
}

func (s sink) Interrupted(err error) {
	if !s.feed.interrupted.Swap(true) {
		s.cfg.Logger.Later(slog.LevelWarn, "chat: feed interrupted", "err", err)
	}
	s.requestSweep()
}

func (s sink) Resumed() {
	if s.feed.interrupted.Swap(false) {
		s.cfg.Logger.Later(slog.LevelInfo, "chat: feed resumed")
	}
	s.requestSweep()
}

// sweep compares the rooms' positions with the log's, because a feed can stop without an
// error.
func (s *Set) sweep(ctx context.Context) error {
	return askPerRoom(ctx, s, s.log.Positions, func(r *room, at chatlog.Position) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ready && (at.Epoch != r.epoch || at.Offset != r.last.Offset) {
			r.startCatchUpLocked(catchUpDelay)
		}
	})
}
