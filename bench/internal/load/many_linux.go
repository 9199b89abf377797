package load

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// A client of a plan with Joined is in several rooms over its one connection. Client i is in
// the rooms i+steps[j] (modulo Rooms), so every room gets as many members as any other, and
// two clients that share one room seldom share a second.

// Conns returns how many connections the plan has.
func (p *Plan) Conns() int { return p.Rooms * p.Members / max(p.Joined, 1) }

// check refuses what a plan with Joined cannot have.
func (p *Plan) check() error {
	switch {
	case p.Joined == 0:
		return nil
	case p.Joined < 0 || p.Joined > p.Rooms || p.Members%p.Joined != 0:
		return fmt.Errorf("load: %d rooms of %d members cannot be shared out %d per connection", p.Rooms, p.Members, p.Joined)
	case p.Stalled > 0 || p.Deflate:
		return errors.New("load: a connection with many rooms neither stalls nor compresses")
	}
	return nil
}

// distinctSteps returns n different numbers below rooms, the same in each run.
func distinctSteps(n, rooms int) []int {
	return rand.New(rand.NewPCG(1, 2)).Perm(rooms)[:n]
}

// member returns the k-th member of a room.
func (l *Load) member(room, k int) *conn {
	if n := l.plan.Joined; n > 0 {
		i := (room - l.steps[k%n] + l.plan.Rooms) % l.plan.Rooms
		return &l.conns[i+l.plan.Rooms*(k/n)]
	}
	return &l.conns[room*l.plan.Members+k]
}

// roomOf returns the j-th room that c is in.
func (l *Load) roomOf(c *conn, j int) int {
	if l.plan.Joined > 0 {
		return (c.index + l.steps[j]) % l.plan.Rooms
	}
	return c.index / l.plan.Members
}

// greet sends what a new connection has to send before it is in its rooms.
func (l *Load) greet(c *conn) {
	switch {
	case l.plan.Centrifuge:
		l.frame = append(l.frame[:0], `{"id":1,"connect":{`...)
		if l.plan.Joined > 0 {
			l.frame = append(l.rooms(append(l.frame, `"data":[`...), c, ""), ']')
		}
		l.frame = append(l.frame, "}}"...)
	case l.plan.Joined > 0:
		l.frame = append(l.rooms(append(l.frame[:0], `{"type":"join","rooms":{`...), c, `:""`), "}}"...)
	default:
		l.opened(c)
		return
	}
	c.state, c.awaited = connecting, l.plan.Joined
	c.out = appendFrame(c.out, 1, l.random, l.frame)
	l.push(c)
}

// rooms appends the names of c's rooms in quotes, with after behind each.
func (l *Load) rooms(b []byte, c *conn, after string) []byte {
	for j := range l.plan.Joined {
		if j > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `"r`...), int64(l.roomOf(c, j)), 10)
		b = append(append(b, '"'), after...)
	}
	return b
}

// greeted looks for the answer to greet in a payload.
func (l *Load) greeted(c *conn, payload []byte) {
	switch {
	case l.plan.Centrifuge:
		if bytes.Contains(payload, []byte(`"connect":`)) {
			l.opened(c)
		}
	case bytes.HasPrefix(payload, []byte(`{"type":"welcome"`)):
		if c.awaited--; c.awaited == 0 {
			l.opened(c)
		}
	case bytes.HasPrefix(payload, []byte(`{"type":"error"`)), hasLeft(payload):
		l.end(c, fmt.Errorf("answered %s", payload))
	}
}

// hasLeft reports whether a payload tells the end of one room.
func hasLeft(payload []byte) bool { return bytes.HasPrefix(payload, []byte(`{"type":"left"`)) }

// appendMessage appends the beginning of a message object of chat.v1; the room is left out if
// it is negative.
func appendMessage(b []byte, room int) []byte {
	b = append(b, `{"type":"message",`...)
	if room >= 0 {
		b = append(strconv.AppendInt(append(b, `"room":"r`...), int64(room), 10), `",`...)
	}
	return append(b, `"message":"`...)
}

// Quiet waits until hardly anything comes, which is when all joins have been told to
// everybody. Pings go on.
func (l *Load) Quiet(limit time.Duration) error {
	for end := l.now() + int64(limit); l.now() < end; {
		before := l.stats.Reads
		for next := l.now() + int64(time.Second); l.now() < next; {
			l.poll(10 * time.Millisecond)
		}
		if l.stats.Reads-before <= int64(len(l.conns)/10) {
			return nil
		}
	}
	return fmt.Errorf("load: not quiet after %v", limit)
}

// syncRooms sends one probe to each room and waits until each member has had each probe of
// its rooms. When connections or rooms were lost, their probes cannot come: then it also ends
// when none has come for 5 seconds.
func (l *Load) syncRooms(limit time.Duration) error {
	end := l.now() + int64(limit)
	await := func(most int) error {
		before, since := l.unseen, l.now()
		for l.unseen > most {
			l.poll(10 * time.Millisecond)
			now := l.now()
			if l.unseen < before {
				before, since = l.unseen, now
			}
			switch {
			case l.stats.Lost > 0 && now > since+int64(5*time.Second):
				l.unseen = most
			case now > end:
				return fmt.Errorf("load: %d members got no probe within %v, %d were lost", l.unseen, limit, l.stats.Lost)
			}
		}
		return nil
	}
	l.unseen = 0
	for room := range l.plan.Rooms {
		l.send(l.member(room, 0), room, 'p', l.now())
		l.unseen += l.plan.Members
		if err := await(64 * l.plan.Members); err != nil {
			return err
		}
	}
	return await(0)
}

// joining returns how many connections join concurrently. With many rooms it is fewer: a server
// refuses the rest of a join that takes several seconds, and the client would have to try again.
func (l *Load) joining() int {
	if l.plan.Joined > 1 {
		return 32
	}
	return 128
}
