package client

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// A Room is one room that the user is in, over any number of connections. Make one with
// [Dial], or with [Conn.Join] if several rooms are to share a connection, and call Close to
// leave it. Its methods may be called concurrently.
type Room struct {
	c   *Conn
	cfg config // with the options of Join

	// Guarded by Conn.mu.
	name    string // as the server writes it
	err     error  // why the Room has ended
	known   bool   // its first welcome has come
	changed wake
	welcome Welcome // the latest
	visit   visit
	back    comeback
	place   place
	queue   queue
	notices notices
}

// place is how far the Room has come in the log. Guarded by Conn.mu.
type place struct {
	at     chat.Position // after the latest event that was put into the queue
	joined chat.Position // of the first welcome, as long as at is zero
	shown  string        // the epoch of the latest event that the program has got
	recent recent
}

// comeback is when the Room comes back into the room, after the server has ended its visit
// but not the connection. Guarded by Conn.mu.
type comeback struct {
	pace pace
	due  time.Time // no sooner than then
	hold time.Time // no message is sent before then, because the log was unavailable

	stray  bool // the last welcome was of no use: see Room.stray
	paused bool // the queue was full, and is not yet drained: see Room.waitsForSpace
	calls  int  // that wait for their answers
}

func newRoom(c *Conn, name string, cfg config) *Room {
	return &Room{
		c: c, cfg: cfg, name: name,
		place: place{at: cfg.account.since},
		queue: queue{maxEvents: cfg.buffer.events, maxBytes: cfg.buffer.bytes},
		back:  comeback{pace: newPace(cfg.retry.first, cfg.retry.most)},
	}
}

// Welcome returns what the server said when the user last entered the room, on the latest
// connection.
func (r *Room) Welcome() Welcome {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.welcome
}

// History returns a page of those messages of the room that the user may see, oldest
// first: with q.From those from that offset on, with q.Before the last ones before that
// offset, with neither the newest. Zero is neither; both together are an [Error].
// q.Limit is how many, at most 100; zero or less means the server's default. Reader and
// All are ignored. The messages are as they are now, with Edited, Reactions and Amended.
// Of the page's Position only the Epoch is set. Errors are those of [Room.Publish], except
// ErrUncertain.
func (r *Room) History(ctx context.Context, q chat.Query) (chat.Page, error) {
	o := sentObject{Type: proto.TypeHistory, ID: rand.Text(), asked: asked{Before: q.Before, Limit: max(q.Limit, 0)}}
	if q.From > 0 {
		after := q.From - 1
		o.After = &after
	}
	obj, err := r.c.do(ctx, &call{room: r, id: o.ID, kind: proto.TypeHistory, objects: [][]byte{r.encode(&o)}})
	if err != nil {
		return chat.Page{}, err
	}
	return chat.Page{Events: obj.Messages, Position: obj.Position, First: obj.First, More: obj.More}, nil
}

// Ping is [Conn.Ping] of the room's connection.
func (r *Room) Ping(ctx context.Context) error { return r.c.Ping(ctx) }

// Auth is [Conn.Auth] of the room's connection.
func (r *Room) Auth(ctx context.Context, token string) error { return r.c.Auth(ctx, token) }

// Close leaves the room and ends the Room: the others see the user leave immediately, unless
// another connection of the user is in the room. A marker of [Room.MarkRead] that waits is
// sent first. Calls in progress return ErrClosed. Close returns when the server has answered,
// after about two seconds at the latest; the connection of a [Dial] is closed then, and that
// of a [Connect] stays. The error is always nil. Close may be called again.
func (r *Room) Close() error {
	c := r.c
	if c.rooms.one != nil {
		return c.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	r.leaveLocked(ErrClosed)
	for c.err == nil && ctx.Err() == nil && c.rooms.byName[r.name] == r {
		c.waitLocked(ctx, &r.changed)
	}
	return nil
}

// leaveLocked ends the Room with err, and takes the user out of the room.
func (r *Room) leaveLocked(err error) {
	if r.err != nil {
		return
	}
	r.endLocked(err)
	switch r.visit.state {
	case away:
		r.c.rooms.remove(r)
	case joining, inside:
		r.visit.state = toLeave
		r.c.nudge()
	}
}

// endLocked ends the Room with err.
func (r *Room) endLocked(err error) {
	r.err = err
	for _, k := range r.c.out.byKey {
		if k.room == r {
			r.c.out.finish(k, nil, k.fate(err))
		}
	}
	r.changed.all()
}

// encode encodes an object for the room. The caller does not hold Conn.mu.
func (r *Room) encode(o *sentObject) []byte {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	return r.encodeLocked(o)
}

func (r *Room) encodeLocked(o *sentObject) []byte {
	if r.c.rooms.one != r {
		o.Room = r.name
	}
	return o.encode()
}
