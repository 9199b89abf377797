package memlog

import (
	"slices"

	"github.com/seed-08328bfd/chat/chatlog"
)

// reaction is one of the reactions to a message, and the users who have given it.
type reaction struct {
	name string
	// listed are the users that reads return, in the order of their reactions. A page that was
	// read may share the array: elements are appended, and never changed.
	listed []string
	rest   []string // the other users, sorted; empty while listed has a free place
}

const (
	reactionCost = 128 // bytes of a reaction without its users
	reactedCost  = 40  // bytes of one of its users, without the id
)

func (x *reaction) count() int { return len(x.listed) + len(x.rest) }

func (x *reaction) has(user string) bool {
	if slices.Contains(x.listed, user) {
		return true
	}
	_, ok := slices.BinarySearch(x.rest, user)
	return ok
}

// add adds a user who is not in x.
func (x *reaction) add(user string) {
	if len(x.listed) < chatlog.MaxReactionListed {
		x.listed = append(x.listed, user)
		return
	}
	i, _ := slices.BinarySearch(x.rest, user)
	x.rest = slices.Insert(x.rest, i, user)
}

// remove removes a user who is in x. If the user is listed, another user takes that place.
func (x *reaction) remove(user string) {
	if i := slices.Index(x.listed, user); i >= 0 {
		listed := make([]string, 0, len(x.listed))
		x.listed = append(append(listed, x.listed[:i]...), x.listed[i+1:]...)
		if len(x.rest) == 0 {
			return
		}
		user = x.rest[len(x.rest)-1]
		x.listed = append(x.listed, user)
	}
	i, _ := slices.BinarySearch(x.rest, user)
	x.rest = slices.Delete(x.rest, i, i+1)
	if cap(x.rest) > 64+4*len(x.rest) {
		x.rest = slices.Clone(x.rest)
	}
}

func (x *reaction) shown() chatlog.Reaction {
	n := len(x.listed)
	return chatlog.Reaction{Reaction: x.name, Count: x.count(), Users: x.listed[:n:n]}
}

// cost returns the approximate size of x in bytes.
func (x *reaction) cost() int {
	n := reactionCost + len(x.name) + reactedCost*x.count()
	for _, u := range x.listed {
		n += len(u)
	}
	for _, u := range x.rest {
		n += len(u)
	}
	return n
}

// react makes the change of a TypeReaction to m, and returns by how many bytes that changes its
// size. If it changes nothing, or would be an error, react returns false or the error, and does
// nothing.
func (m *more) react(user, name string, remove bool) (cost int, ok bool, err error) {
	i := slices.IndexFunc(m.reactions, func(x reaction) bool { return x.name == name })
	if remove == (i < 0 || !m.reactions[i].has(user)) {
		return 0, false, nil
	}
	if !remove && i < 0 && len(m.reactions) >= chatlog.MaxReactions {
		return 0, false, chatlog.ErrTooManyReactions
	}
	cost = reactedCost + len(user)
	m.shown = nil
	switch {
	case !remove && i < 0:
		m.reactions = append(m.reactions, reaction{name: name, listed: []string{user}})
		return cost + reactionCost + len(name), true, nil
	case !remove:
		m.reactions[i].add(user)
		return cost, true, nil
	case m.reactions[i].count() == 1:
		m.reactions = slices.Delete(m.reactions, i, i+1)
		return -cost - reactionCost - len(name), true, nil
	default:
		m.reactions[i].remove(user)
		return -cost, true, nil
	}
}
