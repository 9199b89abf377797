package rooms

import (
	"context"
	"log/slog"
	"time"
)

const sweepEvery = time.Second // comparing positions and presence with a shared log

// tick is the set's only timer: it has silent connections pinged, and compares with a shared
// log. It ends with ctx.
func (s *Set) tick(ctx context.Context) {
	every := time.Second
	for _, d := range []time.Duration{s.cfg.Times.PingInterval, s.cfg.Times.PingTimeout} {
		if d > 0 {
			every = min(every, d/4)
		}
	}
	every = max(every, time.Millisecond)
	t := time.NewTicker(every)
	defer t.Stop()
	var swept, beaten time.Duration
	for {
		select {
		case <-t.C:
		case <-s.feed.sweepNow:
			swept = -sweepEvery
		case <-ctx.Done():
			return
		}
		now := s.cfg.Clock()
		s.cfg.Ping(now)
		if !s.cfg.Local && now-swept >= sweepEvery {
			swept = now
			s.background(ctx, s.sweep)
			s.background(ctx, s.comparePresence)
		}
		if now-beaten >= beatEvery {
			beaten = now
			if s.cfg.Local {
				s.background(ctx, s.beat)
			}
			s.cfg.Sweep()
		}
	}
}

// background calls f, which uses the log, and logs its error. With the memory log, which
// never blocks, it runs in the timer's goroutine; with others in a separate one, so that a
// log that hangs does not delay pings.
func (s *Set) background(ctx context.Context, f func(context.Context) error) {
	run := func(ctx context.Context) {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Logger.Later(slog.LevelWarn, "chat: log", "err", err)
		}
	}
	if s.cfg.Local {
		run(ctx)
	} else {
		s.spawn(run)
	}
}

// requestSweep makes tick compare positions soon.
func (s *Set) requestSweep() {
	select {
	case s.feed.sweepNow <- struct{}{}:
	default:
	}
}
