package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/internal/hook"
	"github.com/seed-08328bfd/chat/internal/names"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// Users' code is called in this file and by names.go for its rules, through s.hooks, which
// recovers, counts and logs; the logger in internal/logging and a log in internal/guard.
// Nothing is locked while it runs, nothing that was read before it is taken to be so after
// it, and what it says is checked.

// An Action is what a [WithAuthorizer] hook is asked about.
type Action string

// The actions of a user in a room.
const (
	ActionJoin    Action = "join"    // connect, which shows its latest messages and its members
	ActionRead    Action = "read"    // read more of its history, over HTTP or on the socket
	ActionMembers Action = "members" // read the list of its members over HTTP
	ActionList    Action = "list"    // see it in the list of rooms
	ActionSend    Action = "send"    // send a message to everyone
	ActionPrivate Action = "private" // send a private message
	ActionTyping  Action = "typing"  // show that one is typing
)

// Refuse returns an error with which a hook refuses what it was asked about. text is shown
// to the client, cut to 1,024 bytes; it is the only text of a hook that is. Any other error
// means that the hook could not decide: it is logged, and the client told to try again.
func Refuse(text string) error { return &refusal{text} }

type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// errHook stands for what a hook says that panicked, or could not decide. Clients see
// internalText.
var errHook = hook.ErrPanic

const internalText = "internal error"

// verdict turns the error of the hook called name into a refusal, with a text that can be
// shown, ErrUnavailable if the hook could not decide, or errHook.
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

// panicked counts and logs a panic in a hook, or in the server itself, which ends
// one connection but not the process.
func (s *Server) panicked(p any, stack []byte, hook, room string) {
	s.stats.panics.Add(1)
	s.logger.Error("chat: panic", "hook", hook, "room", room, "err", fmt.Sprint(p), "stack", string(stack))
}

// logPanicked counts and logs a panic of the log. It is logged later, since the log is
// told under a lock that a room is not watched any longer.
func (s *Server) logPanicked(method, room string, p any, stack []byte) {
	s.stats.panics.Add(1)
	s.logger.Later(slog.LevelError, "chat: panic", "log", method, "room", room, "err", fmt.Sprint(p), "stack", string(stack))
}

// authenticate asks the authenticator who sends r.
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
		return u, &httpErr{http.StatusUnauthorized, errNotAuthenticated.code, proto.CutText(refused.text, hook.MaxText)}
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

// authorize asks the authorizer whether u may do a in room. The errors are a *refusal,
// ErrUnavailable and errHook.
func (s *Server) authorize(ctx context.Context, u User, room string, a Action) error {
	may := s.cfg.hooks.authorize
	if may == nil {
		return nil
	}
	err := s.hooks.Call("authorizer", room, func() error { return may(ctx, u, room, a) })
	return s.verdict("authorizer", room, err)
}

// may is authorize for HTTP.
func (s *Server) may(ctx context.Context, u User, room string, a Action) error {
	err := s.authorize(ctx, u, room, a)
	if r, ok := err.(*refusal); ok {
		return &httpErr{http.StatusForbidden, proto.CodeForbidden, r.text}
	}
	return err
}

// allowed is authorize for a live connection.
func (c *session) allowed(a Action) *proto.Error {
	err := c.srv.authorize(c.srv.rooms.Context(), c.cred, c.room, a)
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

// filter shows m, a message of u in room, to the filter.
func (s *Server) filter(ctx context.Context, u User, room string, m *Message) error {
	f := s.cfg.hooks.filter
	if f == nil {
		return nil
	}
	asked := *m
	err := s.hooks.Call("filter", room, func() error { return f(ctx, u, room, &asked) })
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
	m.Text, m.Username = asked.Text, asked.Username
	if bad := checkText(m.Text, 4*s.cfg.limits.messageSize); bad != nil || !utf8.ValidString(m.Text) {
		return &rejection{"nothing is left of the message"}
	}
	return nil
}

// present tells the presence hook of a user who has come or gone.
func (s *Server) present(room string, m Member, here bool) {
	s.hooks.Call("presence hook", room, func() error {
		s.cfg.hooks.present(s.rooms.Context(), room, m, here)
		return nil
	})
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
	n, err := s.rule("room rule", s.cfg.hooks.roomRule, name)
	if err == nil && (n == "" || n == "..") {
		err = fmt.Errorf("%w: the rule gives no name", ErrBadName)
	}
	return n, err
}

// username returns the name to use for what a client gave.
func (s *Server) username(name string) (string, error) {
	rule := s.cfg.hooks.nameRule
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
	if safe == "" || s.cfg.hooks.nameRule == nil {
		return safe, nil
	}
	n, err := s.rule("username rule", s.cfg.hooks.nameRule, safe)
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
