package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/rules"
)

// A Batch is events of one room, for a consumer of [Server.FollowAll].
type Batch struct {
	Room string
	// Missed is true if the log no longer holds some events between those handled before and
	// these, because its limits have removed them. A log without limits misses none.
	Missed bool
	// Events are in the order of their offsets, each with its Position. They may be none if
	// Missed is true.
	Events []Event
}

// FollowAll reads the log of every room, and calls handle with what is new, until ctx ends or
// the server closes. Use it for an archive, a search index or webhooks: for what must see each
// event of each room, also after a restart. For one room, and without a stored place, use
// [Server.Follow].
//
// The log stores, for the consumer of that name, up to where each room was handled. from counts
// when the name is new: with [FromStart] the consumer begins with the first event that each room
// still has, and with the zero Position with the next event; no other Position is allowed. The
// name has 1 to 128 bytes of UTF-8.
//
// Handle gets messages, private ones too, and what amends them (TypeEdit, TypeDelete,
// TypeReaction). What is deleted before it is read does not come, but its TypeDelete does. The
// events of a room come in their order, to one call at a time. Calls for up to eight rooms run
// concurrently. Any number of processes may run FollowAll with the same name: each room is
// handled by one of them. If that one dies, another takes over within 15 seconds.
//
// If handle returns nil, the place is stored after the batch. An error, a panic or the death of
// the process leaves the place where it was, and the same events come again, perhaps in other
// batches. After an error, the room waits for a random time that grows up to a minute, and all
// others go on. So each event is handled at least once, and once exactly if the effects of
// handle and the place are stored together:
//
//   - in the same database as the log, with the transaction in ctx: TxFrom of package pglog;
//   - elsewhere, with the room and the event's Position as a key: skip events that have one
//     already. A Position is never given to two events of a room.
//
// Errors are that of ctx, ErrServerClosed, ErrBadName, and ErrUnsupported if the log stores no
// places: the memory log, sqlitelog and pglog do. If the log fails, FollowAll tries again. When
// it returns, no call of handle is running. The memory log forgets all places with the process.
func (s *Server) FollowAll(ctx context.Context, consumer string, from Position, handle func(ctx context.Context, b Batch) error) error {
	if err := checkConsumer(consumer); err != nil {
		return err
	}
	if from != FromStart && from != (Position{}) {
		return errors.New("chat: FollowAll begins at FromStart or the zero Position")
	}
	return s.core.Rules.FollowAll(ctx, consumer, from != FromStart, func(ctx context.Context, b *chatlog.Batch) error {
		batch := Batch{Room: b.Room, Missed: b.Missed, Events: make([]Event, len(b.Events))}
		for i, e := range b.Events {
			batch.Events[i], _ = eventOf(e, b.Epoch, nil)
		}
		return handle(ctx, batch)
	})
}

// A Consumer is a name that FollowAll was called with, and how far it has read.
type Consumer = chatlog.Consumer

// Consumers returns the consumers that the log knows, ordered by name, and how many events each
// has not handled yet. Its cost grows with the number of rooms. Errors are ErrUnsupported,
// ErrUnavailable and a canceled context's.
func (s *Server) Consumers(ctx context.Context) ([]Consumer, error) {
	return s.core.Rooms.Log().Consumers(ctx)
}

// RemoveConsumer forgets a consumer and its places. A FollowAll with that name must not be
// running: it would handle nothing more. It is no error if there is no such consumer. Errors are
// ErrBadName, ErrUnsupported, ErrUnavailable and a canceled context's.
func (s *Server) RemoveConsumer(ctx context.Context, name string) error {
	if err := checkConsumer(name); err != nil {
		return err
	}
	return s.core.Rooms.Log().RemoveConsumer(ctx, name)
}

// checkConsumer refuses a bad name of a consumer.
func checkConsumer(name string) error {
	if name == "" || len(name) > 128 || !rules.Valid(name) {
		return fmt.Errorf("%w: a consumer's name has 1 to 128 bytes of UTF-8", ErrBadName)
	}
	return nil
}
