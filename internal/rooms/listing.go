package rooms

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// listingAge is the largest age of an answer about some of the rooms. Every browser page
// asks for it regularly, and it needs a look at all rooms.
const listingAge = time.Second

// listing is the rooms with users in them, at one time.
type listing struct {
	at      time.Duration  // by the server's clock
	users   map[string]int // number of users per room
	largest []string       // the room with most users first
}

// Some returns the number of users in some of the rooms with users, over all servers that
// share the log: of those named, and of limit others with the most users. Rooms for which
// may returns false are left out; it is asked about as few as possible. The answer is at
// most a second old.
func (s *Set) Some(ctx context.Context, named []string, limit int, may func(room string) (bool, error)) (map[string]int, error) {
	open, err := s.listed(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	add := func(name string) error {
		ok, err := may(name)
		if ok {
			out[name] = open.users[name]
		}
		return err
	}
	for _, name := range named {
		if _, there := open.users[name]; there && err == nil {
			err = add(name)
		}
	}
	for i, n := 0, 0; i < len(open.largest) && n < limit && err == nil; i++ {
		name := open.largest[i]
		err = add(name)
		if _, ok := out[name]; ok {
			n++
		}
	}
	return out, err
}

// listed returns the rooms with users in them.
func (s *Set) listed(ctx context.Context) (*listing, error) {
	now := s.Clock()
	if o := s.listing.Load(); o != nil && now-o.at < listingAge {
		return o, nil
	}
	users, err := s.log.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	o := &listing{at: now, users: users, largest: make([]string, 0, len(users))}
	for name := range users {
		o.largest = append(o.largest, name)
	}
	slices.SortFunc(o.largest, func(a, b string) int {
		return cmp.Or(cmp.Compare(users[b], users[a]), strings.Compare(a, b))
	})
	s.listing.Store(o)
	return o, nil
}
