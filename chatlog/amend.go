package chatlog

import (
	"context"
	"errors"
	"time"
)

// The errors of [Amender], which servers compare with errors.Is.
var (
	// ErrNoSuchMessage says that there is no message to amend at Event.Target. The log holds
	// nothing there, or no message, or the message was deleted, or the user may not see it or
	// may not do this to it. The error does not say which of these, so a user learns nothing
	// about messages of others.
	ErrNoSuchMessage = errors.New("chat: no such message")
	// ErrTooManyReactions says that the message already has MaxReactions different reactions,
	// and that this would be one more.
	ErrTooManyReactions = errors.New("chat: too many different reactions")
)

// The bounds of the reactions to one message.
const (
	MaxReactions      = 20 // different reactions to one message
	MaxReactionBytes  = 32 // bytes of one reaction
	MaxReactionListed = 50 // users of one reaction in Reaction.Users
)

// An Amender is a Store whose messages can carry Data and ReplyTo, and can be amended. It is
// optional: if a log is no Amender, its servers answer requests that need one with the code
// unsupported.
//
// An entry that amends a message is an entry like any other. It has an offset and a time, is
// announced, is read in its place, and is known by its user and ID. In the same step it changes
// its message:
//
//   - TypeEdit replaces the message's Text and Data by its own. The last edit in the order
//     of offsets counts.
//   - TypeReaction adds the user to the users of Reaction, or with Remove removes the user.
//   - TypeDelete erases. When Amend returns, the store has nothing of the message's text,
//     data and reactions, nor of the texts and reactions of the entries that have amended
//     it. A read at the offset of the message, or of an earlier entry that has amended it,
//     returns the place of something deleted: an Event of TypePrivate with Offset and
//     Time and without users, which no user may see. The TypeDelete itself stays.
//     Sizes and epochs do not change.
//
// A Range without Messages returns a message with its current Text and Data, and a TypeEdit with
// the Text and Data of its target at the time of the read (or its own). So a reader that applies
// the entries in their order ends with the current state. Edited, Reactions and Amended are not
// set then, because the later entries give them.
//
// A log keeps a number of messages. Entries that amend do not count towards it; deleted messages
// may. It keeps a limited number of the newest entries that amend, at least 200 per room. A read
// without Range.Messages begins after the last such entry that was removed (Page.First), while
// messages before it are still read with Range.Messages. When a message is removed because there
// are too many, a read at the offset of a TypeEdit or TypeReaction that amended it returns the
// entry, or the place of something deleted.
type Amender interface {
	Store

	// Amend appends e, of TypeEdit, TypeDelete or TypeReaction, and changes the message
	// e.Target. e.Offset, e.Time, e.To and e.ToUsername are not used. If the message is private,
	// the entry gets in To the id of the message's other user (its own if there is none).
	// moderator allows a TypeDelete of a message of another user.
	//
	// Amend returns ErrNoSuchMessage, and stores nothing, if Target is not a held message that
	// e.UserID may see (Event.VisibleTo). It also does so if the message is from another user
	// and e is a TypeEdit, or a TypeDelete without moderator. It returns ErrTooManyReactions if
	// the message would have too many different reactions.
	//
	// If e.ID was stored already, Amend returns the first entry, Repeated, as Append does,
	// whatever has happened to the message since. For Append, Amend and Lookup, an erased entry
	// counts as one that is no longer held (see Appended). A reaction that changes nothing,
	// because the user has already given it or has not given it, is not stored. Then Amend
	// returns e as Repeated, with the Offset and Time of the last entry that has amended the
	// message, or else of the message itself.
	Amend(ctx context.Context, room string, e Event, moderator bool) (Appended, error)
}

// An Unread says how far a user has read a room.
type Unread struct {
	// Read is the user's marker: the largest offset given to MarkRead in the room's current
	// epoch, or 0.
	Read uint64 `json:"read"`
	// Last is the offset of the room's last entry; 0 in a room never written to.
	Last uint64 `json:"last"`
	// Unread is the number of messages with an offset above Read that the user may see and that
	// are from other users. It is exact below MaxUnread; MaxUnread means that many or more.
	// Entries that amend and deleted messages do not count. Messages that the log no longer
	// holds need not count.
	Unread int `json:"unread"`
}

// MaxUnread is the largest number that Unread counts to.
const MaxUnread = 100

// A Marker is a Store that keeps for each user and room how far the user has read. It is
// optional: if a log is no Marker, its servers answer requests that need one with the code
// unsupported. Markers are kept at least as long as the room's ids.
type Marker interface {
	// MarkRead raises the marker of userID in room to offset, or to the room's last offset if
	// that is lower. It never lowers the marker. It returns the marker, and whether this call
	// has raised it. A room never written to has no markers: the result is 0, false.
	MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, raised bool, err error)

	// Unread returns what userID has not read in each of rooms, in their order. The user need
	// not have a marker, and a room need not exist. rooms may be empty, and has at most 100
	// names.
	Unread(ctx context.Context, userID string, rooms []string) ([]Unread, error)
}

// A Pacer is a Store that keeps when users last sent a message to a room, for a minimum time
// between two messages. It is optional: if a log is no Pacer, each server keeps these times for
// itself.
type Pacer interface {
	// Pace takes the turn of userID in room and returns 0, if the user's last turn is at least
	// every ago by the log's clock. Otherwise it takes nothing and returns the remaining time,
	// which is more than 0. If the last turn has the same id, which is not empty, Pace returns 0
	// too, and the turn counts from its first time. every is more than 0. A log forgets turns
	// that are older than every.
	Pace(ctx context.Context, room, userID, id string, every time.Duration) (wait time.Duration, err error)
}
