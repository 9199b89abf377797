package chatlog

import "context"

// A Range says which events of a room to read. From and Before are offsets, and
// at most one of them is set; with neither, the newest events are meant.
type Range struct {
	From   uint64 // the first offset wanted, reading forward; 0: not set
	Before uint64 // the newest events below this offset; 0: not set
	Limit  int    // at most so many events; 0 or less: none, or Server.History's default

	// Visible leaves out what Reader may not see (Event.VisibleTo; the empty Reader
	// is nobody), before Limit counts. Server.History sets both itself.
	Visible bool
	Reader  string
}

// A Page is one consistent look at a room's log.
type Page struct {
	// Events are in the order of their offsets, oldest first. They hold every
	// entry of the range, or with Range.Visible and from a Server those that the
	// reader may see.
	Events []Event
	// Position is the log's last place at the time of the look, without a Time.
	Position Position
	// First is the smallest offset that the log still holds, or the next one to
	// be given if it holds none.
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
// All methods may be called at once from many goroutines, and each returns soon
// after its context ends. One that panics counts as one that returned an error.
// Rooms' names are valid UTF-8 of any characters.
type Log interface {
	Store
	Feed
	Presence
}

// A Store holds one log a room.
type Store interface {
	// Append gives e the next offset of room, and the log's time, stores it and
	// announces it to every server that watches the room (the announcement may
	// be lost). Offsets are dense: one more for each stored event of an epoch,
	// in the order in which the events become readable.
	//
	// If e.ID is not empty and the same e.User has stored the same ID in this
	// room within five minutes at least, nothing is stored or announced: the
	// first event is returned with dup true. A log that tries again by itself after
	// a lost answer may say dup of what the same call has stored.
	//
	// An error means that e is perhaps stored; calling again with the same ID
	// finds out.
	Append(ctx context.Context, room string, e Event) (stored Event, epoch string, dup bool, err error)

	// Lookup returns the event that user has stored in room with id, which is not
	// empty; ok is false if there is none. It knows what Append would call a
	// repetition, for as long. Of an event that is no longer held it returns
	// Offset, Time, User and ID, and an empty Type. A server asks when it is about
	// to refuse a message: if an earlier try was stored, that is the answer.
	Lookup(ctx context.Context, room, user, id string) (e Event, epoch string, ok bool, err error)

	// Read returns a range of room's events. A room never written to has an
	// empty page, not an error, with the position that a first Append follows.
	//
	// With r.Visible the work grows with r.Limit, not with what lies between: one
	// user's thousands of private messages do not keep the others from their
	// history.
	Read(ctx context.Context, room string, r Range) (Page, error)

	// Positions returns the last position of each of rooms, in their order. It
	// is what servers compare with their own on a timer, so it is one cheap
	// batch.
	Positions(ctx context.Context, rooms []string) ([]Position, error)

	// Renew starts a new epoch of room if it is still in seen, and returns the
	// epoch it is in then. A server calls it when the log contradicts what has
	// been delivered from it. Events stay.
	Renew(ctx context.Context, room, seen string) (epoch string, err error)
}
