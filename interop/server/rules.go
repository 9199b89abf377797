package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat"
)

// errUndecided is the error of a rule that cannot decide. Clients try again after it.
var errUndecided = errors.New("undecided")

// authorize refuses everything in the room secret, and everything except reading in the room readonly.
// In the room undecided it cannot decide, and in the room broken it has a bug.
func authorize(_ context.Context, _ chat.User, room string, a chat.Action) error {
	switch room {
	case "secret":
		return chat.Refuse("this room is closed")
	case "readonly":
		switch a {
		case chat.ActionJoin, chat.ActionRead, chat.ActionMembers, chat.ActionList:
			return nil
		}
		return chat.Refuse("this room is for reading")
	case "undecided":
		return errUndecided
	case "broken":
		panic("a bug in the authorizer")
	}
	return nil
}

// filter refuses texts with the word spam, cannot decide about those with the word undecided, and
// replaces the word darn.
func filter(_ context.Context, _ chat.User, _ string, m *chat.Message) error {
	switch {
	case strings.Contains(m.Text, "spam"):
		return chat.Refuse("no spam here")
	case strings.Contains(m.Text, "undecided"):
		return errUndecided
	}
	m.Text = strings.ReplaceAll(m.Text, "darn", "****")
	return nil
}

// moderates makes the user with the id mod the moderator of every room.
func moderates(_ context.Context, u chat.User, _ string) bool { return u.ID == "mod" }

// authenticate takes a token of the form ID~NAME or ID~NAME~SECONDS, from the header Authorization
// or from the subprotocol bearer.TOKEN. The credentials expire after the SECONDS.
func authenticate(r *http.Request) (u chat.User, err error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	for p := range strings.SplitSeq(r.Header.Get("Sec-WebSocket-Protocol"), ",") {
		if t, offered := strings.CutPrefix(strings.TrimSpace(p), "bearer."); offered {
			token, ok = t, true
		}
	}
	if !ok {
		return u, errors.New("no token")
	}
	id, rest, _ := strings.Cut(token, "~")
	name, expires, limited := strings.Cut(rest, "~")
	if id == "" {
		return u, chat.Refuse("the token names no user")
	}
	u = chat.User{ID: id, Name: name}
	if limited {
		seconds, err := strconv.Atoi(expires)
		if err != nil {
			return u, err
		}
		u.Expires = time.Now().Add(time.Duration(seconds) * time.Second)
	}
	return u, nil
}
