package client

import (
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// replay is what the connection repeats of earlier events. Guarded by Conn.mu.
type replay struct {
	end   chat.Position // the welcome's position: events up to it are not live
	had   uint64        // events up to this offset were received before
	gap   bool          // messages that were received before may come as they are now
	last  uint64        // the greatest offset that has come on this connection
	known *known        // entries of another epoch that may be repeated
}

// flow says whether the connection is read, and what became of its events. Guarded by
// Conn.mu.
type flow struct {
	stalled  bool          // the reader waits for room in the queue
	skipping bool          // events are discarded, and Conn.place does not change
	pinged   time.Duration // when the last ping was sent, as time after link.began
}

// event puts an event into the queue if it is new, or a message as it is now, after a gap.
func (l *link) event(o *object) error {
	c, e := l.c, o.event()
	l.outcome.progress = true
	c.mu.Lock()
	defer c.mu.Unlock()
	var m mark
	shown := !c.cfg.buffer.noEvents
	again := e.Offset != 0 && e.Offset <= l.replay.had
	switch {
	case again && !l.replay.updates(&e.Event):
		return nil
	case again:
		e.Type = TypeUpdate
	case e.Offset != 0:
		c.deliveredLocked(&e.Event)
		m = c.place.recent.mark(&e.Event)
		if e.Offset > l.replay.end.Offset || !l.replay.known.has(&e.Event, m) {
			break
		}
		if shown = shown && isMessage(&e.Event); shown {
			e.Type = TypeUpdate
		}
	case e.Type != chat.TypeRead && e.Type != chat.TypeSignal:
		l.reachedLocked(l.replay.end) // the server sends such events after the replay
	}
	l.replay.last = max(l.replay.last, e.Offset)
	if shown {
		l.waitForRoomLocked()
	}
	if l.flow.skipping || l.ctx.Err() != nil || c.err != nil {
		return l.ctx.Err()
	}
	if e.Offset != 0 && !again {
		c.place.at = chat.Position{Epoch: l.replay.end.Epoch, Offset: e.Offset, Time: max(0, e.Time.UnixMilli())}
		l.replay.had = e.Offset
		c.place.recent.add(m)
	}
	if shown {
		e.Position, e.Live = c.place.at, e.Offset == 0 || e.Offset > l.replay.end.Offset
		c.queue.push(e)
		c.changedLocked()
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
func (c *Conn) deliveredLocked(e *chat.Event) {
	if k := c.out.byID[e.ID]; k != nil && e.UserID == c.self.welcome.User && !k.at.IsZero() {
		c.out.accept(e.ID, proto.TypeAck, &object{Event: *e})
		c.nudge()
	}
}

// waitForRoomLocked waits until the queue has room. Meanwhile nothing is read, and after
// some time the server closes the connection because the client is too slow. But while a
// call waits for its answer, reading continues and events are discarded until there is
// room. Then the Conn reconnects and continues at its place.
func (l *link) waitForRoomLocked() {
	c := l.c
	for c.err == nil && l.ctx.Err() == nil && (l.flow.skipping || c.queue.full()) && len(c.out.byID) == 0 {
		l.flow.stalled = true
		c.waitLocked(l.ctx)
	}
	l.flow.stalled = false
	if c.queue.full() {
		l.flow.skipping = true
	}
}

// reached processes a position object: the server has sent everything up to p.
func (l *link) reached(p chat.Position) error {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if p.Epoch == l.replay.end.Epoch {
		if p.Offset == l.replay.end.Offset {
			p = l.replay.end // which has the time
		}
		l.reachedLocked(p)
	}
	return nil
}

// reachedLocked moves the Conn's place to p: everything up to there has come. Only
// objects that the server sends in the order of the room prove that. Answers do not,
// however late they come: the server sends them before the rest of the replay.
func (l *link) reachedLocked(p chat.Position) {
	c := l.c
	if l.flow.skipping || p.Offset <= l.replay.had && c.place.at.Epoch == p.Epoch && c.place.at.Offset <= l.replay.had {
		return
	}
	l.replay.had = max(l.replay.had, p.Offset)
	c.place.at = p
	if l.replay.had >= l.replay.end.Offset {
		l.replay.known = nil
	}
}
