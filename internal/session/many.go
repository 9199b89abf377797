package session

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/wsconn"
)

const (
	// joiners is how many rooms of one join are joined side by side.
	joiners = 8
	// maxNamed is the largest number of rooms that one join names.
	maxNamed = 1000
)

// many is the part of a session that is in any number of rooms.
type many struct {
	s     *Session
	rooms *rooms.Many
	joins int // so far; owned by the goroutine that reads
	wishes

	// commands counts the commands that may take rooms from the user. One that comes after
	// the authorizer was asked, and before the room is known to be joined, would be missed.
	commands atomic.Uint64
}

// object carries out what a client asks for on a connection with many rooms.
func (c *many) object(typ []byte, o *proto.Object, id string) *proto.Error {
	switch string(typ) {
	case proto.TypeJoin:
		return c.onJoin(o, id)
	case proto.TypeLeave:
		return c.onLeave(o)
	}
	in, e := c.seat(o)
	if e == nil {
		e = c.s.inRoom(in, typ, o, id)
	}
	if e != nil && in.room != "" {
		e.Room = in.room
	}
	return e
}

// seat returns the place in the room that o names. After an error it has only the name.
func (c *many) seat(o *proto.Object) (in seat, e *proto.Error) {
	if in.room, e = o.Room.Text("room"); e != nil {
		return in, e
	}
	if in.room == "" {
		return in, proto.BadRequest("an object needs the key room")
	}
	in.member = c.rooms.Member(in.room)
	if in.member == nil { // perhaps the rule writes the name in another way
		if room, err := c.s.rules.AskedRoom(in.room); err == nil {
			if in.member = c.rooms.Member(room); in.member != nil {
				in.room = room
			}
		}
	}
	if in.member == nil {
		return in, &proto.Error{Code: proto.CodeNotJoined, Text: "you are not in this room"}
	}
	return in, nil
}

// onJoin joins the rooms that o names, some of them side by side, and returns when all have
// been joined or refused.
func (c *many) onJoin(o *proto.Object, id string) *proto.Error {
	all, e := request.Joins(o)
	if e != nil {
		e.Room, _ = o.Room.Text("room")
		return e
	}
	if len(all) > maxNamed {
		return proto.BadRequest("a join names at most %d rooms", maxNamed)
	}
	if c.joins += len(all); c.joins > c.s.core.Rooms { // the first ones are free, so that coming back is fast
		c.s.conn.Charge(wsconn.FrameCost * len(all))
	}
	if len(all) == 1 {
		return c.join(&all[0], id)
	}
	// A log that does not answer must not cost its time for each of many rooms.
	var failed atomic.Bool
	begun := c.s.core.Conns.Clock()
	var wg sync.WaitGroup
	turn := make(chan struct{}, joiners)
	for i := range all {
		turn <- struct{}{}
		wg.Go(func() { // ends when the room is joined; this goroutine waits for it
			through := false
			defer func() {
				if <-turn; through {
					return
				}
				if p := recover(); p != nil { // otherwise a hook has ended the goroutine
					c.s.rules.Caught(p, all[i].Room)
				}
				c.s.conn.Close(proto.CloseInternal, rules.InternalText)
			}()
			e := errNotNow(all[i].Room)
			if !failed.Load() || c.s.core.Conns.Clock()-begun < c.patience() {
				e = c.join(&all[i], id)
			}
			if e != nil {
				failed.Store(failed.Load() || e.Code == proto.CodeUnavailable)
				e.ID = id
				c.s.fail(e)
			}
			through = true
		})
	}
	wg.Wait()
	return nil
}

// patience is the longest time for what joining a room asks of the log.
func (c *many) patience() time.Duration { return 3 * c.s.core.LogTimeout }

// errNotNow is the error of a room that cannot be joined for a while.
func errNotNow(room string) *proto.Error {
	return &proto.Error{Code: proto.CodeUnavailable, Text: "the room cannot be joined now: try again", Retry: time.Second, Room: room}
}

// join makes the user a member of a room. An error names the room as the client does.
func (c *many) join(j *request.Join, id string) (e *proto.Error) {
	defer func() {
		if e != nil {
			e.Room = j.Room
		}
	}()
	since, e := j.Position()
	if e != nil {
		return e
	}
	room, err := c.s.rules.AskedRoom(j.Room)
	switch {
	case err == rules.ErrHook:
		return &proto.Error{Code: proto.CodeUnavailable, Text: rules.InternalText}
	case err != nil:
		return proto.BadRequest("%s", err.Error())
	}
	may := func() error {
		if e := c.s.allowed(room, rules.ActionJoin); e != nil {
			return &refused{e}
		}
		return nil
	}
	commands := c.commands.Load()
	err = may()
	if err == nil {
		ctx, cancel := context.WithTimeout(c.s.rules.Rooms.Context(), c.patience())
		defer cancel()
		err = c.rooms.Join(ctx, room, rooms.Joining{Greet: greeter{c.s, room, id}.greet, Since: since, Check: func() error {
			if c.s.core.Local && c.commands.Load() == commands {
				return nil
			}
			return may() // joining may have taken long: see Server.recheck
		}})
	}
	return joinError(err)
}

// refused is an error with an object for the client.
type refused struct{ e *proto.Error }

func (r *refused) Error() string { return r.e.Text }

// joinError returns the object for an error of joining.
func joinError(err error) *proto.Error {
	var r *refused
	var ended *proto.Closed
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
		return r.e
	case errors.As(err, &ended) && ended.Code == proto.CloseForbidden:
		return &proto.Error{Code: proto.CodeForbidden, Text: ended.Reason}
	case errors.Is(err, rooms.ErrJoined):
		return proto.BadRequest("you are in this room already")
	case errors.Is(err, limit.ErrReached):
		return &proto.Error{Code: proto.CodeTooMany, Text: rules.PlainText(err)}
	}
	return errNotNow("")
}

// onLeave takes the user out of the room that o names. A client that is about to come back, as
// one that cannot keep up with the room, stays present for the leave grace.
func (c *many) onLeave(o *proto.Object) *proto.Error {
	in, e := c.seat(o)
	if e != nil {
		e.Room = in.room
		return e
	}
	code := proto.CloseNormal
	if back, e := o.Back.Bool("back"); e != nil {
		e.Room = in.room
		return e
	} else if back {
		code = proto.CloseTryAgain
	}
	c.s.conn.Charge(wsconn.FrameCost)
	c.rooms.End(in.room, code, "")
	return nil
}
