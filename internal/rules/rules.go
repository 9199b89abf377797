// Package rules decides what users may do, and how they may be called. It asks the hooks,
// applies the limits of a message and its order of checks, and hands what passes to package
// rooms. It is the same for a client's connection, a request over HTTP and a Go program.
package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/anon"
	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/hook"
	"github.com/seed-08328bfd/chat/internal/limit"
	"github.com/seed-08328bfd/chat/internal/logging"
	"github.com/seed-08328bfd/chat/internal/request"
	"github.com/seed-08328bfd/chat/internal/rooms"
	"github.com/seed-08328bfd/chat/internal/trace"
)

// The errors that the root package exports, where they are documented.
var (
	ErrClosed        = rooms.ErrClosed
	ErrUnavailable   = guard.ErrUnavailable
	ErrUnsupported   = guard.ErrUnsupported
	ErrNoSuchMessage = chatlog.ErrNoSuchMessage
	ErrTooMany       = limit.ErrReached
	ErrBadName       = errors.New("chat: bad name")
	ErrBadMessage    = errors.New("chat: bad message")
	ErrNoSuchUser    = errors.New("chat: no such user")
	ErrRejected      = errors.New("chat: rejected")
)

// A User is chat.User.
type User struct {
	ID      string
	Name    string
	Expires time.Time
	Value   any
}

// Anonymous reports whether u is not authenticated.
func (u User) Anonymous() bool { return u.ID == "" || anon.Is(u.ID) }

// A Message is chat.Message.
type Message struct {
	UserID   string
	Username string
	To       string
	Text     string
	Data     json.RawMessage
	ReplyTo  uint64
	ID       string
	Target   uint64
}

// An Action is chat.Action.
type Action string

// The actions of a user in a room, as the root package explains them.
const (
	ActionJoin    Action = "join"
	ActionRead    Action = "read"
	ActionMembers Action = "members"
	ActionList    Action = "list"
	ActionSend    Action = "send"
	ActionPrivate Action = "private"
	ActionTyping  Action = "typing"
	ActionEdit    Action = "edit"
	ActionDelete  Action = "delete"
	ActionReact   Action = "react"
	ActionMark    Action = "mark"
	ActionSignal  Action = "signal"
)

// actions are what a client does with an event of a type.
var actions = map[chatlog.Type]Action{
	chatlog.TypeMessage: ActionSend, chatlog.TypePrivate: ActionPrivate, chatlog.TypeTyping: ActionTyping,
	chatlog.TypeEdit: ActionEdit, chatlog.TypeDelete: ActionDelete, chatlog.TypeReaction: ActionReact,
	chatlog.TypeRead: ActionMark, chatlog.TypeSignal: ActionSignal,
}

// ActionOf returns what a client does with an event of the type.
func ActionOf(t chatlog.Type) Action { return actions[t] }

// Hooks are functions of the library's user; nil means none. RoomRule and ReactionRule must
// be there.
type Hooks struct {
	Authenticate func(*http.Request) (User, error)
	Refresh      func(ctx context.Context, u User, token string) (User, error)
	Authorize    func(ctx context.Context, u User, room string, a Action) error
	Filter       func(ctx context.Context, u User, room string, m *Message) error
	Moderate     func(ctx context.Context, u User, room string) bool
	Present      func(ctx context.Context, room string, m chatlog.Member, present bool)
	Tracer       trace.Tracer
	NameRule     func(string) (string, error)
	RoomRule     func(string) (string, error)
	ReactionRule func(string) (string, error)
}

// A Config says what the rules are. It never changes.
type Config struct {
	Hooks       Hooks
	DefaultName string        // of users who give none
	Sizes       request.Sizes // the most bytes of a message
	Slow        time.Duration // the least time between two messages of a user; 0: none
}

// Rules are the rules of one server. Make them with New, and set Rooms before the first use.
type Rules struct {
	cfg    Config
	Rooms  *rooms.Set
	Logger *logging.Logger
	Panics atomic.Uint64 // of hooks, the logger, the log and the server itself
	hooks  hook.Caller
}

// New returns rules without Rooms and a Logger.
func New(cfg Config) *Rules {
	r := &Rules{cfg: cfg}
	r.hooks.Panicked = r.Panicked
	return r
}

// Inside reports whether its caller was called by a hook, the logger's handler or the log.
func (r *Rules) Inside() bool { return r.hooks.Inside(r.Logger, r.Rooms.Log()) }

// DefaultName returns the name of users who give none.
func (r *Rules) DefaultName() string { return r.cfg.DefaultName }

// Sizes returns the most bytes of a message.
func (r *Rules) Sizes() request.Sizes { return r.cfg.Sizes }

// Refuse returns the error with which a hook refuses, as chat.Refuse does.
func Refuse(text string) error { return &Refusal{text} }

// A Refusal is an error whose text a client may see.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// Undecided is the error of a hook that could not decide.
type Undecided struct {
	hook string
	err  error
}

func (u *Undecided) Error() string   { return fmt.Sprintf("%v: %s: %v", ErrUnavailable, u.hook, u.err) }
func (u *Undecided) Unwrap() []error { return []error{ErrUnavailable, u.err} }

// A Rejection is the refusal of a filter, or of a reaction rule that panicked.
type Rejection struct{ Text string }

func (r *Rejection) Error() string { return fmt.Sprintf("%v: %s", ErrRejected, r.Text) }
func (r *Rejection) Unwrap() error { return ErrRejected }

// TooSoon is the refusal of the slow mode.
type TooSoon struct{ Wait time.Duration }

func (t *TooSoon) Error() string { return "chat: too soon after the last message" }
