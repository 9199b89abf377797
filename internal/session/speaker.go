package session

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/rules"
	"github.com/seed-08328bfd/chat/internal/trace"
)

// A Speaker is a user who says something in rooms, whatever it comes by.
type Speaker struct {
	rules *rules.Rules
	User  rules.User // its ID is the user's, its Name what people see; immutable

	account *limit.Account
	origin  *trace.Origin // for the tracer; nil without
	pauses  pauses
	// cred is User with the latest credentials, as the goroutine that reads has stored it.
	cred atomic.Pointer[rules.User]
}

// pauses are what the client was told of each limit on its own.
type pauses struct{ rate, slow, signals limit.Pauses }

// be makes s the user u.
func (s *Speaker) be(r *rules.Rules, u rules.User) {
	s.rules, s.User = r, u
	s.cred.Store(&s.User)
}

// Trace notes the trace of the handshake of the user's connection.
func (s *Speaker) Trace(parent string) {
	if parent != "" {
		s.origin = &trace.Origin{Parent: parent}
	}
}

// Credentials returns the user with the latest credentials.
func (s *Speaker) Credentials() rules.User { return *s.cred.Load() }

// allowed asks the authorizer, with the error objects of a live connection.
func (s *Speaker) allowed(room string, a rules.Action) *proto.Error {
	err := s.rules.Authorize(s.rules.Rooms.Context(), s.Credentials(), room, a)
	switch refused, ok := err.(*rules.Refusal); {
	case err == nil:
		return nil
	case ok:
		return &proto.Error{Code: proto.CodeForbidden, Text: refused.Text}
	case err == rules.ErrHook:
		return &proto.Error{Code: proto.CodeForbidden, Text: rules.InternalText}
	}
	return &proto.Error{Code: proto.CodeUnavailable, Text: "nobody can say now whether you may: try again", Retry: time.Second}
}

// marker returns the offset up to which, as o says, the user has read.
func (s *Speaker) marker(room string, o *proto.Object) (offset uint64, e *proto.Error) {
	event, e := request.Event(o, chatlog.TypeRead, s.rules.Sizes())
	if e == nil {
		e = s.allowed(room, rules.ActionMark)
	}
	return event.Target, e
}

// signal returns the signal that o is, if the user may send it now.
func (s *Speaker) signal(room string, o *proto.Object) (event chatlog.Event, e *proto.Error) {
	event, e = request.Event(o, chatlog.TypeSignal, s.rules.Sizes())
	if e == nil {
		e = s.allowed(room, rules.ActionSignal)
	}
	if e != nil {
		return event, e
	}
	if event.Data != nil && !s.rules.Rooms.Log().Amends() {
		return event, wireErrorOf(rules.ErrUnsupported)
	}
	if wait := s.account.TakeSignal(); wait > 0 {
		return event, pause(&s.pauses.signals, wait)
	}
	return event, nil
}

// pause tells a client to wait.
func pause(p *limit.Pauses, wait time.Duration) *proto.Error {
	return &proto.Error{Code: proto.CodeRateLimited, Text: "too many messages: wait a little", Retry: wait, Excused: p.Tell(wait)}
}

// wireErrorOf returns the error object for an error of publishing.
func wireErrorOf(err error) *proto.Error {
	var rejected *rules.Rejection
	var u *rules.Undecided
	switch {
	case errors.As(err, &u): // it wraps whatever the filter has met
	case errors.As(err, &rejected):
		return &proto.Error{Code: proto.CodeRejected, Text: rejected.Text}
	case errors.Is(err, rules.ErrNoSuchUser):
		return &proto.Error{Code: proto.CodeNoSuchUser, Text: "there is no such user here"}
	case errors.Is(err, rules.ErrNoSuchMessage):
		return &proto.Error{Code: proto.CodeNoSuchMessage, Text: "there is no such message"}
	case errors.Is(err, rules.ErrUnsupported):
		return &proto.Error{Code: proto.CodeUnsupported, Text: "the log of this server cannot do that"}
	case errors.Is(err, chatlog.ErrTooManyReactions): // which the client need not know
		return &proto.Error{Code: proto.CodeBadRequest, Text: fmt.Sprintf("the message has %d different reactions", chatlog.MaxReactions), Excused: true}
	case errors.Is(err, rules.ErrBadMessage):
		return proto.BadRequest("%s", strings.TrimPrefix(err.Error(), rules.ErrBadMessage.Error()+": "))
	case errors.Is(err, rules.ErrClosed):
		return &proto.Error{Code: proto.CodeUnavailable, Text: "the server is going away: come back and send again", Retry: time.Second}
	}
	return &proto.Error{Code: proto.CodeUnavailable, Text: "the message could not be kept: send it again", Retry: time.Second}
}
