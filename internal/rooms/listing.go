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

// A Listing is the rooms with users in them, at one time.
type Listing struct {
	at      time.Duration  // by the server's clock
	Users   map[string]int // number of users per room
	Largest []string       // the room with most users first
}

// Open returns the rooms with users in them, over all servers that share the log. The
// answer is at most a second old.
func (s *Set) Open(ctx context.Context) (*Listing, error) {
	now := s.Clock()
	if o := s.listing.Load(); o != nil && now-o.at < listingAge {
		return o, nil
	}
	users, err := s.log.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	o := &Listing{at: now, Users: users, Largest: make([]string, 0, len(users))}
	for name := range users {
		o.Largest = append(o.Largest, name)
	}
	slices.SortFunc(o.Largest, func(a, b string) int {
		return cmp.Or(cmp.Compare(users[b], users[a]), strings.Compare(a, b))
	})
	s.listing.Store(o)
	return o, nil
}
