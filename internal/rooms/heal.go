package rooms

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/stream"
)

// The core does once what every log would otherwise repeat: it takes what is
// pushed as a hint, notices what is missing, reads it, and keeps the order.

const (
	healDelay = 10 * time.Millisecond // for an entry that is probably on its way
	healPage  = 200
	healRetry = 25 * time.Millisecond // doubled up to a second
)

// sink is a Server as the log's feed sees it.
type sink struct{ *Set }

func (s sink) Push(name, epoch string, e chatlog.Event) {
	if name == controlRoom {
		s.cfg.Control(e)
		return
	}
	r := s.room(name)
	switch {
	case r == nil:
	case e.Offset == 0:
		r.notify(e)
	case !s.cfg.Local: // what this server alone appends, it has applied
		r.apply(epoch, e)
	}
}

// healLocked has what the log holds beyond the room's last entry read after d,
// unless that is under way.
func (r *room) healLocked(d time.Duration) {
	if r.healing {
		return
	}
	r.healing = true
	last := r.last.Offset
	r.set.spawn(func(ctx context.Context) {
		r.heal(ctx, d, last)
	})
}

// heal reads until the room is where the log is. If the entry that was waited
// for has come meanwhile, there is nothing to do.
func (r *room) heal(ctx context.Context, d time.Duration, last uint64) {
	retry := healRetry
	for sleep(ctx, d) {
		r.mu.Lock()
		if d == healDelay && r.last.Offset > last && len(r.stash) == 0 {
			r.healing = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		done, err := r.healOnce(ctx)
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
	r.healing = false
	r.mu.Unlock()
}

// healOnce reads one page. It starts at the last entry that was delivered and
// compares that: a log that has lost only its end gives the same offsets to other
// events, within the same epoch.
func (r *room) healOnce(ctx context.Context) (done bool, err error) {
	ctx, cancel := r.set.log.Bound(ctx)
	defer cancel()
	r.mu.Lock()
	last, epoch := r.last, r.epoch
	r.mu.Unlock()
	page, err := r.set.log.Read(ctx, r.name, chatlog.Range{From: max(last.Offset, 1), Limit: healPage})
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
		// While Redis is failed over, two logs answer for a moment. A reading that the
		// next one does not confirm says nothing of a loss.
		if newest.Position.Epoch != page.Position.Epoch {
			return false, nil
		}
		if !r.reset(newest, epoch, last.Offset) {
			return false, nil // somebody else has done so meanwhile
		}
	}
	r.mu.Lock()
	for i := range page.Events {
		if e := &page.Events[i]; page.Position.Epoch == r.epoch && e.Offset == r.last.Offset+1 {
			r.appendLocked(e)
		}
	}
	r.unstashLocked()
	r.missed = false
	if done = r.last.Offset >= page.Position.Offset; done {
		r.healing = false
	}
	r.mu.Unlock()
	r.wake()
	return done, nil
}

// contradicts reports whether page, read from last on, shows that the log does
// not hold last any more although it should.
func contradicts(page *chatlog.Page, last *chatlog.Event) bool {
	if page.Position.Offset < last.Offset {
		return true
	}
	return last.Type != "" && len(page.Events) > 0 && page.Events[0].Offset == last.Offset && !sameEvent(&page.Events[0], last)
}

// reset starts the stream anew after the log has lost what members had or were
// to have. Every member is now behind the stream's first item, so the next round
// closes them with 1013: they come back, resume, and are told of the gap. It does
// nothing if the room is no longer at the place for which this was found out: of two
// that find out, the second would close those who have come since.
func (r *room) reset(page chatlog.Page, epoch string, last uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch || r.last.Offset != last {
		return false
	}
	r.set.counters.Resets.Add(1)
	r.set.cfg.Logger.Later(slog.LevelWarn, "chat: log lost events", "room", r.name, "offset", r.last.Offset)
	if page.Position.Epoch != r.epoch {
		r.set.retired.add(r.name, r.epoch)
	}
	base := r.stream.Next() + 1
	r.stream = stream.New(base, r.set.cfg.Limits.Lag)
	r.stream.Reset = base
	r.stash = nil
	r.loadLocked(page)
	r.next.Store(r.stream.Next())
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
	s.nudge()
}

func (s sink) Resumed() {
	if s.feed.interrupted.Swap(false) {
		s.cfg.Logger.Later(slog.LevelInfo, "chat: feed resumed")
	}
	s.nudge()
}

// sweep compares the rooms' positions with the log's, because a feed can fall
// silent without an error.
func (s *Set) sweep(ctx context.Context) error {
	return askOfRooms(ctx, s, s.log.Positions, func(r *room, at chatlog.Position) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ready && (at.Epoch != r.epoch || at.Offset != r.last.Offset) {
			r.healLocked(healDelay)
		}
	})
}

// sleep waits for d, and reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
