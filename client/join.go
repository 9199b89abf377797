package client

import (
	"context"
	"slices"
	"strconv"
)

// Join enters a room over the Conn's connection, beside the rooms that it is in already, and
// returns when the server has sent the room's welcome. While there is no connection it waits
// for the next one. The server may write the name in another way: that is Welcome.Room.
//
// Of the options, [WithSince], [WithBuffer], [WithoutEvents],
// [WithoutRateRetry], [WithDialRetry], [OnGap] and [WithLogger] are the room's own; it takes
// the Conn's for those that are not given (except WithSince), and ignores all others.
//
// After a lost connection the Conn joins the room again, which then continues at its own
// place. It does so, after a pause, also when the server has ended the visit of this room
// alone, except with 4003, or 1000: then, and when the server refuses the room for good, the
// Room ends with an [Error].
//
// The error of Join is an [Error] if the server has refused (with [CodeTooMany] if the user
// is in Limits.Rooms rooms already) or if the Conn is in the room already, ErrClosed, the
// reason why the Conn has ended, or the error of ctx. After Join has returned, ctx has no
// effect.
func (c *Conn) Join(ctx context.Context, room string, opts ...Option) (*Room, error) {
	if err := checkName(room); err != nil {
		return nil, err
	}
	cfg := c.cfg
	cfg.account.since = defaults().account.since
	for _, o := range opts {
		o(&cfg)
	}
	cfg.logger = cfg.logger.With("room", room)
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.takeLocked(ctx, room)
	if r != nil || err != nil {
		return r, err
	}
	r = newRoom(c, room, cfg)
	r.visit.joinID = c.rooms.nextID()
	c.rooms.add(r)
	c.nudge()
	for !r.known && r.err == nil && ctx.Err() == nil {
		c.waitLocked(ctx, &r.changed)
	}
	if r.err == nil && !r.known {
		r.leaveLocked(ctx.Err())
	}
	if !r.known {
		return nil, r.err
	}
	return r, nil
}

// takeLocked returns the room of this name if it waits to be accepted. It waits while the
// room is being left, and returns nil when a new one may be joined.
func (c *Conn) takeLocked(ctx context.Context, name string) (*Room, error) {
	for {
		r := c.rooms.byName[name]
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case c.err != nil:
			return nil, c.err
		case r == nil:
			return nil, nil
		case r.err != nil: // the server has not yet said that the user is out
			c.waitLocked(ctx, &r.changed)
		case c.rooms.accept(r):
			return r, nil
		default:
			return nil, &Error{Code: CodeBadRequest, Message: "the connection is in this room already"}
		}
	}
}

// Accept waits for a room into which the service has put the user, without a Join, and
// returns it. The user is in the room already, and the Conn keeps it like one of Join; the
// Room has the options of [Connect]. A Join of the room returns it, too, if Accept has not.
// Until then its events wait in its buffer. A room that the user is taken out of meanwhile is
// not returned.
//
// The error is that of ctx, ErrClosed, or the reason why the Conn has ended.
func (c *Conn) Accept(ctx context.Context) (*Room, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case c.err != nil:
			return nil, c.err
		case len(c.rooms.invited) > 0:
			r := c.rooms.invited[0]
			c.rooms.accept(r)
			return r, nil
		}
		c.waitLocked(ctx, &c.changed)
	}
}

// rooms are the rooms of a Conn. Guarded by Conn.mu, except one, which nothing changes
// after Dial.
type rooms struct {
	one     *Room            // of Dial: there is no other; nil after Connect
	byName  map[string]*Room // those that have ended too, until the server has let them go
	list    []*Room          // the same, in the order in which they came
	invited []*Room          // and not yet accepted
	turn    int              // where in list the writer looks first
	joins   int              // that were asked for
}

func (rs *rooms) add(r *Room) {
	rs.byName[r.name] = r
	rs.list = append(rs.list, r)
}

// nextID returns the id of a first join, by which its answer is known even if the server
// writes the name of the room in another way.
func (rs *rooms) nextID() string {
	rs.joins++
	return joinID + "." + strconv.Itoa(rs.joins)
}

// remove forgets r, which has ended.
func (rs *rooms) remove(r *Room) {
	if rs.byName[r.name] != r {
		return
	}
	delete(rs.byName, r.name)
	rs.list = without(rs.list, r)
	rs.accept(r)
	r.changed.all()
}

// accept takes r from those that wait to be accepted, if it is one.
func (rs *rooms) accept(r *Room) bool {
	n := len(rs.invited)
	rs.invited = without(rs.invited, r)
	return len(rs.invited) < n
}

func without(rooms []*Room, r *Room) []*Room {
	return slices.DeleteFunc(rooms, func(o *Room) bool { return o == r })
}

// markers returns the markers that wait to be sent.
func (rs *rooms) markers() (objects [][]byte) {
	for _, r := range rs.list {
		if b := r.marker(); b != nil {
			objects = append(objects, b)
		}
	}
	return objects
}
