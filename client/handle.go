package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// handle processes one object of the server.
func (l *link) handle(b []byte) error {
	var o object
	if err := json.Unmarshal(b, &o); err != nil && (o.Type == "" || types[o.Type]) {
		return fmt.Errorf("client: malformed object from the server: %w", err)
	}
	r := l.roomOf(&o)
	switch o.Type {
	case chat.TypeMessage, chat.TypePrivate, chat.TypeEdit, chat.TypeDelete, chat.TypeReaction,
		chat.TypeSystem, chat.TypeTyping, chat.TypeRead, chat.TypeSignal, proto.TypePresence:
		if r != nil {
			return l.event(r, &o)
		}
	case proto.TypePosition:
		if r != nil {
			r.reached(o.Position)
		}
	case proto.TypeWelcome:
		if l.c.rooms.one == nil {
			w, err := readFirst(b, false)
			if err == nil && w.Room != "" {
				l.entered(w.Welcome, w.ID)
			}
			return err
		}
	case proto.TypeLeft:
		if r != nil && l.c.rooms.one == nil {
			l.left(r, &o)
		}
	case proto.TypeGoodbye:
		l.outcome.goodbye = o.retry()
	case proto.TypeError:
		l.refused(r, &o)
	case proto.TypeAck, proto.TypePong, proto.TypeHistory:
		l.answer(r, &o)
	}
	return nil
}

// roomOf returns the room that an object is for: nil if it is for the connection, or for a
// room that the Conn is not in.
func (l *link) roomOf(o *object) *Room {
	if one := l.c.rooms.one; one != nil {
		return one
	}
	if o.Room == "" {
		return nil
	}
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return l.c.rooms.byName[o.Room]
}

// answer gives an answer to its caller.
func (l *link) answer(r *Room, o *object) {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	id := o.ID
	if o.Type == proto.TypeHistory {
		if id = o.Request; r != nil {
			o.Position.Epoch = r.visit.replay.end.Epoch
		}
	}
	c.out.accept(c.out.of(r, id), o.Type, o)
	c.nudge()
}

// refused gives the server's error to whom it concerns.
func (l *link) refused(r *Room, o *object) {
	c, e := l.c, o.err()
	logger := c.cfg.logger
	if r != nil {
		logger = r.cfg.logger
	}
	if e.Code == proto.CodeTokenExpiring && c.cfg.account.source != nil {
		if !l.refresh.running.Swap(true) {
			l.wg.Go(l.refreshToken)
		}
		return
	}
	c.mu.Lock()
	nobody := l.refusedLocked(r, o.ID, e)
	c.nudge()
	c.mu.Unlock()
	if nobody {
		logger.Warn("client: error from the server", "code", e.Code, "err", e.Message)
	}
}

// refusedLocked reports whether no caller gets the error.
func (l *link) refusedLocked(r *Room, id string, e *Error) (nobody bool) {
	c := l.c
	if c.rooms.one == nil {
		if answers, nobody := c.rooms.refused(r, id, e); answers {
			return nobody
		}
	}
	k := c.out.of(r, id)
	switch {
	case k != nil:
		noRate := c.cfg.retry.noRate
		if k.room != nil {
			noRate = k.room.cfg.retry.noRate
		}
		c.out.refuse(k, e, !noRate, time.Now())
		return false
	case r != nil && (id == readID || id == signalID):
		r.notices.refuse(id, e)
		return id == readID || e.Code != CodeRateLimited
	}
	return id == ""
}

// refused processes an error that is the answer to a join or a leave, or that says that a
// room is not joined. It reports whether it was one, and whether no caller gets it.
func (rs *rooms) refused(r *Room, id string, e *Error) (answers, nobody bool) {
	if e.Code == proto.CodeNotJoined {
		rs.notJoined(r, id)
		return true, false
	}
	for _, to := range slices.Clone(rs.list) {
		v := &to.visit
		waits := v.state == joining || v.state != away && to.err != nil
		// The id of a first join is its own. That of all that come back is the same.
		named := id != "" && id == v.joinID && (id != joinID || r == to || r == nil)
		if waits && named {
			answers, nobody = true, nobody || to.known
			to.refusedLocked(e)
		}
	}
	return answers, nobody
}

// notJoined processes the refusal of what was sent to a room that the connection is not in. In
// most cases it has crossed a "left", which has come before it.
func (rs *rooms) notJoined(r *Room, id string) {
	switch {
	case r == nil:
	case r.visit.state == leaving && id == leaveID:
		r.c.lostLocked(r)
		if r.err != nil {
			rs.remove(r)
		}
	case r.visit.state == inside:
		// The server should have said so. Leaving and joining ends any disagreement; the
		// pause is for a server that goes on like this.
		r.againLocked(&Error{Code: proto.CodeNotJoined}, nil)
		r.resyncLocked()
	}
}
