package chat

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/names"
)

// subprotocol is the name of the dialect of JSON objects both ways.
const subprotocol = "chat.v1"

// sessionPrefix marks the session of an anonymous user among the subprotocols that
// a client offers. It is never the one that the server chooses.
const sessionPrefix = "session."

// The codes of an error object.
const (
	codeBadJSON       = "bad_json"
	codeUnknownType   = "unknown_type"
	codeEmptyMessage  = "empty_message"
	codeTooLong       = "too_long"
	codeBadUTF8       = "bad_utf8"
	codeRateLimited   = "rate_limited"
	codeNoSuchUser    = "no_such_user"
	codeForbidden     = "forbidden"
	codeRejected      = "rejected"
	codeUnavailable   = "unavailable"
	codeBadRequest    = "bad_request"
	codeTokenExpiring = "token_expiring"
	codeAuthFailed    = "auth_failed"

	codeGap = "gap" // tells a plain client what the welcome tells others
)

// wireError is an error object for one member.
type wireError struct {
	code  string
	text  string
	id    string        // of the client's object
	retry time.Duration // when to try again; 0: not said
	fatal bool          // the connection ends

	excused bool // not the client's fault, whatever the code says
}

func badRequest(format string, args ...any) *wireError {
	return &wireError{code: codeBadRequest, text: fmt.Sprintf(format, args...)}
}

// errorObject encodes e for a chat.v1 member.
func errorObject(e *wireError) []byte {
	b := appendQuoted([]byte(`{"type":"error","code":`), e.code)
	b = appendQuoted(append(b, `,"message":`...), e.text)
	return append(e.appendRest(b), '}')
}

// systemObject encodes e for a plain member, whose page shows the message.
func systemObject(e *wireError) []byte {
	b := append([]byte(`{"type":"system","time":"`), appendTime(nil, time.Now())...)
	b = appendQuoted(append(b, `","code":`...), e.code)
	b = appendQuoted(append(b, `,"message":`...), e.text)
	return append(e.appendRest(b), '}')
}

func (e *wireError) appendRest(b []byte) []byte {
	if e.id != "" {
		b = appendQuoted(append(b, `,"id":`...), e.id)
	}
	if e.retry > 0 {
		b = strconv.AppendInt(append(b, `,"retry_after_ms":`...), max(1, e.retry.Milliseconds()), 10)
	}
	return b
}

// fail tells the client of an error.
func (m *member) fail(e *wireError) {
	if m.v1 {
		m.send(errorObject(e))
	} else {
		m.send(systemObject(e))
	}
}

// handlePlain takes a text frame of the plain dialect: the text of a message,
// whatever it looks like.
func (m *member) handlePlain(text []byte) *wireError {
	if !utf8.Valid(text) {
		return &wireError{code: codeBadUTF8, fatal: true}
	}
	_, _, err := m.publish(&Event{Type: TypeMessage, Message: string(text)})
	return err
}

// publish stamps e as the member's and puts it through the rules, in the order
// of their cost, to the log. What repeats a message that was kept is answered with
// that one, whichever rule refuses it now; but not above the rate, where even the
// look for it would be too much: that refusal says when to ask again. epoch is that
// of the offset.
func (m *member) publish(e *Event) (stored Event, epoch string, refused *wireError) {
	srv := m.room.srv
	if err := checkText(e.Message, srv.cfg.messageSize); err != nil {
		return *e, "", err
	}
	action := ActionSend
	if e.Type == TypePrivate {
		action = ActionPrivate
	}
	e.User, e.Username = m.who.ID, m.who.Name
	if err := m.allowed(action); err != nil {
		first, epoch, ok, lost := srv.firstTry(srv.soon(), m.room.name, *e)
		switch {
		case lost != nil:
			return *e, "", wireErrorOf(lost)
		case !ok:
			return *e, "", err
		}
		return first, epoch, nil
	}
	if wait := m.account.take(); wait > 0 {
		return *e, "", m.pause(wait)
	}
	ctx := srv.soon()
	if e.Type == TypePrivate {
		if err := srv.address(ctx, m.room.name, e); err != nil {
			first, epoch, err := srv.unlessRepeated(ctx, m.room.name, *e, err)
			if err != nil {
				return *e, "", wireErrorOf(err)
			}
			return first, epoch, nil
		}
	}
	stored, epoch, err := srv.append(ctx, m.room.name, m.room, *e)
	if err != nil {
		return *e, "", wireErrorOf(err)
	}
	return stored, epoch, nil
}

// inFlight is how long a message may be on its way that was sent before its sender
// heard that it has to wait: who was cut off comes back with all that waited.
const inFlight = time.Second

// pause tells the client to wait. Only what comes after inFlight and before the time
// is over was sent in spite of it.
func (m *member) pause(wait time.Duration) *wireError {
	now := time.Now()
	e := &wireError{code: codeRateLimited, text: "too many messages: wait a little", retry: wait}
	if now.Before(m.pauseEnds) {
		e.excused = now.Sub(m.pauseTold) < inFlight
	} else {
		e.excused, m.pauseTold = true, now
	}
	m.pauseEnds = now.Add(wait)
	return e
}

// atFault reports whether the client should have known better. Trouble of the
// log is not its fault. Nor is what a hook or the state of the room decides, which a
// client learns only by asking: a message that is rejected, a room or a receiver that
// it may not or no longer write to, a token that is not accepted. All of them cost it
// what an error costs, so that many are slow.
func (e *wireError) atFault() bool {
	switch e.code {
	case codeUnavailable, codeRejected, codeForbidden, codeNoSuchUser, codeAuthFailed:
		return false
	}
	return !e.excused
}

// checkText refuses a text that is blank or too long.
func checkText(s string, size int) *wireError {
	switch {
	case len(s) > size:
		return &wireError{code: codeTooLong, text: fmt.Sprintf("a message has at most %d bytes", size)}
	case names.Blank(s):
		return &wireError{code: codeEmptyMessage, text: "a message needs a text"}
	}
	return nil
}

// wireErrorOf turns an error of publishing into what the client is told.
func wireErrorOf(err error) *wireError {
	var rejected *rejection
	switch {
	case errors.As(err, &rejected):
		return &wireError{code: codeRejected, text: shown(rejected.err)}
	case errors.Is(err, ErrNoSuchUser):
		return &wireError{code: codeNoSuchUser, text: "there is no such user here"}
	case errors.Is(err, ErrServerClosed):
		return &wireError{code: codeUnavailable, text: "the server is going away: come back and send again", retry: time.Second}
	default:
		return &wireError{code: codeUnavailable, text: "the message could not be kept: send it again", retry: time.Second}
	}
}
