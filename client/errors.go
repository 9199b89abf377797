package client

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrClosed is returned by the methods of a Conn after Close was called.
	ErrClosed = errors.New("client: closed")
	// ErrUncertain is returned, beside the reason for giving up, when a message
	// was sent and its fate is not known: the server may have kept it. Who gave
	// it an ID (see [Conn.Publish]) finds out by publishing it again within five
	// minutes.
	ErrUncertain = errors.New("client: the message may or may not have been kept")
	// ErrProtocol is returned when the server does not speak chat.v1, or an
	// object is larger than [WithMaxMessageSize] allows. The Conn does not try
	// again.
	ErrProtocol = errors.New("client: not a chat.v1 server")
)

// The codes that a program acts on. The [protocol] has all of them.
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
const (
	CodeRateLimited  = "rate_limited"  // too many messages; see [WithoutRateRetry]
	CodeUnavailable  = "unavailable"   // the server's log cannot be reached
	CodeForbidden    = "forbidden"     // the server's rules do not allow it
	CodeRejected     = "rejected"      // the server's filter refused the text
	CodeNoSuchUser   = "no_such_user"  // a private message to nobody
	CodeEmptyMessage = "empty_message" // the text shows nothing
	CodeTooLong      = "too_long"      // more than Limits.MessageBytes
	CodeBadUTF8      = "bad_utf8"      // the text is not UTF-8
	CodeBadRequest   = "bad_request"   // an ID over 64 bytes, for example
	CodeAuthFailed   = "auth_failed"   // the fresh token was not accepted
)

// An Error is the server's no: to one request (Status and Close are zero), to a
// connection before it is one (Status is set), or to a connection that there was
// (Close is set). Find it with [errors.As].
//
// [protocol]: https://github.com/seed-08328bfd/chat/blob/main/docs/protocol.md
type Error struct {
	// Code is one of the codes of the [protocol]. It is empty if there is a Close,
	// and if it was not the chat server that answered with Status.
	Code string
	// Message says why, for people.
	Message string
	// RetryAfter is when to try again; zero if the server did not say.
	RetryAfter time.Duration
	// Status is the HTTP status of a refused handshake, or zero.
	Status int
	// Close is the code of the server's close frame (RFC 6455, section 7.4), or
	// zero.
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
