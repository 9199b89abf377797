package client

import (
	"context"
	"hash/maphash"
	"iter"

	"github.com/seed-08328bfd/chat"
)

// The types of an [Event] beside those of package chat: TypeMessage, TypePrivate,
// TypeSystem and TypeTyping.
const (
	TypePresence = "presence" // users came and went, in a large room
	TypeWelcome  = "welcome"  // a connection stands: the first, or one after a loss
	TypeGap      = "gap"      // messages may be missing here; a welcome comes next
)

// An Event is one thing that happened in the room, or to the Conn itself.
type Event struct {
	chat.Event

	// Position is the place after the event: with [WithSince], another Conn goes
	// on there. Events that no log keeps have the place of the message before
	// them. It is zero as long as the Conn knows no place.
	Position chat.Position `json:"position,omitzero"`
	// Live says that the event happened while the Conn was connected. It is false for
	// what was sent before, which the server sends as history or replay, and for
	// TypeGap.
	Live bool `json:"live,omitempty"`
	// Joined and Left are who came and went, for TypeSystem and TypePresence. The
	// members' Connections are not told.
	Joined []chat.Member `json:"joined,omitempty"`
	Left   []chat.Member `json:"left,omitempty"`
	// Count is how many users are in the room, for TypePresence.
	Count int `json:"count,omitempty"`
	// Welcome is what the server said first on a new connection, for TypeWelcome.
	Welcome *Welcome `json:"-"`
	// Gap says what may be missing, for TypeGap.
	Gap *Gap `json:"gap,omitempty"`
}

// A Gap is a place where messages may be missing: those after From, and up to To
// at most. What the server still had of them follows. If the two have different
// epochs, the server's log is another one since, and offsets do not compare.
type Gap struct {
	From chat.Position `json:"from"` // the last place reached
	To   chat.Position `json:"to"`   // the room's last place when the Conn was back
}

// Welcome is what the server says first on every connection.
type Welcome struct {
	Room     string `json:"room"`
	User     string `json:"user"`     // the stable id of this Conn's user
	Username string `json:"username"` // what people see
	// Session is a secret that brings an anonymous user back ([WithSession]);
	// empty for others.
	Session string `json:"session"`
	// Position is the room's last place. What follows up to there is replay.
	Position chat.Position `json:"position"`
	// Resumed says that what follows begins where the Conn was, Gap that it
	// cannot. The first connection without WithSince is neither.
	Resumed bool `json:"resumed"`
	Gap     bool `json:"gap"`
	// Members are at most 100 of the users present, MemberCount is how many there
	// are.
	Members     []chat.Member `json:"members"`
	MemberCount int           `json:"member_count"`
	Limits      Limits        `json:"limits"`
}

// Limits are what the server allows a user.
type Limits struct {
	MessageBytes  int     `json:"message_bytes"`   // of one message's text
	RatePerSecond float64 `json:"rate_per_second"` // messages on average; 0: no limit
	Burst         int     `json:"burst"`           // messages at once
}

// Events yields what happens in the room, in order: each message once, over any
// number of connections. It begins with the welcome of the first connection and
// the server's latest messages, or what came after the place of [WithSince].
// Whatever happens between two loops waits in the buffer for the next one; loops
// that run at once share the events.
//
// An error comes last: that of ctx when it ends, ErrClosed after Close, or why the
// Conn has ended: an [Error], or ErrProtocol.
func (c *Conn) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			ev, err := c.nextEvent(ctx)
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

func (c *Conn) nextEvent(ctx context.Context) (Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return Event{}, ctx.Err()
		case c.err == ErrClosed || c.err != nil && len(c.queue.events) == 0:
			return Event{}, c.err
		case len(c.queue.events) > 0:
			ev := c.queue.pop()
			if c.queue.drained() {
				c.changedLocked()
				if c.link != nil && c.link.skipping {
					c.link.cancel(errResume)
				}
			}
			return ev, nil
		}
		c.waitLocked(ctx)
	}
}

// changedLocked wakes whoever waits for something to change: readers of Events for
// an event, the goroutine that reads for space or for a call, both for the end.
func (c *Conn) changedLocked() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// waitLocked waits for changedLocked or the end of ctx, with mu released.
func (c *Conn) waitLocked(ctx context.Context) {
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	changed := c.changed
	c.mu.Unlock()
	select {
	case <-changed:
	case <-ctx.Done():
	}
	c.mu.Lock()
}

// queue is what waits for Events.
type queue struct {
	events             []Event // the first is next
	bytes              int
	maxEvents, maxSize int
}

func (q *queue) full() bool { return len(q.events) >= q.maxEvents || q.bytes >= q.maxSize }

// drained reports whether it is worth reading on.
func (q *queue) drained() bool {
	return len(q.events) <= q.maxEvents/2 && q.bytes <= q.maxSize/2
}

func (q *queue) push(e Event) {
	q.events = append(q.events, e)
	q.bytes += weight(&e)
}

func (q *queue) pop() Event {
	e := q.events[0]
	q.events[0] = Event{}
	if q.events = q.events[1:]; len(q.events) == 0 {
		q.events = nil
	}
	q.bytes -= weight(&e)
	return e
}

// weight is roughly what e takes in memory.
func weight(e *Event) int {
	n := 384 + len(e.Text) + 64*(len(e.Joined)+len(e.Left))
	if e.Welcome != nil {
		n += 96 * len(e.Welcome.Members)
	}
	return n
}

// recent remembers the latest log entries, to know them again when a log begins a
// new epoch and still has them.
type recent struct {
	seed maphash.Seed
	sums [256]uint64
	n    int
}

func (r *recent) sum(e *chat.Event) uint64 {
	if r.n == 0 {
		r.seed = maphash.MakeSeed()
		r.n = 1
	}
	type entry struct {
		offset         uint64
		ms             int64
		user, id, text string
	}
	return maphash.Comparable(r.seed, entry{e.Offset, e.Time.UnixMilli(), e.UserID, e.ID, e.Text})
}

func (r *recent) add(sum uint64) {
	r.sums[r.n%len(r.sums)] = sum
	r.n++
}

// all returns what is remembered.
func (r *recent) all() map[uint64]struct{} {
	m := make(map[uint64]struct{}, len(r.sums))
	for _, s := range r.sums {
		if s != 0 {
			m[s] = struct{}{}
		}
	}
	return m
}
