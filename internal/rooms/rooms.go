package rooms

import (
	"context"
	"fmt"

	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/stream"
)

// acquire returns the room called name, opening it if it is not in use. Each
// acquire is matched by one release.
func (s *Set) acquire(ctx context.Context, name string) (*room, error) {
	if err := s.Connect(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.life.closing.Load() {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	r := s.room(name)
	first := r == nil
	if first {
		if s.roomCount >= s.cfg.Limits.Rooms {
			s.mu.Unlock()
			return nil, fmt.Errorf("%w: rooms", limit.ErrReached)
		}
		r = &room{set: s, name: name, stream: stream.New(name, s.cfg.Limits.Lag, s.cfg.Pack), opened: make(chan struct{}), roomUsers: roomUsers{users: map[string]*localUser{}}}
		s.rooms.Store(name, r)
		s.roomCount++
	}
	r.refs++
	s.mu.Unlock()
	if first {
		// Other callers wait for this opening, so it does not end with the first caller.
		s.openRoom(context.WithoutCancel(ctx), r)
	}
	select {
	case <-r.opened:
	case <-ctx.Done():
		s.release(r)
		return nil, s.log.Unavailable(ctx.Err())
	}
	if r.err != nil {
		s.release(r)
		return nil, r.err
	}
	return r, nil
}

// openRoom opens r for all callers that wait for it. They get an error even if the log ends
// the goroutine.
func (s *Set) openRoom(ctx context.Context, r *room) {
	returned := false
	r.err = guard.ErrUnavailable
	defer func() {
		close(r.opened)
		if !returned {
			s.release(r)
		}
	}()
	r.err = r.open(ctx)
	returned = true
}

func (s *Set) release(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.refs--; r.refs == 0 {
		s.rooms.Delete(r.name)
		s.roomCount--
		s.log.Unwatch(sink{s}, r.name)
	}
}

// room returns the room called name if it is in use.
func (s *Set) room(name string) *room {
	if v, ok := s.rooms.Load(name); ok {
		return v.(*room)
	}
	return nil
}

// retain keeps the room in use without a member; release undoes it. It reports false, and
// does nothing, when the server is closing.
func (s *Set) retain(r *room) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.closing.Load() {
		return false
	}
	r.refs++
	return true
}

// askPerRoom calls ask for all rooms in use, 1,000 rooms at a time, and take with each
// room's answer.
func askPerRoom[T any](ctx context.Context, s *Set, ask func(context.Context, []string) ([]T, error), take func(*room, T)) error {
	var rooms []*room
	var names []string
	s.rooms.Range(func(k, v any) bool {
		rooms = append(rooms, v.(*room))
		names = append(names, k.(string))
		return true
	})
	for len(rooms) > 0 {
		n := min(1000, len(rooms))
		answers, err := ask(ctx, names[:n])
		if err != nil {
			return err
		}
		for i, r := range rooms[:n] {
			take(r, answers[i])
		}
		rooms, names = rooms[n:], names[n:]
	}
	return nil
}
