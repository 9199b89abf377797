package chat

import (
	"context"
	"fmt"
)

// acquire returns the room called name, opening it if it is not in use. Each
// acquire is matched by one release.
func (s *Server) acquire(ctx context.Context, name string) (*room, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.closing.Load() {
		s.mu.Unlock()
		return nil, ErrServerClosed
	}
	r := s.room(name)
	first := r == nil
	if first {
		if s.roomCount >= s.cfg.maxRooms {
			s.mu.Unlock()
			return nil, fmt.Errorf("%w: rooms", ErrTooMany)
		}
		r = &room{srv: s, name: name, stream: newStream(0, s.cfg.maxLag), opened: make(chan struct{}), users: map[string]*occupant{}}
		s.rooms.Store(name, r)
		s.roomCount++
	}
	r.refs++
	s.mu.Unlock()
	if first {
		// Others wait for this one, so it does not end with its caller.
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

// openRoom opens r for all who wait for it. They are told of an error even if what is
// called ends the goroutine.
func (s *Server) openRoom(ctx context.Context, r *room) {
	returned := false
	r.err = ErrUnavailable
	defer func() {
		close(r.opened)
		if !returned {
			s.release(r)
		}
	}()
	r.err = r.open(ctx)
	returned = true
}

func (s *Server) release(r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.refs--; r.refs == 0 {
		s.rooms.Delete(r.name)
		s.roomCount--
		s.log.Unwatch(sink{s}, r.name)
	}
}

// room returns the room called name if it is in use.
func (s *Server) room(name string) *room {
	if v, ok := s.rooms.Load(name); ok {
		return v.(*room)
	}
	return nil
}

// retain keeps the room in use beyond its members; release undoes it. It reports
// false when the server is closing.
func (s *Server) retain(r *room) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	r.refs++
	return true
}

// askOfRooms asks the log for something of each room in use, 1,000 rooms at a time, and
// hands each room its answer.
func askOfRooms[T any](ctx context.Context, s *Server, ask func(context.Context, []string) ([]T, error), take func(*room, T)) error {
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
