package session

import (
	"errors"

	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/rules"
)

// wishes are the rooms in which the server's program wants the user to be, or not to be.
// Joining may take long, so one goroutine carries the wishes out while there are any. Of a
// room only the latest wish counts: so a Join and a Leave that follow each other end as the
// program wants, and there is at most one wish for each room.
type wishes struct {
	mu      lock.Leaf
	in      map[string]bool
	working bool
	begun   bool   // the client has its answer, so that something can be sent
	room    string // the wish that is being carried out
	dropped bool   // it no longer counts
}

// Wish puts the user into the room, or takes the user out of it, because the server's program
// wants it. It returns before that is done. A connection with one room cannot be put into
// another; it is closed if the user is to leave the room.
func (s *Session) Wish(room string, in bool) {
	if s.many == nil {
		if !in && room == s.seat.room {
			s.conn.Close(proto.CloseNormal, "")
		}
		return
	}
	w := &s.many.wishes
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.in == nil {
		w.in = map[string]bool{}
	}
	w.in[room] = in
	w.workLocked(s)
}

// begin lets wishes be carried out from now on.
func (w *wishes) begin(s *Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun = true
	w.workLocked(s)
}

func (w *wishes) workLocked(s *Session) {
	if w.begun && !w.working && len(w.in) > 0 {
		w.working = true
		go s.fulfil() // ends when there are no more wishes
	}
}

// next returns one of the wishes; ok is false if there is none.
func (w *wishes) next() (room string, in, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for room, in = range w.in {
		delete(w.in, room)
		w.room, w.dropped = room, false
		return room, in, true
	}
	w.in, w.working, w.room = nil, false, ""
	return "", false, false
}

// drop forgets the wish for the room, because a later command of another kind says what
// becomes of the user there.
func (w *wishes) drop(room string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.in, room)
	w.dropped = w.dropped || room == w.room
}

// check returns an error if the wish that is being carried out was dropped.
func (w *wishes) check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dropped {
		return &proto.Closed{}
	}
	return nil
}

// fulfil carries out the wishes.
func (s *Session) fulfil() {
	through := false
	defer func() {
		if through {
			return
		}
		if p := recover(); p != nil { // otherwise the log has ended the goroutine
			s.rules.Caught(p, "")
		}
		s.conn.Close(proto.CloseInternal, rules.InternalText)
	}()
	for {
		room, in, ok := s.many.wishes.next()
		if through = !ok; through {
			return
		}
		if !in {
			s.many.rooms.End(room, proto.CloseNormal, "")
			continue
		}
		err := s.many.rooms.Join(s.rules.Rooms.Context(), room, rooms.Joining{Greet: greeter{s, room, ""}.greet, Check: s.many.wishes.check})
		var ended *proto.Closed
		if e := joinError(err); e != nil && !errors.Is(err, rooms.ErrJoined) && !errors.As(err, &ended) {
			e.Room = room
			s.fail(e)
		}
	}
}
