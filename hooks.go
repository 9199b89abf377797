package chat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/hook"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
)

// This file is the only one that calls hooks: functions of the library's user. It calls
// them through s.hooks, which recovers from panics, counts them and logs. The user's logger
// is called in internal/logging, the user's log in internal/guard. No lock is held while a
// hook runs. State that was read before a hook is read again after it, and a hook's result
// is checked.

// An Action is what a [WithAuthorizer] hook is asked about.
type Action string

// The actions of a user in a room.
const (
	ActionJoin    Action = "join"    // connect, which shows the room's latest messages and its members
	ActionRead    Action = "read"    // read more of the room's history, over HTTP or on the connection
	ActionMembers Action = "members" // read the list of the room's members over HTTP
	ActionList    Action = "list"    // see the room in the list of rooms
	ActionSend    Action = "send"    // send a message to everyone
	ActionPrivate Action = "private" // send a private message
	ActionTyping  Action = "typing"  // show the others that the user is typing
	ActionEdit    Action = "edit"    // give a message of the user's own another text
	ActionDelete  Action = "delete"  // delete a message, of the user's own or as a moderator
	ActionReact   Action = "react"   // add a reaction to a message, or remove one
	ActionMark    Action = "mark"    // say how far the user has read
	ActionSignal  Action = "signal"  // send a signal of the application to the others
)

// actions are what a client does with an event of a type.
var actions = map[chatlog.Type]Action{
	TypeMessage: ActionSend, TypePrivate: ActionPrivate, TypeTyping: ActionTyping,
	TypeEdit: ActionEdit, TypeDelete: ActionDelete, TypeReaction: ActionReact, TypeRead: ActionMark, TypeSignal: ActionSignal,
}

// Refuse returns an error with which a hook refuses what it was asked about. text is shown
// to the client, cut to 1,024 bytes; clients see no other text of a hook. Any other error
// means that the hook could not decide: it is logged, and the client is told to try again.
func Refuse(text string) error { return &refusal{text} }

type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// errHook is the error of a hook that panicked. Clients see internalText.
var errHook = hook.ErrPanic

const internalText = "internal error"

// verdict turns an error of the hook called name into one of three: a *refusal whose text
// can be shown, an *undecided if the hook could not decide, or errHook if it panicked.
func (s *Server) verdict(name, room string, err error) error {
	var r *refusal
	switch {
	case err == nil || err == errHook:
		return err
	case errors.As(err, &r):
		return &refusal{proto.CutText(r.text, hook.MaxText)}
	}
	s.logger.Warn("chat: a hook failed", "hook", name, "room", room, "err", err.Error())
	return &undecided{name, err}
}

// undecided is the error of a hook that could not decide.
type undecided struct {
	hook string
	err  error
}

func (u *undecided) Error() string   { return fmt.Sprintf("%v: %s: %v", ErrUnavailable, u.hook, u.err) }
func (u *undecided) Unwrap() []error { return []error{ErrUnavailable, u.err} }

// panicked counts and logs a panic in a hook or in the server itself. Such a panic ends one
// connection, but not the process.
func (s *Server) panicked(p any, stack []byte, hook, room string) {
	s.stats.panics.Add(1)
	s.logger.Error("chat: panic", "hook", hook, "room", room, "err", fmt.Sprint(p), "stack", string(stack))
}

// logPanicked counts and logs a panic of the log. Another goroutine writes the line,
// because Unwatch of the log is called under a lock.
func (s *Server) logPanicked(method, room string, p any, stack []byte) {
	s.stats.panics.Add(1)
	s.logger.Later(slog.LevelError, "chat: panic", "log", method, "room", room, "err", fmt.Sprint(p), "stack", string(stack))
}

// authenticate asks the authenticator which user sends r.
func (s *Server) authenticate(r *http.Request) (u User, err error) {
	err = s.hooks.Call("authenticator", "", func() (err error) {
		u, err = s.cfg.hooks.authenticate(r)
		return err
	})
	if err == nil {
		err = checkUserID(u.ID)
	}
	if err == nil || err == errHook {
		return u, err
	}
	s.logger.Info("chat: not authenticated", "err", err)
	var refused *refusal
	if errors.As(err, &refused) {
		return u, answer.New(http.StatusUnauthorized, errNotAuthenticated.Code, proto.CutText(refused.text, hook.MaxText))
	}
	return u, errNotAuthenticated
}

// refresh asks for the user of a fresh token that u has sent.
func (s *Server) refresh(u User, token string) (fresh User, err error) {
	ctx := s.rooms.Context()
	if f := s.cfg.hooks.refresh; f != nil {
		err = s.hooks.Call("token refresh", "", func() (err error) {
			fresh, err = f(ctx, u, token)
			return err
		})
		if err == nil {
			err = checkUserID(fresh.ID)
		}
		if err != nil && err != errHook {
			s.logger.Info("chat: not authenticated", "user", u.ID, "err", err)
		}
		return fresh, err
	}
	if s.cfg.hooks.authenticate == nil {
		return fresh, errNotAuthenticated
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/ws/", nil)
	if err != nil {
		return fresh, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return s.authenticate(r)
}

// authorize asks the authorizer whether u may do a in room. Errors are those of verdict.
func (s *Server) authorize(ctx context.Context, u User, room string, a Action) error {
	may := s.cfg.hooks.authorize
	if may == nil {
		return nil
	}
	err := s.hooks.Call("authorizer", room, func() error { return may(ctx, u, room, a) })
	return s.verdict("authorizer", room, err)
}

// may is authorize with the errors of an HTTP answer.
func (s *Server) may(ctx context.Context, u User, room string, a Action) error {
	err := s.authorize(ctx, u, room, a)
	if r, ok := err.(*refusal); ok {
		return answer.New(http.StatusForbidden, proto.CodeForbidden, r.text)
	}
	return err
}

// allowed is authorize with the error objects of a live connection.
func (c *session) allowed(a Action) *proto.Error {
	err := c.srv.authorize(c.srv.rooms.Context(), *c.cred.Load(), c.room, a)
	switch r, ok := err.(*refusal); {
	case err == nil:
		return nil
	case ok:
		return &proto.Error{Code: proto.CodeForbidden, Text: r.text}
	case err == errHook:
		return &proto.Error{Code: proto.CodeForbidden, Text: internalText}
	}
	return &proto.Error{Code: proto.CodeUnavailable, Text: "nobody can say now whether you may: try again", Retry: time.Second}
}

// rejection is the refusal of a filter.
type rejection struct{ text string }

func (r *rejection) Error() string { return fmt.Sprintf("%v: %s", ErrRejected, r.text) }
func (r *rejection) Unwrap() error { return ErrRejected }

// filter shows m, a message of u in room, to the filter, which there is, and takes over what
// the filter has changed.
func (s *Server) filter(ctx context.Context, u User, room string, m *Message) error {
	asked := *m
	err := s.hooks.Call("filter", room, func() error { return s.cfg.hooks.filter(ctx, u, room, &asked) })
	switch err := s.verdict("filter", room, err).(type) {
	case nil:
	case *refusal:
		return &rejection{err.text}
	default:
		if err == errHook {
			return &rejection{internalText}
		}
		return err
	}
	m.Text, m.Username = asked.Text, cmp.Or(asked.Username, s.cfg.defaultName)
	data, bad := dataOf(asked.Data, 4*s.cfg.limits.dataSize)
	if m.Data = data; bad == nil {
		bad = request.CheckText(m.Text, len(data) > 0, 4*s.cfg.limits.messageSize)
	}
	if bad != nil || !valid(m.Text, m.Username) {
		return &rejection{"nothing is left of the message"}
	}
	return nil
}

// moderates reports whether u moderates the room.
func (s *Server) moderates(ctx context.Context, u User, room string) (yes bool) {
	if s.cfg.hooks.moderate == nil {
		return false
	}
	err := s.hooks.Call("moderator", room, func() error {
		yes = s.cfg.hooks.moderate(ctx, u, room)
		return nil
	})
	return yes && err == nil
}

// checkReaction returns the reaction that the rule makes of r. Errors are ErrBadMessage and a
// rejection.
func (s *Server) checkReaction(r string) (string, error) {
	r, err := s.rule("reaction rule", s.cfg.hooks.reactionRule, r)
	switch {
	case err == errHook:
		return "", &rejection{internalText}
	case err != nil:
		return "", fmt.Errorf("%w: %s", ErrBadMessage, plainText(err))
	case r == "" || len(r) > chatlog.MaxReactionBytes:
		return "", fmt.Errorf("%w: a reaction has 1 to %d bytes", ErrBadMessage, chatlog.MaxReactionBytes)
	}
	return r, nil
}

// present tells the presence hook that a user has joined a room or left it.
func (s *Server) present(room string, m Member, here bool) {
	s.hooks.Call("presence hook", room, func() error {
		s.cfg.hooks.present(s.rooms.Context(), room, m, here)
		return nil
	})
}

// maxRuled is the largest number of bytes of a name that a rule returns. With it, a notice
// between servers about a user has space for the name even if every byte is escaped.
const maxRuled = 512

// checkRoomName returns the room name that the room rule makes of name. The names "." and
// "..", which mean steps in a path, are refused without asking the rule.
func (s *Server) checkRoomName(name string) (string, error) {
	if name == "." || name == ".." {
		return "", fmt.Errorf("%w: . and .. are no names of a room", ErrBadName)
	}
	n, err := s.rule("room rule", s.cfg.hooks.roomRule, name)
	if err == nil && (n == "" || n == "..") {
		err = fmt.Errorf("%w: the rule gives no name", ErrBadName)
	}
	return n, err
}

// rule returns what a rule makes of a name. Errors are ErrBadName, which wraps the rule's
// own error, and errHook.
func (s *Server) rule(what string, rule func(string) (string, error), name string) (n string, err error) {
	err = s.hooks.Call(what, "", func() (err error) {
		n, err = rule(name)
		return err
	})
	switch {
	case err == errHook:
	case err != nil:
		r := err.(*hook.Error)
		r.Text = strings.TrimPrefix(r.Text, ErrBadName.Error()+": ")
		err = fmt.Errorf("%w: %w", ErrBadName, r)
	case !utf8.ValidString(n):
		err = fmt.Errorf("%w: the rule gives no UTF-8", ErrBadName)
	case len(n) > maxRuled:
		err = fmt.Errorf("%w: the rule gives more than %d bytes", ErrBadName, maxRuled)
	}
	if err != nil {
		n = ""
	}
	return n, err
}
