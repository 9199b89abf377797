package chat

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/names"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// handlePlain takes a text frame of the plain dialect: the text of a message,
// whatever it looks like.
func (c *session) handlePlain(text []byte) *proto.Error {
	if !utf8.Valid(text) {
		return &proto.Error{Code: proto.CodeBadUTF8, Fatal: true}
	}
	_, _, err := c.publish(&Event{Type: TypeMessage, Text: string(text)})
	return err
}

// publish stamps e as the member's and puts it through the rules, in the order
// of their cost, to the log. What repeats a message that was kept is answered with
// that one, whichever rule refuses it now; but not above the rate, where even the
// look for it would be too much: that refusal says when to ask again. epoch is that
// of the offset.
func (c *session) publish(e *Event) (stored Event, epoch string, refused *proto.Error) {
	srv := c.srv
	if err := checkText(e.Text, srv.cfg.messageSize); err != nil {
		return *e, "", err
	}
	action := ActionSend
	if e.Type == TypePrivate {
		action = ActionPrivate
	}
	e.UserID, e.Username = c.user.ID, c.user.Name
	if err := c.allowed(action); err != nil {
		first, epoch, ok, lost := srv.firstTry(srv.rooms.Context(), c.room, *e)
		switch {
		case lost != nil:
			return *e, "", wireErrorOf(lost)
		case !ok:
			return *e, "", err
		}
		return first, epoch, nil
	}
	if wait := c.account.Take(); wait > 0 {
		return *e, "", c.pause(wait)
	}
	ctx := srv.rooms.Context()
	if e.Type == TypePrivate {
		if err := srv.address(ctx, c.room, e); err != nil {
			first, epoch, err := srv.unlessRepeated(ctx, c.room, *e, err)
			if err != nil {
				return *e, "", wireErrorOf(err)
			}
			return first, epoch, nil
		}
	}
	stored, epoch, err := srv.append(ctx, c.room, *e)
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
func (c *session) pause(wait time.Duration) *proto.Error {
	now := time.Now()
	e := &proto.Error{Code: proto.CodeRateLimited, Text: "too many messages: wait a little", Retry: wait}
	if now.Before(c.pauses.ends) {
		e.Excused = now.Sub(c.pauses.told) < inFlight
	} else {
		e.Excused, c.pauses.told = true, now
	}
	c.pauses.ends = now.Add(wait)
	return e
}

// checkText refuses a text that is blank or too long.
func checkText(s string, size int) *proto.Error {
	switch {
	case len(s) > size:
		return &proto.Error{Code: proto.CodeTooLong, Text: fmt.Sprintf("a message has at most %d bytes", size)}
	case names.Blank(s):
		return &proto.Error{Code: proto.CodeEmptyMessage, Text: "a message needs a text"}
	}
	return nil
}

// wireErrorOf turns an error of publishing into what the client is told.
func wireErrorOf(err error) *proto.Error {
	var rejected *rejection
	switch {
	case errors.As(err, &rejected):
		return &proto.Error{Code: proto.CodeRejected, Text: shown(rejected.err)}
	case errors.Is(err, ErrNoSuchUser):
		return &proto.Error{Code: proto.CodeNoSuchUser, Text: "there is no such user here"}
	case errors.Is(err, ErrServerClosed):
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the server is going away: come back and send again", Retry: time.Second}
	default:
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the message could not be kept: send it again", Retry: time.Second}
	}
}
