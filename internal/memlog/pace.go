package memlog

import (
	"context"
	"time"
)

// turns are when users last took their turn in a room, in two maps that are exchanged.
type turns struct {
	fresh, old map[idHash]turn // by room and user
	until      time.Duration   // when the last turn of old may be forgotten
	next       time.Duration   // when the last turn of fresh may be
}

type turn struct {
	at time.Duration
	id idHash // of the user and the id; zero: no id
}

const maxTurns = 1 << 16 // in each map

// last returns the last turn of who.
func (t *turns) last(who idHash) (turn, bool) {
	last, ok := t.fresh[who]
	if !ok {
		last, ok = t.old[who]
	}
	return last, ok
}

// take records a turn of who, which counts for the duration every.
func (t *turns) take(who idHash, n turn, every time.Duration) {
	if n.at >= t.until || len(t.fresh) >= maxTurns {
		t.old, t.until = t.fresh, t.next
		t.fresh, t.next = nil, 0
	}
	if t.fresh == nil {
		t.fresh = map[idHash]turn{}
	}
	t.fresh[who] = n
	t.next = max(t.next, later(n.at, every))
}

// Pace implements [chatlog.Pacer].
func (l *Log) Pace(ctx context.Context, room, userID, id string, every time.Duration) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	who := idOf(room, userID)
	var n turn
	if id != "" {
		n.id = idOf(userID, id)
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n.at = l.clock()
	last, ok := sh.turns.last(who)
	switch {
	case ok && id != "" && last.id == n.id:
		return 0, nil
	case ok && n.at-last.at < every:
		return every - (n.at - last.at), nil
	}
	sh.turns.take(who, n, every)
	return 0, nil
}
