package rooms

import (
	"context"
	"log/slog"
	"time"
)

const sweepEvery = time.Second // comparing positions and presence with a shared log

// tick is the one timer: it pings silent members, drops those who do
// not answer, and keeps in touch with a shared log. It ends with ctx.
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
		case <-s.feed.nudged:
			swept = -sweepEvery
		case <-ctx.Done():
			return
		}
		now := s.Clock()
		s.pingAll(now)
		if !s.cfg.Local && now-swept >= sweepEvery {
			swept = now
			s.background(ctx, s.sweep)
			s.background(ctx, s.compare)
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

// background does one thing with the log, and logs if it fails. It runs in the
// timer's goroutine for the memory log, which never blocks, and beside it for
// others, so that a log that hangs holds up no ping.
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

// nudge has the positions compared soon.
func (s *Set) nudge() {
	select {
	case s.feed.nudged <- struct{}{}:
	default:
	}
}

// pingAll visits every member.
func (s *Set) pingAll(now time.Duration) {
	var members []*Member
	s.rooms.Range(func(_, v any) bool {
		r := v.(*room)
		r.mu.Lock()
		members, r.shared = r.members, true
		r.mu.Unlock()
		for _, m := range members {
			m.conn.Check(now, s.cfg.Times.PingInterval, s.cfg.Times.PingTimeout)
		}
		return true
	})
}
