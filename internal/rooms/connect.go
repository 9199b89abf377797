package rooms

import (
	"context"

	"github.com/seed-08328bfd/chat/internal/guard"
)

// opening is an attempt to open the log, shared by all callers that wait for it.
type opening struct {
	done chan struct{} // closed when it has ended
	err  error         // why it has failed; read after done
}

// Connect returns once the server is connected to the log's feed. All callers that need the
// log before it is open share one attempt. Each waits no longer than one use of the log may
// take.
func (s *Set) Connect(ctx context.Context) error {
	if s.feed.opened.Load() {
		return nil
	}
	s.mu.Lock()
	if s.life.closing.Load() {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.feed.opened.Load() {
		s.mu.Unlock()
		return nil
	}
	o := s.feed.opening
	if o == nil {
		o = &opening{done: make(chan struct{})}
		s.feed.opening = o
		go s.open(o) // ends when the log has answered; closing waits for it, within its limits
	}
	s.mu.Unlock()
	ctx, cancel := s.log.Bound(ctx)
	defer cancel()
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return s.log.Unavailable(ctx.Err())
	case <-s.life.done:
		return ErrClosed
	}
}

// open makes the attempt o, and starts the server's timer if it succeeds. It does not end
// with its callers: a log that answers late is open for later callers.
func (s *Set) open(o *opening) {
	err := guard.ErrUnavailable // if openFeed does not return: a log may end the goroutine
	defer func() { s.attempted(o, err) }()
	err = s.openFeed()
}

// attempted ends the attempt o with err.
func (s *Set) attempted(o *opening, err error) {
	defer close(o.done)
	s.mu.Lock()
	s.feed.opening = nil
	late := err == nil && s.life.closing.Load()
	s.feed.opened.Store(err == nil && !late)
	s.mu.Unlock()
	switch {
	case late:
		s.log.Close(sink{s})
		o.err = ErrClosed
	case err != nil:
		o.err = s.log.Unavailable(err)
	default:
		s.spawn(s.tick)
		if !s.cfg.Local {
			s.spawn(s.keepBeating)
		}
	}
}

// openFeed opens the log and listens to the other servers.
func (s *Set) openFeed() error {
	ctx, cancel := s.log.Bound(s.life.ctx)
	defer cancel()
	if err := s.log.Open(ctx, sink{s}); err != nil {
		return err
	}
	watch, cancel := s.log.Bound(s.life.ctx)
	defer cancel()
	if err := s.log.Watch(watch, sink{s}, controlRoom); err != nil {
		s.log.Close(sink{s})
		return err
	}
	return nil
}
