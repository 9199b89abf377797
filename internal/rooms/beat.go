package rooms

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	beatTTL   = 15 * time.Second // how long a server counts as alive after each Beat
	beatEvery = beatTTL / 3
	beatLimit = 3 * time.Second        // for one attempt, if the log timeout is longer
	beatRetry = 100 * time.Millisecond // doubled up to a second
)

// keepBeating tells a shared log regularly that this server is alive, until ctx ends. After
// a failure it tries again soon, because the log waits for only three intervals.
func (s *Set) keepBeating(ctx context.Context) {
	retry := beatRetry
	for pause := beatEvery; ; {
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-s.identity.beatNow:
		case <-ctx.Done():
			t.Stop()
			return
		}
		t.Stop()
		err := s.beat(ctx)
		if err == nil {
			pause, retry = beatEvery, beatRetry
			continue
		}
		if ctx.Err() == nil && retry == beatRetry {
			s.cfg.Logger.Warn("chat: log", "err", err)
		}
		pause, retry = retry/2+jitter(retry), min(2*retry, time.Second)
	}
}

// requestBeat makes keepBeating ask the log soon whether it still knows this server.
func (s *Set) requestBeat() {
	select {
	case s.identity.beatNow <- struct{}{}:
	default:
	}
}

// beat tells the log that this server is alive, and reports users that have left because
// their server is gone.
func (s *Set) beat(ctx context.Context) error {
	c, cancel := context.WithTimeout(ctx, min(beatLimit, s.cfg.Times.Log))
	pulse, err := s.log.Beat(c, s.id(), beatTTL)
	cancel()
	if len(pulse.Gone) > 0 {
		s.spawn(func(ctx context.Context) { s.reportGone(ctx, pulse.Gone) })
	}
	if err != nil {
		return err
	}
	if !pulse.Held {
		s.reenterUsers()
	}
	return nil
}

// reportGone tells members and other servers of users that have left with their server.
// Only this server knows of them; if a hint is lost, the others find out when they compare.
func (s *Set) reportGone(ctx context.Context, gone []chatlog.Departure) {
	var err error
	for _, d := range gone {
		s.reportPresence(d.Room, d.Member, false)
		e := notice(chatlog.KindLeave, d.Member)
		if r := s.room(d.Room); r != nil {
			r.notify(e)
		}
		if err == nil {
			err = s.sendHint(ctx, d.Room, e)
		}
	}
}
