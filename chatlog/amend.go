package chatlog

import (
	"context"
	"errors"
	"time"
)

// The errors of [Amender], which servers compare with errors.Is.
var (
	// ErrNoSuchMessage says that there is no message to amend at Event.Target: nothing is
	// held there, or not a message, or it was deleted, or the user may not see it or may
	// not do this to it. It does not say which, so that nobody learns what is not theirs.
	ErrNoSuchMessage = errors.New("chat: no such message")
	// ErrTooManyReactions says that the message has MaxReactions different reactions and
	// this would be one more.
	ErrTooManyReactions = errors.New("chat: too many different reactions")
)

// The bounds of the reactions to one message.
const (
	MaxReactions      = 20 // different ones
	MaxReactionBytes  = 32 // of one
	MaxReactionListed = 50 // users of one that Reaction.Users names
)

// An Amender is a Store whose messages can carry Data and ReplyTo, and can be amended. It
// is optional: a server whose log is none answers what needs one with the code unsupported.
//
// An entry that amends a message is an entry like any other: it has an offset and a time,
// is announced, is read in its place, and is known by its user and ID. What it does to its
// message is done in the same step:
//
//   - TypeEdit gives the message its Text and Data in place of the old ones. The last edit
//     in the order of offsets holds.
//   - TypeReaction adds the user to those who have given Reaction, or with Remove takes the
//     user out.
//   - TypeDelete erases: the text, the data and the reactions of the message are nowhere in
//     the store when Amend returns, nor are the reactions and the texts of the
//     entries that have amended it. What is read at the offset of the message, and of each
//     earlier entry that has amended it, is then the place of something deleted: an Event of
//     TypePrivate with Offset and Time and without any user, which nobody may see. The
//     TypeDelete itself stays. Sizes and epochs do not change.
//
// A Range without Messages gives a message with its present Text and Data, and a TypeEdit
// with the Text and Data of its target at the time of the read (or its own), so that whoever
// applies the entries in their order ends with what is there now. Edited, Reactions and
// Amended are not set then: the entries that follow say it.
//
// A log keeps a number of messages, and entries that amend do not count towards it; deleted
// messages may. It keeps a bounded number of entries that amend, at least 200 in a room, the
// newest. What is read without Range.Messages begins after the last that has gone
// (Page.First), while the messages before it are still read with Range.Messages. When a
// message goes because there are too many, what is read at the offset of a TypeEdit or
// TypeReaction that has amended it is the entry, or the place of something deleted.
type Amender interface {
	Store

	// Amend appends e, of TypeEdit, TypeDelete or TypeReaction, and changes the message
	// e.Target. e.Offset, e.Time, e.To and e.ToUsername are not used: if the message is
	// private, the entry gets in To the id of the message's other user (its own if there is
	// none). moderator allows a TypeDelete of a message of another user.
	//
	// ErrNoSuchMessage is returned, and nothing is stored, if Target is no held message that
	// e.UserID may see (Event.VisibleTo); or if e is a TypeEdit, or a TypeDelete without
	// moderator, and the message's UserID is another one. ErrTooManyReactions is returned
	// for a Reaction too many.
	//
	// If e.ID was stored already, Amend returns the first entry, Repeated, as Append does,
	// whatever has become of the message. An entry that was erased counts for Append, Amend
	// and Lookup as one that is no longer held (see Appended). A reaction that changes nothing, because the user
	// has given it already or has not given it, is not stored: Amend returns e with the
	// Offset of the last entry that has amended the message, or else the message's, and the
	// Time of that, Repeated.
	Amend(ctx context.Context, room string, e Event, moderator bool) (Appended, error)
}

// An Unread says how far a user has read a room.
type Unread struct {
	// Read is the user's marker: the greatest offset given to MarkRead in the room's
	// present epoch; 0: none.
	Read uint64 `json:"read"`
	// Last is the offset of the room's last entry; 0 in a room never written to.
	Last uint64 `json:"last"`
	// Unread is the number of messages with an offset above Read that the user may see
	// and that are from other users: exact below MaxUnread, and MaxUnread for that many or
	// more. Entries that amend and deleted messages do not count, and messages that the log
	// no longer holds need not.
	Unread int `json:"unread"`
}

// MaxUnread is where Unread stops to count.
const MaxUnread = 100

// A Marker is a Store that keeps for each user and room how far the user has read. It is
// optional: a server whose log is none answers what needs one with the code unsupported.
// Markers are kept as long as the room's ids are, or longer.
type Marker interface {
	// MarkRead raises the marker of userID in room to offset, if that is higher, and not
	// above the room's last offset. It returns the marker, and whether this call has raised
	// it. A room never written to has no markers: 0, false.
	MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, raised bool, err error)

	// Unread returns what userID has not read of each of rooms, in their order. The user
	// need not have a marker, and a room need not exist. rooms may be empty, and has at
	// most 100 names.
	Unread(ctx context.Context, userID string, rooms []string) ([]Unread, error)
}

// A Pacer is a Store that keeps when users last sent a message to a room, for a least time
// between two messages. It is optional: with a log that is none, each server keeps that
// for itself.
type Pacer interface {
	// Pace takes the turn of userID in room, if the user's last turn was taken at least
	// every ago by the log's clock, and returns 0; otherwise it takes nothing and returns
	// the time that is left, more than 0. A turn that was last taken with the same id, which
	// is not empty, is taken again at no cost. every is more than 0; a log forgets turns
	// that are older than it.
	Pace(ctx context.Context, room, userID, id string, every time.Duration) (wait time.Duration, err error)
}
