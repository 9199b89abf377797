package rules

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/seed-08328bfd/chat/internal/names"
)

// CleanUsername is chat.CleanUsername.
func CleanUsername(name string) (string, error) {
	n, err := names.Check("username", strings.TrimFunc(name, func(r rune) bool {
		return unicode.Is(unicode.Zs, r) // control characters are refused at the ends too
	}))
	if err != nil {
		return "", badName(err)
	}
	return strings.Trim(n, " "), nil
}

// CleanRoom is chat.CleanRoom.
func CleanRoom(name string) (string, error) {
	n, err := names.Check("room's name", name)
	switch {
	case err != nil:
		return "", badName(err)
	case n == "":
		return "", fmt.Errorf("%w: the room's name is empty", ErrBadName)
	case n == "." || n == "..":
		return "", fmt.Errorf("%w: . and .. are no names of a room", ErrBadName)
	case strings.ContainsAny(n, `/\`):
		return "", fmt.Errorf("%w: a room's name has no / and no \\ in it", ErrBadName)
	case strings.TrimSpace(n) != n:
		return "", fmt.Errorf("%w: the room's name has space around it", ErrBadName)
	}
	return n, nil
}

// CleanReaction is chat.CleanReaction.
func CleanReaction(reaction string) (string, error) {
	r, err := names.Reaction(reaction)
	if err != nil {
		return "", badName(err)
	}
	return r, nil
}

func badName(err error) error { return fmt.Errorf("%w: %w", ErrBadName, err) }
