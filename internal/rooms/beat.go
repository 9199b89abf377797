package rooms

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	beatTTL   = 15 * time.Second // how long the log takes a server to live after each sign of life
	beatEvery = beatTTL / 3
	beatLimit = 3 * time.Second        // for one try, if the log's time is longer
	beatRetry = 100 * time.Millisecond // doubled up to a second
)

// keepBeating promises a shared log that this server lives, until ctx ends. A promise
// that fails is made again soon, not at the next turn: the log's patience holds three
// turns only.
func (s *Set) keepBeating(ctx context.Context) {
	retry := beatRetry
	for pause := beatEvery; ; {
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-s.self.early:
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

// beatSoon has the log asked soon whether it still knows this server.
func (s *Set) beatSoon() {
	select {
	case s.self.early <- struct{}{}:
	default:
	}
}

// beat keeps this server's users known to the log, and tells of those who left
// because another server is gone.
func (s *Set) beat(ctx context.Context) error {
	c, cancel := context.WithTimeout(ctx, min(beatLimit, s.cfg.Times.Log))
	pulse, err := s.log.Beat(c, s.id(), beatTTL)
	cancel()
	if len(pulse.Gone) > 0 {
		s.spawn(func(ctx context.Context) { s.tellGone(ctx, pulse.Gone) })
	}
	if err != nil {
		return err
	}
	if !pulse.Held {
		s.reenter()
	}
	return nil
}

// tellGone tells everybody of users who left with their server. This server is the
// only one that knows by now; the others find out in time if a hint is lost.
func (s *Set) tellGone(ctx context.Context, gone []chatlog.Departure) {
	var err error
	for _, d := range gone {
		s.came(d.Room, d.Member, false)
		e := notice(chatlog.KindLeave, d.Member)
		if r := s.room(d.Room); r != nil {
			r.notify(e)
		}
		if err == nil {
			err = s.hint(ctx, d.Room, e)
		}
	}
}
