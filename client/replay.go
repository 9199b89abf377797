package client

import (
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// replay is what the server repeats of earlier events in a visit. Guarded by Conn.mu.
type replay struct {
	end   chat.Position // the welcome's position: events up to it are not live
	had   uint64        // events up to this offset were received before
	gap   bool          // messages that were received before may come as they are now
	last  uint64        // the greatest offset that has come in this visit
	known *known        // entries of another epoch that may be repeated
}

// flow says whether the connection is read. Guarded by Conn.mu.
type flow struct {
	stalled bool          // the reader waits for room in a queue
	pinged  time.Duration // when the last ping was sent, as time after link.began
}

// event puts an event into the queue if it is new, or a message as it is now, after a gap.
func (l *link) event(r *Room, o *object) error {
	c, e := l.c, o.event()
	l.outcome.progress = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.visit.state != inside {
		return nil // it wants to leave, and what comes later is not for it
	}
	v := &r.visit
	v.progress = true
	var m mark
	shown := !r.cfg.buffer.noEvents
	again := e.Offset != 0 && e.Offset <= v.replay.had
	switch {
	case again && !v.replay.updates(&e.Event):
		return nil
	case again:
		e.Type = TypeUpdate
	case e.Offset != 0:
		r.deliveredLocked(&e.Event)
		m = r.place.recent.mark(&e.Event)
		if e.Offset > v.replay.end.Offset || !v.replay.known.has(&e.Event, m) {
			break
		}
		if shown = shown && isMessage(&e.Event); shown {
			e.Type = TypeUpdate
		}
	case e.Type != chat.TypeRead && e.Type != chat.TypeSignal:
		r.reachedLocked(v.replay.end) // the server sends such events after the replay
	}
	v.replay.last = max(v.replay.last, e.Offset)
	if shown {
		l.waitForRoomLocked(r)
	}
	if v.skipping || l.ctx.Err() != nil || r.err != nil {
		return l.ctx.Err()
	}
	if e.Offset != 0 && !again {
		r.place.at = chat.Position{Epoch: v.replay.end.Epoch, Offset: e.Offset, Time: max(0, e.Time.UnixMilli())}
		v.replay.had = e.Offset
		r.place.recent.add(m)
	}
	if shown {
		e.Position, e.Live = r.place.at, e.Offset == 0 || e.Offset > v.replay.end.Offset
		r.queue.push(e)
		r.changed.all()
	}
	return nil
}

// updates reports whether e, which came before, tells what has become of a message in a
// gap. Everything else that comes twice is of no use.
func (r *replay) updates(e *chat.Event) bool {
	return r.gap && r.last < e.Offset && e.Offset <= r.end.Offset && isMessage(e)
}

func isMessage(e *chat.Event) bool { return e.Type == chat.TypeMessage || e.Type == chat.TypePrivate }

// deliveredLocked treats the user's own message like its ack, which may have been lost
// with an earlier connection.
func (r *Room) deliveredLocked(e *chat.Event) {
	out := &r.c.out
	if k := out.of(r, e.ID); k != nil && e.UserID == r.welcome.User && !k.at.IsZero() {
		out.accept(k, proto.TypeAck, &object{Event: *e})
		r.c.nudge()
	}
}

// waitForRoomLocked makes sure that r has room for an event, or skips it.
//
// With one room to a connection it waits. Meanwhile nothing is read, and after some time the
// server closes the connection because the client is too slow. But while a call waits for its
// answer, reading continues and events are discarded until there is room.
//
// With many rooms it never waits, because the others would, too. The user leaves this room,
// and comes back when there is room again or something to send: in that case the events are
// discarded for as long as a call waits. Either way the events are fetched again later, from
// the Room's place.
func (l *link) waitForRoomLocked(r *Room) {
	c := l.c
	if c.rooms.one == r {
		for c.err == nil && l.ctx.Err() == nil && (r.visit.skipping || r.queue.full()) && len(c.out.byKey) == 0 {
			l.flow.stalled = true
			c.waitLocked(l.ctx, &r.changed)
		}
		l.flow.stalled = false
	}
	if r.queue.full() {
		r.visit.skipping = true
	}
	if r.visit.skipping && c.rooms.one != r && r.back.calls == 0 {
		r.back.paused = !r.queue.drained()
		r.resyncLocked()
	}
}

// reached processes a position object: the server has sent everything up to p.
func (r *Room) reached(p chat.Position) {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if end := r.visit.replay.end; r.visit.state == inside && p.Epoch == end.Epoch {
		if p.Offset == end.Offset {
			p = end // which has the time
		}
		r.reachedLocked(p)
	}
}

// reachedLocked moves the Room's place to p: everything up to there has come. Only
// objects that the server sends in the order of the room prove that. Answers do not,
// however late they come: the server sends them before the rest of the replay.
func (r *Room) reachedLocked(p chat.Position) {
	v := &r.visit
	if v.skipping || p.Offset <= v.replay.had && r.place.at.Epoch == p.Epoch && r.place.at.Offset <= v.replay.had {
		return
	}
	v.replay.had = max(v.replay.had, p.Offset)
	r.place.at = p
	if v.replay.had >= v.replay.end.Offset {
		v.replay.known = nil
	}
}

// enterLocked begins a visit with the welcome w. It compares that with the Room's place, and
// returns a gap to tell of if messages may be missing. plain says that the server is of a
// version without data, replies and amendments.
func (r *Room) enterLocked(w Welcome, plain bool) (told *Gap) {
	r.visit = visit{state: inside, began: time.Now(), skipping: r.queue.full()}
	v := &r.visit
	v.replay.end = w.Position
	var gap *Gap
	switch {
	case r.place.at != (chat.Position{}):
		if !w.Resumed || w.Position.Epoch != r.place.at.Epoch {
			gap = &Gap{w.Room, r.place.at, w.Position}
		}
		// A log that ends before the place uses the offsets up to it again.
		if w.Position.Epoch == r.place.at.Epoch && r.place.at.Offset <= w.Position.Offset {
			v.replay.had = r.place.at.Offset
		} else {
			v.replay.known = r.place.recent.all()
		}
	case r.place.joined == (chat.Position{}):
		r.place.joined = w.Position
	case (r.place.joined.Epoch != w.Position.Epoch || r.place.joined.Offset != w.Position.Offset) && !v.skipping:
		// The first visit has ended before its first event, so it is not known which
		// messages it would have brought.
		gap = &Gap{w.Room, r.place.joined, w.Position}
		r.place.joined = w.Position
	}
	v.replay.gap = gap != nil
	r.welcome, r.known = w, true
	r.notices.opened(&w, plain)
	if w.Position.Offset == 0 {
		r.reachedLocked(w.Position) // the log is empty, so there is no replay
	}
	if !v.skipping && !r.cfg.buffer.noEvents {
		if gap != nil {
			r.queue.push(Event{Event: chat.Event{Type: TypeGap}, Position: r.place.at, Gap: gap})
		}
		r.queue.push(Event{Event: chat.Event{Type: TypeWelcome}, Position: r.place.at, Live: true, Welcome: &w})
	}
	r.changed.all()
	if v.skipping {
		return nil
	}
	return gap
}

// tell tells the program of a welcome's gap. The caller does not hold Conn.mu.
func (r *Room) tell(gap *Gap) {
	w := r.Welcome()
	r.cfg.logger.Debug("client: in the room", "user", w.User)
	if gap != nil && r.cfg.callbacks.gap != nil {
		r.cfg.callbacks.gap(*gap)
	}
}
