package chatlog

import (
	"context"
	"errors"
	"time"
)

// ErrClaimLost is returned by the methods of a [Claim] if another call has claimed the room,
// or the consumer was removed.
var ErrClaimLost = errors.New("chat: another process handles the room")

// A Tracker is a Store that keeps, for readers with a name, how far each has read every room.
// It is optional: without it, the servers of a log cannot follow all rooms (FollowAll of package
// chat returns ErrUnsupported).
//
// The place of a consumer in a room is an offset: everything up to it was handled. It is stored
// with the events, so that both are lost or restored together. Several processes may read for
// one consumer. A room that one of them has claimed is not given to another one.
type Tracker interface {
	Store

	// AddConsumer makes the consumer known; if it is known already, AddConsumer does nothing.
	// With skip, the consumer's places in the rooms that exist are their present ends, and
	// otherwise the places before their first events. In rooms that are made later, it begins
	// with the first event. A name has 1 to 128 bytes of UTF-8.
	AddConsumer(ctx context.Context, name string, skip bool) error

	// RemoveConsumer forgets the consumer and its places. It is no error if there is none.
	RemoveConsumer(ctx context.Context, name string) error

	// Consumers returns the known consumers, ordered by name.
	Consumers(ctx context.Context) ([]Consumer, error)

	// Behind returns rooms with events after the consumer's place that are not claimed: at most
	// limit of them, in any order, but none of those in except. It returns none if there is no
	// such consumer.
	Behind(ctx context.Context, name string, except []string, limit int) (rooms []string, err error)

	// Claim gives the caller the next events of a room, at most limit of them, and keeps other
	// calls from claiming the room for the consumer for the time hold. It returns nil if there
	// is no such consumer, or nothing to read, or if the room is claimed.
	Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (Claim, error)

	// Grown returns a channel that is closed when an event may have been added to any room after
	// this call. Events may also be added without that.
	Grown() <-chan struct{}
}

// A Consumer says how far a consumer has read.
type Consumer struct {
	Name   string `json:"name"`
	Rooms  int    `json:"rooms"`  // with events that it has not handled
	Events uint64 `json:"events"` // that it has not handled, in all rooms; those that amend count too
}

// A Batch is what a Claim has: events of one room in the order of their offsets. Deleted events
// and those that the log no longer holds are missing.
type Batch struct {
	Room  string
	Epoch string // of the offsets
	// Missed says that the log no longer holds some events between the consumer's place and
	// the first event here, because of its limits. Without limits it is false.
	Missed bool
	// Events may be empty, if all were deleted.
	Events []Event
}

// A Claim is a part of a room that a consumer handles. Only one call of its methods runs at a
// time, except for Renew. It ends with Done or Release.
type Claim interface {
	// Batch returns the events. It returns the same each time.
	Batch() *Batch
	// Context returns a context for handling the events, made of ctx. A log may put into it
	// what lets the handler write in the same transaction as Done; then such writes and the
	// consumer's place are stored together, or none of them.
	Context(ctx context.Context) context.Context
	// Renew keeps other calls from claiming the room for the time hold from now on. The error
	// is ErrClaimLost if another call has claimed it already.
	Renew(ctx context.Context, hold time.Duration) error
	// Done stores that the events were handled: the place is the offset of the last event. Then
	// it lets go of the room. After an error it is not known whether the place was stored, and
	// if the error is ErrClaimLost, it was not.
	Done(ctx context.Context) error
	// Release lets go of the room without storing anything.
	Release(ctx context.Context) error
}
