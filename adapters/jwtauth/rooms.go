package jwtauth

import (
	"context"
	"slices"

	"github.com/seed-08328bfd/chat"
)

// Claims are the claims of a valid token, as encoding/json decodes them, with numbers as
// [encoding/json.Number]. An authenticator puts them in [chat.User.Value], where the
// authorizer finds them. They must not be changed.
type Claims map[string]any

// text returns a claim that is a string, or "" if there is none.
func (c Claims) text(name string) (string, error) {
	v := c[name]
	if v == nil { // absent, or null: some logins write that for an unknown value
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", errClaim
	}
	return s, nil
}

var errRoom = chat.Refuse("your token does not allow that in this room")

// AllowRooms returns an authorizer for [chat.WithAuthorizer] that uses a claim of the
// token, such as "rooms". The claim is either a list of rooms in which the user may do
// everything,
//
//	"rooms": ["general", "team-7"]
//
// or an object of rooms and the [chat.Action]s allowed there,
//
//	"rooms": {"general": ["*"], "news": ["join", "read", "list"]}
//
// In both, "*" means every room or action. Rooms are written as the server's room rule
// writes them. A user without the claim, or without a token, may do nothing.
func AllowRooms(claim string) func(_ context.Context, u chat.User, room string, a chat.Action) error {
	return func(_ context.Context, u chat.User, room string, a chat.Action) error {
		claims, _ := u.Value.(Claims)
		switch rooms := claims[claim].(type) {
		case []any:
			if holds(rooms, room) {
				return nil
			}
		case map[string]any:
			for _, name := range []string{room, "*"} {
				if actions, ok := rooms[name].([]any); ok && holds(actions, string(a)) {
					return nil
				}
			}
		}
		return errRoom
	}
}

func holds(list []any, name string) bool {
	return slices.ContainsFunc(list, func(v any) bool { return v == name || v == "*" })
}
