package rules

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/answer"
	"github.com/seed-08328bfd/chat/internal/names"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// MaxName is the largest number of bytes of a name that a rule returns. With it, a notice
// between servers about a user has space for the name even if every byte is escaped.
const MaxName = 512

// Valid reports whether all texts are UTF-8.
func Valid(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) })
}

// PlainText is an error's text without the package's name.
func PlainText(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), ErrBadName.Error()+": "), "chat: ")
}

// Room returns the room name that the room rule makes of name. The names "." and "..",
// which mean steps in a path, are refused without asking the rule. Errors are ErrBadName
// and ErrHook.
func (r *Rules) Room(name string) (string, error) {
	if name == "." || name == ".." {
		return "", fmt.Errorf("%w: . and .. are no names of a room", ErrBadName)
	}
	n, err := r.rule("room rule", r.cfg.Hooks.RoomRule, name)
	if err == nil && (n == "" || n == "..") {
		err = fmt.Errorf("%w: the rule gives no name", ErrBadName)
	}
	return n, err
}

// AskedRoom is Room for a text that a client has sent, which need not be UTF-8. Errors are
// ErrHook and those of an answer.
func (r *Rules) AskedRoom(text string) (string, error) {
	err := fmt.Errorf("%w: the room's name is not UTF-8", ErrBadName)
	if utf8.ValidString(text) {
		text, err = r.Room(text)
	}
	if err != nil && err != ErrHook {
		err = answer.New(http.StatusBadRequest, proto.CodeBadRoom, PlainText(err))
	}
	return text, err
}

// Username returns the username to use for the name that a client gave. Errors are
// ErrBadName and ErrHook.
func (r *Rules) Username(name string) (string, error) {
	rule := r.cfg.Hooks.NameRule
	if rule == nil {
		rule = CleanUsername
	}
	n, err := r.rule("username rule", rule, name)
	if err == nil {
		n = cmp.Or(n, r.cfg.DefaultName)
	}
	return n, err
}

// VouchedName returns the name to use for a user whom the authenticator has accepted. Such
// a user is never refused for the name: characters that cannot be shown are removed, and
// the username rule may change the name but not refuse it. The error is ErrHook.
func (r *Rules) VouchedName(u User) (string, error) {
	safe := names.Safe(u.Name)
	if safe == "" || r.cfg.Hooks.NameRule == nil {
		return safe, nil
	}
	n, err := r.rule("username rule", r.cfg.Hooks.NameRule, safe)
	if err == ErrHook {
		return "", err
	}
	if err != nil { // the rule refuses the name; the user is accepted all the same
		r.Logger.Info("chat: authenticated user's name refused", "user", u.ID, "err", err)
		return safe, nil
	}
	return cmp.Or(n, r.cfg.DefaultName), nil
}

// Reaction returns the reaction that the rule makes of text. Errors are ErrBadMessage and a
// Rejection.
func (r *Rules) Reaction(text string) (string, error) {
	n, err := r.rule("reaction rule", r.cfg.Hooks.ReactionRule, text)
	switch {
	case err == ErrHook:
		return "", &Rejection{InternalText}
	case err != nil:
		return "", fmt.Errorf("%w: %s", ErrBadMessage, PlainText(err))
	case n == "" || len(n) > chatlog.MaxReactionBytes:
		return "", fmt.Errorf("%w: a reaction has 1 to %d bytes", ErrBadMessage, chatlog.MaxReactionBytes)
	}
	return n, nil
}

// Data returns data as a log keeps it; nil if there is none.
func Data(data json.RawMessage, size int) (json.RawMessage, *proto.Error) {
	if len(data) == 0 {
		return nil, nil
	}
	return proto.CheckKept(data, size)
}
