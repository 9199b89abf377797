package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
)

var (
	// ErrClosed is returned by the methods of a Conn or a Room after Close was called.
	ErrClosed = errors.New("client: closed")
	// ErrUncertain is returned, wrapped together with the cause, when a message, or what
	// amends one, was sent and no answer has come: the server may have stored it. A program
	// that gave the message or the edit an ID (see [Room.Publish]) can send it again within
	// five minutes, and the server stores it only once. Reactions and deletes can be sent
	// again at any time.
	ErrUncertain = errors.New("client: the message may have been stored or not")
	// ErrProtocol is returned when the server does not speak chat.v1, or when an object
	// is larger than [WithMaxMessageSize] allows. The Conn does not try again.
	ErrProtocol = errors.New("client: not a chat.v1 server")
)

// The values of [Error.Code] that a program may want to handle. The [protocol] has all of
// them.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
const (
	CodeRateLimited  = proto.CodeRateLimited  // "rate_limited": too many messages; see [WithoutRateRetry]
	CodeUnavailable  = proto.CodeUnavailable  // "unavailable": the server's log does not answer
	CodeForbidden    = proto.CodeForbidden    // "forbidden": the server's rules do not allow it
	CodeRejected     = proto.CodeRejected     // "rejected": the server's filter refused the text
	CodeNoSuchUser   = proto.CodeNoSuchUser   // "no_such_user": the receiver of a private message is not in the room
	CodeEmptyMessage = proto.CodeEmptyMessage // "empty_message": the text has no visible characters
	CodeTooLong      = proto.CodeTooLong      // "too_long": the text has more than Limits.MessageBytes
	CodeBadUTF8      = proto.CodeBadUTF8      // "bad_utf8": the text is not UTF-8
	CodeBadRequest   = proto.CodeBadRequest   // "bad_request": for example an ID over 64 bytes
	CodeTooMany      = proto.CodeTooMany      // "too_many": for example more rooms over one connection than Limits.Rooms
	CodeAuthFailed   = proto.CodeAuthFailed   // "auth_failed": the server did not accept the fresh token

	CodeNoSuchMessage = proto.CodeNoSuchMessage // "no_such_message": there is no message to amend, or not for this user
	CodeUnsupported   = proto.CodeUnsupported   // "unsupported": the server, or its log, cannot do this
	CodeUnknownType   = proto.CodeUnknownType   // "unknown_type": the server is of a version that cannot do this
)

// An Error is a refusal by the server: of one request (Status and Close are zero), of a
// handshake (Status is set), or of an open connection or of one room of it (Close is set). Find it with
// [errors.As]. Its codes are those of the [protocol].
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
type Error struct {
	// Code is the reason, for programs: a word such as "forbidden". It is empty if
	// Close is set, and if the answer with Status did not come from a chat server.
	Code string
	// Message is the reason, for people.
	Message string
	// RetryAfter is the time after which to try again; zero if the server did not say.
	RetryAfter time.Duration
	// Status is the HTTP status of a refused handshake; zero if there is none.
	Status int
	// Close is the code of the server's close frame (RFC 6455, section 7.4), or that with
	// which it has ended one room of a Conn; zero if there is none.
	Close int
}

// Error implements error.
func (e *Error) Error() string {
	s := "client: "
	switch {
	case e.Status != 0:
		s += fmt.Sprintf("refused with status %d", e.Status)
	case e.Close != 0:
		s += fmt.Sprintf("closed by the server with %d", e.Close)
	default:
		s += "refused"
	}
	if e.Code != "" {
		s += ": " + e.Code
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// unknownType is the refusal of objects of a type that the server does not know.
func unknownType(typ chatlog.Type) *Error {
	return &Error{Code: CodeUnknownType, Message: fmt.Sprintf("the server is of a version that does not know the type %q", typ)}
}
