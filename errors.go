package chat

import (
	"errors"

	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/rooms"
)

// The errors a caller can act on, found with [errors.Is].
var (
	// ErrServerClosed is returned by Publish, Follow and Disconnect after Shutdown
	// or Close was called.
	ErrServerClosed = rooms.ErrClosed
	// ErrUnavailable is returned when the log could not be reached in time. A
	// message may have been kept all the same: publish again with the same ID.
	ErrUnavailable = guard.ErrUnavailable
	// ErrBadName is returned for a room's or user's name that the rules refuse.
	ErrBadName = errors.New("chat: bad name")
	// ErrBadMessage is returned for a message that is empty, too long or not
	// UTF-8, or has an ID over 64 bytes.
	ErrBadMessage = errors.New("chat: bad message")
	// ErrNoSuchUser is returned for a private message to an anonymous user who
	// is not in the room.
	ErrNoSuchUser = errors.New("chat: no such user")
	// ErrRejected is returned when a Filter refused a message; its text
	// is in the error's.
	ErrRejected = errors.New("chat: rejected")
	// ErrGap is yielded by Follow when events between the last one yielded and
	// the next are not to be had any more.
	ErrGap = rooms.ErrGap
	// ErrBadCode is returned for a close code that an application may not send.
	ErrBadCode = errors.New("chat: bad close code")
	// ErrTooMany is returned when a limit on rooms, members or connections is
	// reached.
	ErrTooMany = limit.ErrReached
)
