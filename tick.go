package chat

import (
	"context"
	"log/slog"
	"time"
)

const sweepEvery = time.Second // comparing positions and presence with a shared log

// tick is the server's one timer: it pings silent members, drops those who do
// not answer, and keeps in touch with a shared log. It ends with ctx.
func (s *Server) tick(ctx context.Context) {
	every := min(time.Second, min(s.cfg.pingInterval, s.cfg.pingTimeout)/4)
	every = max(every, time.Millisecond)
	t := time.NewTicker(every)
	defer t.Stop()
	var swept, beaten time.Duration
	for {
		select {
		case <-t.C:
		case <-s.nudged:
			swept = -sweepEvery
		case <-ctx.Done():
			return
		}
		now := s.clock()
		s.pingAll(now)
		if !s.local && now-swept >= sweepEvery {
			swept = now
			s.background(ctx, s.sweep)
			s.background(ctx, s.compare)
		}
		if now-beaten >= beatEvery {
			beaten = now
			if s.local {
				s.background(ctx, s.beat)
			}
			s.limits.Sweep()
		}
	}
}

// background does one thing with the log, and logs if it fails. It runs in the
// timer's goroutine for the memory log, which never blocks, and beside it for
// others, so that a log that hangs holds up no ping.
func (s *Server) background(ctx context.Context, f func(context.Context) error) {
	run := func(ctx context.Context) {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			s.logger.Later(slog.LevelWarn, "chat: log", "err", err)
		}
	}
	if s.local {
		run(ctx)
	} else {
		s.spawn(run)
	}
}

// nudge has the positions compared soon.
func (s *Server) nudge() {
	select {
	case s.nudged <- struct{}{}:
	default:
	}
}

// pingAll visits every member.
func (s *Server) pingAll(now time.Duration) {
	var members []*member
	s.rooms.Range(func(_, v any) bool {
		r := v.(*room)
		r.mu.Lock()
		members, r.shared = r.members, true
		r.mu.Unlock()
		for _, m := range members {
			m.check(now)
		}
		return true
	})
}

// pingFrame is an empty ping (RFC 6455, section 5.5.2).
var pingFrame = []byte{finBit | opPing, 0}

// check pings m if it has been silent for the ping interval, and drops it if it
// has stayed silent for the timeout since, or takes as long over one message.
// A whole frame of any kind counts as a sign of life.
func (m *member) check(now time.Duration) {
	cfg := &m.room.srv.cfg
	heard := time.Duration(m.in.heard.Load())
	if began := time.Duration(m.in.began.Load()); began != 0 && now-began >= cfg.pingTimeout {
		m.kill()
		return
	}
	switch {
	case m.pinged > heard:
		if now-m.pinged >= cfg.pingTimeout {
			m.kill()
		}
	case now-heard >= cfg.pingInterval:
		m.pinged = now
		m.mu.Lock()
		if !m.closing && !m.dead {
			m.putLocked(pingFrame, m)
		}
		m.mu.Unlock()
	}
}
