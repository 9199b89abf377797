package chatlog

import "context"

// A Range says which events of a room to read. From and Before are offsets. At most one
// of them is set; with neither, the newest events are meant.
type Range struct {
	// From is the first offset wanted, and the reading goes forward; 0: not set. From
	// below the first event that is held begins with that one, From above the last
	// finds nothing.
	From uint64
	// Before asks for the newest events below this offset; 0: not set. Before above
	// the last event means the newest ones.
	Before uint64
	// Limit is how many events are wanted at most. 0 or less asks for none, which
	// leaves the rest of the page.
	Limit int

	// Visible leaves out what Reader may not see (Event.VisibleTo), before Limit
	// counts.
	Visible bool
	// Reader is the id of the user who reads, for Visible. The empty Reader is nobody,
	// who sees no private messages.
	Reader string

	// Messages leaves out everything but messages, before Limit counts: the entries that
	// amend one, and the places of deleted messages. The messages are as they are now,
	// with Edited, Reactions and Amended. A log that is no Amender need not look at it.
	Messages bool
}

// A Page is one consistent look at a room's log.
type Page struct {
	// Events are in the order of their offsets, oldest first. They hold every
	// entry of the range, or with Range.Visible those that the reader may see, or with
	// Range.Messages the messages among them. They are nil or empty if there are none.
	Events []Event
	// Position is the log's last place at the time of the look, without a Time. Its
	// Epoch is never empty; its Offset is 0 for a room never written to.
	Position Position
	// First is the smallest offset from which on the log holds every entry, or the next
	// one to be given if it holds none: Position.Offset + 1, never 0. With Range.Messages
	// it is the smallest offset from which on the log holds every message that was not
	// deleted; it may be smaller then (see Amender).
	First uint64
	// More reports whether the log holds further events of the kind asked for in
	// the direction read: newer ones with Range.From, older ones otherwise.
	More bool
}

// A Log keeps the rooms' events and lets several servers share them: what
// chat.WithLog takes. chat.NewMemoryLog is the one for a single process; the adapters
// redislog and pglog keep theirs in Redis and PostgreSQL. An implementation is
// held to its contract by the suite in package chattest.
//
// All methods may be called concurrently from many goroutines, and each returns soon
// after its context ends, with an error. An error says nothing but that the log could not
// do it, or not in time; servers compare it with the errors of package context only. What
// is returned with an error is not used, except what Beat returns. A method that panics
// counts as one that returned an error.
//
// Names of rooms and of servers, and users' ids, are valid UTF-8 of any characters, and
// two that differ in any byte are two. A log takes names of 256 bytes at least, and may
// refuse longer ones with an error.
type Log interface {
	Store
	Feed
	Presence
}

// An Appended is an entry of a room's log, as Append and Lookup answer.
type Appended struct {
	// Event is the entry as the log keeps it, with its Offset and Time. If it is no
	// longer held, only Offset, Time, UserID and ID are sure to be set: Lookup leaves
	// Type empty then, and Append may return what it was given.
	Event Event
	// Epoch is the one in which Event.Offset counts. It is never empty.
	Epoch string
	// Repeated reports that the entry was stored by an earlier call, with the same
	// UserID and ID. From Lookup it reports whether there is such an entry; if there
	// is none, the whole Appended is zero.
	Repeated bool
}

// A Store holds one log per room.
type Store interface {
	// Append gives e the next offset of room, and the log's time, stores it and
	// announces it to every server that watches the room (the announcement may
	// be lost). e.Offset and e.Time are not used. Offsets are dense: one more for
	// each stored event of an epoch, in the order in which the events become
	// readable.
	//
	// If e.ID is not empty and the same e.UserID has stored the same ID in this
	// room within the last five minutes, nothing is stored or announced: the first
	// event is returned, Repeated. A log may know ids for longer than five minutes.
	// One that tries again by itself after a lost answer may report as Repeated what
	// the same call has stored.
	//
	// An error means that e is perhaps stored; another call with the same ID
	// finds out.
	Append(ctx context.Context, room string, e Event) (Appended, error)

	// Lookup returns the event that userID has stored in room with id, as Repeated,
	// or the zero Appended if there is none or id is empty. It knows what Append would
	// call a repetition, for as long. It changes nothing. A server asks when it is
	// about to refuse a message: if an earlier try was stored, that is the answer.
	Lookup(ctx context.Context, room, userID, id string) (Appended, error)

	// Read returns a range of room's events. A room never written to has an
	// empty page, not an error, with the position that a first Append follows.
	// A log may return fewer than r.Limit events and say that there are More, but
	// at least one if there is one.
	//
	// With r.Visible or r.Messages the work grows with r.Limit, not with what lies
	// between: one user's thousands of private messages, or thousands of reactions, do
	// not keep the others from their history.
	Read(ctx context.Context, room string, r Range) (Page, error)

	// Positions returns the last position of each of rooms, in their order, for a
	// room never written to that of its empty page. rooms may be empty. Servers
	// compare the positions with their own on a timer, so it is one cheap batch.
	Positions(ctx context.Context, rooms []string) ([]Position, error)

	// Renew starts a new epoch of room if it is still in the epoch seen, and returns
	// the epoch that it is in then. A server calls it when the log contradicts what
	// has been delivered from it. Events, offsets and ids stay.
	Renew(ctx context.Context, room, seen string) (epoch string, err error)
}
