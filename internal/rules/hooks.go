package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/consume"
	"github.com/seed-08328bfd/chat/internal/hook"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/trace"
)

// This file is the only one that calls hooks: functions of the library's user. It calls
// them through r.hooks, which recovers from panics, counts them and logs. The user's logger
// is called in internal/logging, the user's log in internal/guard. No lock is held while a
// hook runs. State that was read before a hook is read again after it, and a hook's result
// is checked.

// ErrHook is the error of a hook that panicked. Clients see InternalText.
var ErrHook = hook.ErrPanic

// InternalText is what clients see of a fault of the server or of a hook.
const InternalText = "internal error"

// ErrNotAuthenticated is the error of a request that the authenticator does not accept.
var ErrNotAuthenticated = answer.New(http.StatusUnauthorized, proto.CodeUnauthorized, "not authenticated")

// verdict turns an error of the hook called name into one of three: a *Refusal whose text
// can be shown, an *Undecided if the hook could not decide, or ErrHook if it panicked.
func (r *Rules) verdict(name, room string, err error) error {
	var refused *Refusal
	switch {
	case err == nil || err == ErrHook:
		return err
	case errors.As(err, &refused):
		return &Refusal{proto.CutText(refused.Text, hook.MaxText)}
	}
	r.Logger.Warn("chat: a hook failed", "hook", name, "room", room, "err", err.Error())
	return &Undecided{name, err}
}

// Panicked counts and logs a panic in a hook or in the server itself. Such a panic ends one
// connection, but not the process.
func (r *Rules) Panicked(p any, stack []byte, hook, room string) {
	r.Panics.Add(1)
	r.Logger.Error("chat: panic", "hook", hook, "room", room, "err", fmt.Sprint(p), "stack", string(stack))
}

// Caught is Panicked for the server itself, with the stack of its caller.
func (r *Rules) Caught(p any, room string) { r.Panicked(p, debug.Stack(), "", room) }

// LogPanicked counts and logs a panic of the log. Another goroutine writes the line,
// because Unwatch of the log is called under a lock.
func (r *Rules) LogPanicked(method, room string, p any, stack []byte) {
	r.Panics.Add(1)
	r.Logger.Later(slog.LevelError, "chat: panic", "log", method, "room", room, "err", fmt.Sprint(p), "stack", string(stack))
}

// Authenticates reports whether there is an authenticator.
func (r *Rules) Authenticates() bool { return r.cfg.Hooks.Authenticate != nil }

// Authenticate asks the authenticator, which there is, which user sends req.
func (r *Rules) Authenticate(req *http.Request) (u User, err error) {
	err = r.hooks.Call("authenticator", "", func() (err error) {
		u, err = r.cfg.Hooks.Authenticate(req)
		return err
	})
	if err == nil {
		err = CheckUserID(u.ID)
	}
	if err == nil || err == ErrHook {
		return u, err
	}
	r.Logger.Info("chat: not authenticated", "err", err)
	var refused *Refusal
	if errors.As(err, &refused) {
		return u, answer.New(http.StatusUnauthorized, ErrNotAuthenticated.Code, proto.CutText(refused.Text, hook.MaxText))
	}
	return u, ErrNotAuthenticated
}

// Refresh asks for the user of a fresh token that u has sent.
func (r *Rules) Refresh(u User, token string) (fresh User, err error) {
	ctx := r.Rooms.Context()
	if f := r.cfg.Hooks.Refresh; f != nil {
		err = r.hooks.Call("token refresh", "", func() (err error) {
			fresh, err = f(ctx, u, token)
			return err
		})
		if err == nil {
			err = CheckUserID(fresh.ID)
		}
		if err != nil && err != ErrHook {
			r.Logger.Info("chat: not authenticated", "user", u.ID, "err", err)
		}
		return fresh, err
	}
	if r.cfg.Hooks.Authenticate == nil {
		return fresh, ErrNotAuthenticated
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/ws/", nil)
	if err != nil {
		return fresh, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return r.Authenticate(req)
}

// CheckUserID reports what is wrong with an id that an authenticator gave.
func CheckUserID(id string) error {
	switch {
	case id == "" || len(id) > proto.MaxUser || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%w: the user's id must be 1 to %d bytes without control characters", ErrBadName, proto.MaxUser)
	case anon.Is(id):
		return fmt.Errorf("%w: the user's id begins with %q", ErrBadName, anon.Prefix)
	}
	return nil
}

// Authorize asks the authorizer whether u may do a in room. Errors are those of verdict.
func (r *Rules) Authorize(ctx context.Context, u User, room string, a Action) error {
	may := r.cfg.Hooks.Authorize
	if may == nil {
		return nil
	}
	err := r.hooks.Call("authorizer", room, func() error { return may(ctx, u, room, a) })
	return r.verdict("authorizer", room, err)
}

// May is Authorize with the errors of an HTTP answer.
func (r *Rules) May(ctx context.Context, u User, room string, a Action) error {
	err := r.Authorize(ctx, u, room, a)
	if refused, ok := err.(*Refusal); ok {
		return answer.New(http.StatusForbidden, proto.CodeForbidden, refused.Text)
	}
	return err
}

// filter shows m, a message of u in room, to the filter, which there is, and takes over what
// the filter has changed.
func (r *Rules) filter(ctx context.Context, u User, room string, m *Message) error {
	asked := *m
	err := r.hooks.Call("filter", room, func() error { return r.cfg.Hooks.Filter(ctx, u, room, &asked) })
	switch err := r.verdict("filter", room, err).(type) {
	case nil:
	case *Refusal:
		return &Rejection{err.Text}
	default:
		if err == ErrHook {
			return &Rejection{InternalText}
		}
		return err
	}
	m.Text, m.Username = asked.Text, cmp.Or(asked.Username, r.cfg.DefaultName)
	data, bad := Data(asked.Data, 4*r.cfg.Sizes.Data)
	if m.Data = data; bad == nil {
		bad = request.CheckText(m.Text, len(data) > 0, 4*r.cfg.Sizes.Text)
	}
	if bad != nil || !Valid(m.Text, m.Username) {
		return &Rejection{"nothing is left of the message"}
	}
	return nil
}

// Moderates reports whether u moderates the room.
func (r *Rules) Moderates(ctx context.Context, u User, room string) (yes bool) {
	if r.cfg.Hooks.Moderate == nil {
		return false
	}
	err := r.hooks.Call("moderator", room, func() error {
		yes = r.cfg.Hooks.Moderate(ctx, u, room)
		return nil
	})
	return yes && err == nil
}

// HasPresenceHook reports whether there is a presence hook, for Present.
func (r *Rules) HasPresenceHook() bool { return r.cfg.Hooks.Present != nil }

// Present tells the presence hook, which there is, that a user has joined a room or left it.
func (r *Rules) Present(room string, m chatlog.Member, here bool) {
	r.hooks.Call("presence hook", room, func() error {
		r.cfg.Hooks.Present(r.Rooms.Context(), room, m, here)
		return nil
	})
}

// Tracer returns the tracer, whose methods do not panic, or nil if there is none.
func (r *Rules) Tracer() trace.Tracer {
	if r.cfg.Hooks.Tracer == nil {
		return nil
	}
	return tracer{r}
}

// tracer calls the tracer of the hooks.
type tracer struct{ r *Rules }

// Start implements [trace.Tracer]. Neither result is nil.
func (t tracer) Start(ctx context.Context, s trace.Span) (context.Context, func(trace.Span)) {
	inside, end := ctx, (func(trace.Span))(nil)
	err := t.r.hooks.Call("tracer", s.Room, func() error {
		inside, end = t.r.cfg.Hooks.Tracer.Start(ctx, s)
		return nil
	})
	if err != nil || inside == nil {
		inside = ctx
	}
	return inside, func(s trace.Span) {
		if end != nil {
			t.r.hooks.Call("tracer", s.Room, func() error {
				end(s)
				return nil
			})
		}
	}
}

// Trace implements [trace.Tracer]. It returns a valid trace or "".
func (t tracer) Trace(ctx context.Context) (text string) {
	err := t.r.hooks.Call("tracer", "", func() error {
		text = t.r.cfg.Hooks.Tracer.Trace(ctx)
		return nil
	})
	if err != nil || !chatlog.ValidTrace(text) {
		return ""
	}
	return text
}

// rule returns what a rule makes of a name. Errors are ErrBadName, which wraps the rule's
// own error, and ErrHook.
func (r *Rules) rule(what string, rule func(string) (string, error), name string) (n string, err error) {
	err = r.hooks.Call(what, "", func() (err error) {
		n, err = rule(name)
		return err
	})
	switch {
	case err == ErrHook:
	case err != nil:
		e := err.(*hook.Error)
		e.Text = strings.TrimPrefix(e.Text, ErrBadName.Error()+": ")
		err = fmt.Errorf("%w: %w", ErrBadName, e)
	case !utf8.ValidString(n):
		err = fmt.Errorf("%w: the rule gives no UTF-8", ErrBadName)
	case len(n) > MaxName:
		err = fmt.Errorf("%w: the rule gives more than %d bytes", ErrBadName, MaxName)
	}
	if err != nil {
		n = ""
	}
	return n, err
}

// FollowAll calls handle for the events of every room for a consumer, until ctx ends or the
// server closes. A new consumer begins with the first event of each room, or with skip after the
// last.
func (r *Rules) FollowAll(ctx context.Context, consumer string, skip bool, handle func(context.Context, *chatlog.Batch) error) error {
	return consume.Run(ctx, consume.Config{
		Log: r.Rooms.Log(), Name: consumer, Skip: skip,
		Connect: r.Rooms.Connect, Server: r.Rooms.Context(), Closing: r.Rooms.Closing, ErrClosed: ErrClosed,
		Handle: func(ctx context.Context, b *chatlog.Batch) error {
			return r.hooks.Call("consumer "+consumer, b.Room, func() error { return handle(ctx, b) })
		},
		Failed: func(room string, wait time.Duration, err error) {
			r.Logger.Warn("chat: a consumer failed in a room", "consumer", consumer, "room", room, "retry_in", wait, "err", err.Error())
		},
	})
}
