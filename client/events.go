package client

import (
	"context"
	"iter"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// The values of [Event.Type] beside those of package chat, which a Room yields all.
const (
	TypePresence chatlog.Type = proto.TypePresence // "presence": users joined and left, in a large room
	TypeWelcome  chatlog.Type = proto.TypeWelcome  // "welcome": the user has entered the room, over a new connection or again
	TypeGap      chatlog.Type = "gap"              // messages may be missing here; a welcome comes next
	TypeUpdate   chatlog.Type = "update"           // a message that came before, as it is now: only after a gap
)

// An Event is something that happened in the room, or to the Room itself. Of a TypeRead,
// Target is the offset up to which the user has read. Of a TypeSignal, Kind is the name. A
// TypeUpdate has the fields of a message, and To if that is private; its Position is that
// of the event before it.
type Event struct {
	chat.Event

	// Position is the position after the event: another Room continues there with
	// [WithSince]. An event that is not stored in the log has the position of the
	// message before it. It is zero as long as the Room knows no position.
	Position chat.Position `json:"position,omitzero"`
	// Live says that the event happened while the user was in the room. It is false for
	// TypeGap, and for earlier messages, which the server sends after the welcome.
	Live bool `json:"live,omitempty"`
	// Joined and Left are the users who joined and left, for TypeSystem and
	// TypePresence. Their Connections are always zero.
	Joined []chat.Member `json:"joined,omitempty"`
	Left   []chat.Member `json:"left,omitempty"`
	// Count is the number of users in the room, for TypePresence.
	Count int `json:"count,omitempty"`
	// Welcome is what the server said when the user entered the room, for TypeWelcome. It
	// is nil for other types.
	Welcome *Welcome `json:"-"`
	// Gap says which messages may be missing, for TypeGap. It is nil for other types.
	Gap *Gap `json:"gap,omitempty"`
}

// A Gap is a range of positions where messages may be missing: after From, up to and
// including To. Those that the server still has follow as events. If the two positions
// have different epochs, the server has a new log, and their offsets are not comparable.
type Gap struct {
	Room string        `json:"room"` // as in Welcome
	From chat.Position `json:"from"` // the last position that the Room had reached
	To   chat.Position `json:"to"`   // the room's last position when the user came back
}

// Welcome is what the server says first of a room, on every connection:
// https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md.
type Welcome struct {
	Room     string `json:"room"`     // the name after the server's rules
	User     string `json:"user"`     // the stable id of the user
	Username string `json:"username"` // what people see
	// Session is a secret with which another connection becomes the same anonymous user
	// ([WithSession]). It is empty for a user with an account.
	Session string `json:"session"`
	// Position is the room's last position. Events up to it are replay.
	Position chat.Position `json:"position"`
	// Resumed says that the events that follow begin where the Room was. Gap says that
	// messages in between may be missing. Both are false for the first one without
	// [WithSince].
	Resumed bool `json:"resumed"`
	Gap     bool `json:"gap"`
	// Members are the users in the room, at most 100 of them. MemberCount is the number
	// of all.
	Members     []chat.Member `json:"members"`
	MemberCount int           `json:"member_count"`
	Limits      Limits        `json:"limits"`
	// Read is the user's marker ([Room.MarkRead]), an offset of Position's epoch; 0: none.
	// Unread is the number of messages after it that the user may see and that are from
	// others: exact below 100, and 100 for that many or more.
	Read   uint64 `json:"read"`
	Unread int    `json:"unread"`
	// Moderator says that the user may delete the messages of others here
	// ([chat.WithModerator]), as the server knew it when the Room was welcomed.
	Moderator bool `json:"moderator"`
}

// Limits are what the server allows a user.
type Limits struct {
	MessageBytes  int     `json:"message_bytes"`   // of the text of one message
	RatePerSecond float64 `json:"rate_per_second"` // messages per second on average; 0: no limit
	Burst         int     `json:"burst"`           // messages in quick succession; 0: no limit
	DataBytes     int     `json:"data_bytes"`      // of the JSON of one message's data; 0: it takes none
	Rooms         int     `json:"rooms"`           // over one connection; 0 in a welcome of Dial
}

// Events yields what happens in the room, in order: each message exactly once, over all
// connections. It begins with the welcome of the first connection and the server's latest
// messages, or with what came after the position of [WithSince]. What happens between
// two loops waits in the buffer for the next one ([WithBuffer]). Of loops that run
// concurrently, each gets a part of the events.
//
// The last pair has an error: that of ctx when it ends, ErrClosed after Close, or the
// reason why the Room has ended, an [Error] or ErrProtocol. An Error with Close 1000 says that
// the service has taken the user out of the room.
func (r *Room) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			ev, err := r.nextEvent(ctx)
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// nextEvent waits for an event.
func (r *Room) nextEvent(ctx context.Context) (Event, error) {
	c := r.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case ctx.Err() != nil:
			return Event{}, ctx.Err()
		case r.err == ErrClosed || r.err != nil && len(r.queue.events) == 0:
			return Event{}, r.err
		case len(r.queue.events) > 0:
			ev := r.queue.pop()
			switch {
			case ev.Type == TypeWelcome:
				r.place.shown = ev.Welcome.Position.Epoch
			case ev.Position.Epoch != "":
				r.place.shown = ev.Position.Epoch
			}
			if r.queue.drained() {
				r.changed.all()
				if r.visit.skipping {
					r.resyncLocked()
				}
				if r.back.paused {
					r.back.paused = false
					c.nudge()
				}
			}
			return ev, nil
		}
		c.waitLocked(ctx, &r.changed)
	}
}

// queue has the events that the program has not yet read. Guarded by Conn.mu.
type queue struct {
	events              []Event // the first is next
	bytes               int
	maxEvents, maxBytes int
}

func (q *queue) full() bool { return len(q.events) >= q.maxEvents || q.bytes >= q.maxBytes }

// drained reports whether the queue has enough room to read on.
func (q *queue) drained() bool {
	return len(q.events) <= q.maxEvents/2 && q.bytes <= q.maxBytes/2
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

// weight returns roughly how many bytes of memory e takes.
func weight(e *Event) int {
	n := 512 + len(e.Text) + len(e.Data) + 64*(len(e.Joined)+len(e.Left))
	for i := range e.Reactions {
		n += 64 + 48*len(e.Reactions[i].Users)
	}
	if e.Welcome != nil {
		n += 96 * len(e.Welcome.Members)
	}
	return n
}
