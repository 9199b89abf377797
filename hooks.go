package chat

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/hook"
	"github.com/seed-08328bfd/chat/internal/names"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/rooms"
)

// Users' code is called in this file, for the logger in internal/logging and for a
// log in internal/guard; nowhere else. It may panic, hang, end its goroutine, call back into the server, or
// return nonsense, so nothing is locked while it runs, nothing that was read
// before it is taken to be so after it, and what it says is checked.

// errHook stands for what a hook says that panicked. Clients see internalText.
var errHook = hook.ErrPanic

const internalText = "internal error"

// shown is what a client is told of the error of a hook.
func shown(err error) string {
	if err == errHook {
		return internalText
	}
	return err.Error()
}

// panicked counts and logs a panic in a hook, or in the server itself, which ends
// one connection but not the process.
func (s *Server) panicked(p any, stack []byte, hook, room string) {
	s.stats.panics.Add(1)
	s.logger.Error("chat: panic", "hook", hook, "room", room, "err", fmt.Sprint(p), "stack", string(stack))
}

// logPanicked counts and logs a panic of the log. It is logged later, since the log is
// told under a lock that a room is not watched any more.
func (s *Server) logPanicked(method, room string, p any, stack []byte) {
	s.stats.panics.Add(1)
	s.logger.Later(slog.LevelError, "chat: panic", "log", method, "room", room, "err", fmt.Sprint(p), "stack", string(stack))
}

// authenticate asks the authenticator who sends r.
func (s *Server) authenticate(r *http.Request) (u User, err error) {
	err = s.hooks.Call("authenticator", "", func() (err error) {
		u, err = s.cfg.authenticate(r)
		return err
	})
	if err == nil {
		err = checkUserID(u.ID)
	}
	if err == nil || err == errHook {
		return u, err
	}
	s.logger.Info("chat: not authenticated", "err", err)
	return u, errNotAuthenticated
}

// authorize asks the authorizer whether u may do a in room.
func (s *Server) authorize(u User, room string, a Action) error {
	if s.cfg.authorize == nil {
		return nil
	}
	return s.hooks.Call("authorizer", room, func() error { return s.cfg.authorize(u, room, a) })
}

// may is authorize for HTTP.
func (s *Server) may(u User, room string, a Action) error {
	err := s.authorize(u, room, a)
	if err == nil || err == errHook {
		return err
	}
	return &httpErr{http.StatusForbidden, proto.CodeForbidden, err.Error()}
}

// allowed is authorize for a live connection.
func (c *session) allowed(a Action) *proto.Error {
	if err := c.srv.authorize(c.cred, c.room, a); err != nil {
		return &proto.Error{Code: proto.CodeForbidden, Text: shown(err)}
	}
	return nil
}

// rejection is the error of a filter.
type rejection struct{ err error }

func (r *rejection) Error() string   { return fmt.Sprintf("%v: %v", ErrRejected, r.err) }
func (r *rejection) Unwrap() []error { return []error{ErrRejected, r.err} }

// filter shows e, a message in room, to the filter.
func (s *Server) filter(room string, e *Event) error {
	if s.cfg.filter == nil {
		return nil
	}
	if err := s.hooks.Call("filter", room, func() error { return s.cfg.filter(e) }); err != nil {
		return &rejection{err}
	}
	if bad := checkText(e.Text, 4*s.cfg.messageSize); bad != nil || !utf8.ValidString(e.Text) {
		return &rejection{errors.New("nothing is left of the message")}
	}
	return nil
}

// maxRuled is how many bytes a name has at most that a rule gives. What servers
// tell each other of a user, every byte escaped, fits into one notice then.
const maxRuled = 512

// checkRoomName puts a room's name to the rule of the server. The names of a
// path's own steps never reach a rule.
func (s *Server) checkRoomName(name string) (string, error) {
	if name == "." || name == ".." {
		return "", fmt.Errorf("%w: . and .. are no names of a room", ErrBadName)
	}
	n, err := s.rule("room rule", s.cfg.roomRule, name)
	if err == nil && (n == "" || rooms.IsControl(n)) {
		err = fmt.Errorf("%w: the rule gives no name", ErrBadName)
	}
	return n, err
}

// username returns the name to use for what a client gave.
func (s *Server) username(name string) (string, error) {
	rule := s.cfg.nameRule
	if rule == nil {
		rule = CleanUsername
	}
	n, err := s.rule("username rule", rule, name)
	if n == "" && err == nil {
		n = s.cfg.defaultName
	}
	return n, err
}

// vouchedName returns the name to use for what the authenticator says of u. Who has
// a login is let in: what cannot be shown is left out, and a rule of the server's own
// may write the name another way, but not refuse it.
func (s *Server) vouchedName(u User) (string, error) {
	safe := names.Safe(u.Name)
	if safe == "" || s.cfg.nameRule == nil {
		return safe, nil
	}
	n, err := s.rule("username rule", s.cfg.nameRule, safe)
	if err == errHook {
		return "", err
	}
	if err != nil { // by the rule; the user is not
		s.logger.Info("chat: authenticated user's name refused", "user", u.ID, "err", err)
		return safe, nil
	}
	if n == "" {
		n = s.cfg.defaultName
	}
	return n, nil
}

// rule puts a name to a rule. Errors are ErrBadName, which wraps the rule's own,
// and errHook.
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
