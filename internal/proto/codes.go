package proto

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Subprotocol is the name of the dialect of JSON objects both ways.
const Subprotocol = "chat.v1"

// SessionPrefix marks the session of an anonymous user in the list of subprotocols that a
// client offers. The server never chooses such an entry.
const SessionPrefix = "session."

// The codes of an error object.
const (
	CodeBadJSON       = "bad_json"
	CodeUnknownType   = "unknown_type"
	CodeEmptyMessage  = "empty_message"
	CodeTooLong       = "too_long"
	CodeBadUTF8       = "bad_utf8"
	CodeRateLimited   = "rate_limited"
	CodeNoSuchUser    = "no_such_user"
	CodeForbidden     = "forbidden"
	CodeRejected      = "rejected"
	CodeUnavailable   = "unavailable"
	CodeBadRequest    = "bad_request"
	CodeTokenExpiring = "token_expiring"
	CodeAuthFailed    = "auth_failed"
	CodeNoSuchMessage = "no_such_message"
	CodeUnsupported   = "unsupported"
	CodeNotJoined     = "not_joined"
	CodeTooMany       = "too_many" // also of a refused request

	CodeGap = "gap" // tells a plain client of a gap; a chat.v1 client learns it from the welcome
)

// The codes of a refused HTTP request that no error object has. A refusal may also have
// CodeBadRequest, CodeForbidden, CodeUnavailable or CodeUnsupported, and that of a POST others.
const (
	CodeBadRoom          = "bad_room"
	CodeBadName          = "bad_name"
	CodeUnauthorized     = "unauthorized"
	CodeNotFound         = "not_found"
	CodeMethodNotAllowed = "method_not_allowed"
	CodeUpgradeRequired  = "upgrade_required"
	CodeInternal         = "internal"
	CodeNotAcceptable    = "not_acceptable"
	CodeUnsupportedType  = "unsupported_media_type"
)

// Refuses reports whether a server refuses a request with this code and HTTP status. A
// pair that it never sends comes from something else, such as a proxy.
func Refuses(code string, status int) bool {
	switch status {
	case http.StatusBadRequest:
		switch code {
		case CodeBadRequest, CodeBadRoom, CodeBadName, CodeBadJSON, CodeBadUTF8, CodeEmptyMessage, CodeUnknownType:
			return true
		}
	case http.StatusUnauthorized:
		return code == CodeUnauthorized
	case http.StatusForbidden:
		return code == CodeForbidden
	case http.StatusNotFound:
		return code == CodeNotFound || code == CodeNoSuchMessage || code == CodeNoSuchUser
	case http.StatusMethodNotAllowed:
		return code == CodeMethodNotAllowed
	case http.StatusNotAcceptable:
		return code == CodeNotAcceptable
	case http.StatusRequestEntityTooLarge:
		return code == CodeTooLong
	case http.StatusUnsupportedMediaType:
		return code == CodeUnsupportedType
	case http.StatusUnprocessableEntity:
		return code == CodeRejected
	case http.StatusUpgradeRequired:
		return code == CodeUpgradeRequired
	case http.StatusTooManyRequests:
		return code == CodeTooMany || code == CodeRateLimited
	case http.StatusInternalServerError:
		return code == CodeInternal
	case http.StatusNotImplemented:
		return code == CodeInternal || code == CodeUnsupported
	case http.StatusServiceUnavailable:
		return code == CodeUnavailable
	}
	return false
}

// The codes of a close frame (RFC 6455, section 7.4.1, and from 4000 on the protocol's
// own).
const (
	CloseNormal      = 1000 // the sender leaves on purpose
	CloseGoingAway   = 1001 // shutdown
	CloseProtocol    = 1002 // frames that break RFC 6455
	CloseUnsupported = 1003 // a binary frame
	CloseInvalid     = 1007 // text that is not UTF-8
	ClosePolicy      = 1008 // removed by the server or its rules
	CloseTooBig      = 1009 // a message too big
	CloseInternal    = 1011 // a fault of the server
	CloseTryAgain    = 1013 // too slow, or events were lost: come back and resume
	CloseExpired     = 4001 // credentials ran out
	CloseForbidden   = 4003 // forbidden from now on: the client does not come back by itself
)

// A Closed is the error of what the server has ended with a close code.
type Closed struct {
	Code   int
	Reason string
}

func (c *Closed) Error() string { return "closed: " + c.Reason }

// Error is an error object for one member.
type Error struct {
	Code  string
	Text  string
	ID    string        // id of the client's object
	Retry time.Duration // when to try again; 0: no time is given
	Fatal bool          // the connection ends

	Excused bool // not the client's fault, whatever the code says

	// Room is the room that the error is about, on a connection with many; otherwise empty.
	Room string
}

// BadRequest returns an error with CodeBadRequest; format and args are those of
// [fmt.Sprintf].
func BadRequest(format string, args ...any) *Error {
	return &Error{Code: CodeBadRequest, Text: fmt.Sprintf(format, args...)}
}

// ErrorObject encodes e for a chat.v1 member.
func ErrorObject(e *Error) []byte {
	b := []byte(`{"type":"` + TypeError + `"`)
	if e.Room != "" {
		b = AppendQuoted(append(b, `,"room":`...), e.Room)
	}
	b = AppendQuoted(append(b, `,"code":`...), e.Code)
	b = AppendQuoted(append(b, `,"message":`...), e.Text)
	return append(e.appendRest(b), '}')
}

// SystemObject encodes e for a plain member, whose page shows the message.
func SystemObject(e *Error) []byte {
	b := append([]byte(`{"type":"system","time":"`), AppendTime(nil, time.Now())...)
	b = AppendQuoted(append(b, `","code":`...), e.Code)
	b = AppendQuoted(append(b, `,"message":`...), e.Text)
	return append(e.appendRest(b), '}')
}

func (e *Error) appendRest(b []byte) []byte {
	if e.ID != "" {
		b = AppendQuoted(append(b, `,"id":`...), e.ID)
	}
	if e.Retry > 0 {
		b = strconv.AppendInt(append(b, `,"retry_after_ms":`...), max(1, e.Retry.Milliseconds()), 10)
	}
	return b
}

// maxOffset is the largest integer that every JSON reader holds exactly (RFC
// 8259, section 6).
const maxOffset = 1<<53 - 1

// ParseOffset reads an offset, or any whole number from 0 to 2^53-1, in decimals.
func ParseOffset(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 53)
	if err != nil || s[0] == '+' {
		return 0, fmt.Errorf("chat: an offset is a whole number from 0 to %d", uint64(maxOffset))
	}
	return n, nil
}

// AtFault reports whether the error is the client's fault. A failure of the log is not.
// Neither is a decision of a hook or of the room's state, which a client learns only by
// asking: a message that is rejected, a room or a receiver that it may not write to (any
// longer), a message that is not there to be amended, a token that is not accepted, what the
// log cannot do. Every error is charged to the client like a frame, so many errors make it
// slow. To ask for messages that it may not see costs a client its rate limit, too, and
// tells it nothing: the answer is the same whether they are there.
func (e *Error) AtFault() bool {
	switch e.Code {
	case CodeUnavailable, CodeRejected, CodeForbidden, CodeNoSuchUser, CodeAuthFailed, CodeNoSuchMessage, CodeUnsupported,
		CodeNotJoined, CodeTooMany:
		return false
	}
	return !e.Excused
}
