package chatlog

import "context"

// A Range says which events of a room to read. From and Before are offsets. At most one of them
// is set. With neither, the range is the newest events.
type Range struct {
	// From is the first offset wanted, and the read goes forward; 0 means not set. If From is
	// below the first held event, the read begins with that event. If it is above the last, it
	// finds nothing.
	From uint64
	// Before asks for the newest events below this offset; 0 means not set. If Before is above
	// the last event, it means the newest ones.
	Before uint64
	// Limit is the largest number of events to return. With 0 or less the page has no events,
	// but all its other fields.
	Limit int

	// Visible leaves out the events that Reader may not see (Event.VisibleTo). They do not count
	// towards Limit.
	Visible bool
	// Reader is the id of the user who reads, for Visible. The empty Reader is no user, and sees
	// no private messages.
	Reader string

	// Messages leaves out everything except messages: the entries that amend one, and the places
	// of deleted messages. These do not count towards Limit. The messages are in their current
	// state, with Edited, Reactions and Amended. A log that is no Amender may ignore Messages.
	Messages bool
}

// A Page is one consistent view of a room's log.
type Page struct {
	// Events are in the order of their offsets, oldest first. They are all entries of the range,
	// or with Range.Visible those that the reader may see, or with Range.Messages the messages
	// among them. Events is nil or empty if there are none.
	Events []Event
	// Position is the log's last position at the time of the read, without a Time. Its Epoch is
	// never empty. Its Offset is 0 for a room never written to.
	Position Position
	// First is the smallest offset from which on the log holds every entry. If it holds none,
	// First is the next offset to be given, Position.Offset + 1. It is never 0. With
	// Range.Messages it is the smallest offset from which on the log holds every message that
	// was not deleted; it may be smaller then (see Amender).
	First uint64
	// More reports whether the log holds further events that match the range in the direction of
	// the read: newer ones with Range.From, older ones otherwise.
	More bool
}

// A Log keeps the rooms' events and lets several servers share them. It is the argument of
// chat.WithLog. chat.NewMemoryLog is the log for a single process; the adapters redislog and
// pglog keep rooms in Redis and PostgreSQL, and sqlitelog in a file. The suite in package chattest tests an
// implementation against this contract.
//
// All methods may be called concurrently from many goroutines, and each returns an error soon
// after its context ends. An error only says that the log could not do it, or not in time.
// Servers compare it only with the errors of package context. Results that come with an error
// are not used, except the result of Beat. A method that panics counts as one that returned an
// error.
//
// Names of rooms and of servers, and users' ids, are valid UTF-8 with any characters. Two names
// that differ in any byte are different. A log accepts names of at least 256 bytes, and may
// refuse longer ones with an error.
type Log interface {
	Store
	Feed
	Presence
}

// An Appended is an entry of a room's log, as Append and Lookup return it.
type Appended struct {
	// Event is the entry as the log keeps it, with its Offset and Time. If it is no longer held,
	// only Offset, Time, UserID and ID are always set: Lookup leaves Type empty then, and Append
	// may return the event of its argument.
	Event Event
	// Epoch is the epoch of Event.Offset. It is never empty.
	Epoch string
	// Repeated reports that the entry was stored by an earlier call with the same UserID and ID.
	// From Lookup it reports whether there is such an entry; if there is none, the whole
	// Appended is zero.
	Repeated bool
}

// A Store holds one log per room.
type Store interface {
	// Append gives e the next offset of room and the log's time, stores it, and announces it to
	// every server that watches the room (the announcement may be lost). e.Offset and e.Time are
	// not used. Offsets are dense: each stored event of an epoch has one more than the event
	// before, in the order in which events become readable.
	//
	// If e.ID is not empty and the same e.UserID has stored the same ID in this room within the
	// last five minutes, nothing is stored or announced: Append returns the first event,
	// Repeated. A log may know ids for longer than five minutes. A log that repeats a call by
	// itself after a lost answer may report its own entry as Repeated.
	//
	// An error means that e may be stored. Another call with the same ID finds out.
	Append(ctx context.Context, room string, e Event) (Appended, error)

	// Lookup returns the event that userID has stored in room with id, as Repeated, or the zero
	// Appended if there is none or id is empty. It knows an event for as long as Append would
	// return it as a repetition. It changes nothing. A server calls it before it refuses a
	// message: if an earlier try was stored, that event is the answer.
	Lookup(ctx context.Context, room, userID, id string) (Appended, error)

	// Read returns a range of room's events. A room never written to has an empty page, not an
	// error, with the position before its first event. A log may return fewer than r.Limit
	// events and set More, but at least one if there is one.
	//
	// With r.Visible or r.Messages the work depends on r.Limit, not on the events between.
	// So thousands of private messages of one user, or thousands of reactions, do not hide
	// the history from others.
	Read(ctx context.Context, room string, r Range) (Page, error)

	// Positions returns the last position of each of rooms, in their order. For a room never
	// written to it is the position of its empty page. rooms may be empty. Servers compare the
	// positions with their own on a timer, so Positions should be one cheap batch.
	Positions(ctx context.Context, rooms []string) ([]Position, error)

	// Renew starts a new epoch of room if its epoch is still seen, and returns the room's epoch.
	// A server calls it when the log contradicts the events that the server has delivered.
	// Events, offsets and ids stay.
	Renew(ctx context.Context, room, seen string) (epoch string, err error)
}
