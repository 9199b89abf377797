package client

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// visit is the time in which a connection is in a room, on the wire. Guarded by Conn.mu. A
// connection of Dial is inside from its welcome on.
//
//	         join sent          welcome
//	away ----------------> joining ----> inside
//	  ^                       |            | the program, or the Room itself, wants out
//	  |                       v            v
//	  +------ leaving <------------- toLeave
//	   "left"          leave sent
//
// From any of them, "left" with another code and the end of the connection lead to away.
type visit struct {
	state    state
	joinID   string // of the join
	began    time.Time
	progress bool // an event has come
	replay   replay
	skipping bool // events are discarded, and Room.place does not change
}

type state int

const (
	away state = iota
	joining
	inside
	toLeave // the writer is to send a leave
	leaving
)

// The ids of joins and leaves, by which their refusals are known.
const (
	joinID  = "client.join"
	leaveID = "client.leave"
)

// movesLocked returns the joins and leaves that are due, or nil and when to ask again if that is
// not zero. Rooms that come back share a frame.
func (c *Conn) movesLocked(now time.Time) (objects [][]byte, at time.Time) {
	if c.rooms.one != nil {
		return nil, at
	}
	var back []*Room
	for _, r := range c.rooms.list {
		switch v := &r.visit; {
		case v.state == toLeave:
			if b := r.marker(); b != nil && r.known {
				objects = append(objects, b)
			}
			o := sentObject{Type: proto.TypeLeave, Room: r.name, ID: leaveID, joins: joins{Back: r.err == nil}}
			objects = append(objects, o.encode())
			v.state = leaving
		case v.state != away || r.err != nil || r.waitsForSpace():
		case now.Before(r.back.due):
			at = earlier(at, r.back.due)
		case r.known:
			v.state, v.joinID = joining, joinID
			back = append(back, r)
		default:
			v.state = joining
			o := sentObject{Type: proto.TypeJoin, Room: r.name, joins: joins{Since: r.place.at.String()}, ID: v.joinID}
			objects = append(objects, o.encode())
		}
	}
	return append(objects, joinAll(back, c.self.welcome.Limits)...), at
}

// present reports whether what is for the room may be sent. The nil Room is the connection.
func (r *Room) present() bool { return r == nil || r.visit.state == inside }

// waitsForSpace reports whether to be in the room has no use, because the queue is full and
// there is nothing to send.
func (r *Room) waitsForSpace() bool {
	if r.queue.full() {
		r.back.paused = true // until it is drained
	}
	return r.back.paused && r.back.calls == 0
}

// joinAll returns the objects that join rooms where each of them has come to: one, unless it
// would be larger than the server takes.
func joinAll(back []*Room, limits Limits) (objects [][]byte) {
	const frame = len(`{"type":"join","id":"` + joinID + `","rooms":{}}`)
	var o sentObject
	size := 0
	flush := func() {
		if len(o.Rooms) > 0 {
			objects = append(objects, o.encode())
		}
		o = sentObject{Type: proto.TypeJoin, ID: joinID, joins: joins{Rooms: map[string]string{}}}
		size = frame
	}
	if len(back) == 0 {
		return nil
	}
	flush()
	for _, r := range back {
		since := r.place.at.String()
		name, _ := json.Marshal(r.name) // is never shorter than what encode makes
		n := len(name) + len(since) + len(`:"",`)
		if size+n > proto.FrameLimit(limits.MessageBytes, limits.DataBytes) {
			flush()
		}
		o.Rooms[r.name] = since
		size += n
	}
	flush()
	return objects
}

// earlier returns the earlier of two times, of which the zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// entered processes the welcome of a room.
func (l *link) entered(w Welcome, id string) {
	c := l.c
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	r := c.rooms.welcomed(w.Room, id)
	if r == nil {
		r = c.strangerLocked(w.Room, id)
	}
	s := r.visit.state
	if s == toLeave || s == leaving { // the answer to the leave comes next
		c.mu.Unlock()
		return
	}
	if r.stray(&w, id) {
		r.visit.state = toLeave
		c.nudge()
		c.mu.Unlock()
		return
	}
	gap := r.enterLocked(w, c.out.plain)
	c.nudge()
	c.mu.Unlock()
	r.tell(gap)
}

// strangerLocked returns a Room for a welcome that no Room waits for: one to accept, or one
// that leaves if the welcome answers the join of a Room that has ended since.
func (c *Conn) strangerLocked(name, id string) *Room {
	cfg := c.cfg
	cfg.account.since = chat.Position{}
	cfg.logger = cfg.logger.With("room", name)
	r := newRoom(c, name, cfg)
	c.rooms.add(r)
	if strings.HasPrefix(id, joinID) {
		r.err, r.visit.state = ErrClosed, toLeave
		c.nudge()
		return r
	}
	c.rooms.invited = append(c.rooms.invited, r)
	c.changed.all()
	return r
}

// stray reports whether a welcome is of no use, because the service has put the user into
// the room while the Room was about to come back there: it does not continue at the Room's
// place. After two of them, the second has to do.
func (r *Room) stray(w *Welcome, id string) bool {
	r.back.stray = !r.back.stray && id == "" && r.known && !w.Resumed && r.place.at != (chat.Position{})
	return r.back.stray
}

// welcomed returns the room that a welcome is for, or nil if nobody has asked for it. The
// server may write the name of a room in another way than the program does.
func (rs *rooms) welcomed(name, id string) *Room {
	if r := rs.byName[name]; r != nil {
		return r
	}
	for _, r := range rs.list {
		if r.visit.state == away || r.known {
			continue
		}
		clean, err := chat.CleanRoom(r.name)
		if id != "" && id == r.visit.joinID || id == "" && err == nil && clean == name {
			delete(rs.byName, r.name)
			r.name = name
			rs.byName[name] = r
			return r
		}
	}
	return nil
}

// left processes the end of a visit that the server tells of.
func (l *link) left(r *Room, o *object) {
	c := l.c
	code, _ := strconv.Atoi(string(o.Code))
	err := &Error{Close: cmp.Or(code, proto.CloseNormal), Message: o.Reason}
	c.mu.Lock()
	wait, again := r.leftLocked(err)
	c.nudge()
	c.mu.Unlock()
	if again {
		r.cfg.logger.Info("client: not in the room", "wait", wait, "err", err)
	}
}

// leftLocked returns whether the Room comes back, and after how long.
func (r *Room) leftLocked(err *Error) (wait time.Duration, again bool) {
	c, v := r.c, r.visit
	c.lostLocked(r)
	// A server of an older version answers a leave of who comes back like any other.
	own := v.state == leaving && (err.Close == proto.CloseTryAgain || err.Close == proto.CloseNormal && err.Message == "")
	switch {
	case r.err != nil:
		c.rooms.remove(r)
	case own || v.state == away:
	case c.final(err):
		r.endLocked(err)
		c.rooms.remove(r)
	default:
		return r.againLocked(err, &outcome{lived: time.Since(v.began), progress: v.progress}), true
	}
	return 0, false
}

// refusedLocked processes the refusal of a join.
func (r *Room) refusedLocked(e *Error) {
	c := r.c
	r.visit.state = away
	later := e.Code == CodeUnavailable || e.Code == CodeRateLimited
	switch {
	case r.err != nil:
		c.rooms.remove(r)
	case later && (r.known || r.cfg.retry.dial):
		r.againLocked(e, nil)
	default:
		r.endLocked(e)
		c.rooms.remove(r)
	}
}

// againLocked has the Room come back after the time that it returns.
func (r *Room) againLocked(err *Error, o *outcome) time.Duration {
	wait := r.back.pace.next(err, o) + err.RetryAfter
	r.back.due = time.Now().Add(wait)
	return wait
}

// lostLocked ends the visit of r on the wire: what was sent and not answered is sent again
// in the next.
func (c *Conn) lostLocked(r *Room) {
	r.visit.state = away
	c.out.lost(r)
	r.notices.lost()
}

// resyncLocked leaves the room, to come back at the Room's place: with one room to a
// connection, over another connection.
func (r *Room) resyncLocked() {
	c := r.c
	switch {
	case r.visit.state != inside:
	case c.rooms.one != r:
		r.visit.state = toLeave
		c.nudge()
	case c.link != nil:
		c.link.cancel(errResume)
	}
}
