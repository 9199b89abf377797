// Package listing says how many users are in which rooms, over all servers that share a log.
package listing

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/internal/guard"
)

// maxAge is the largest age of an answer. Every browser page asks for it regularly, and it
// needs a look at all rooms.
const maxAge = time.Second

// A Listing answers from the last look at a log. Make one with New.
type Listing struct {
	log   *guard.Log
	clock func() time.Duration
	last  atomic.Pointer[counts]
}

// New returns a Listing of the rooms of a log. It does not use the log yet. clock returns the
// time since some moment.
func New(log *guard.Log, clock func() time.Duration) *Listing {
	return &Listing{log: log, clock: clock}
}

// counts is the rooms with users in them, at one time.
type counts struct {
	at      time.Duration  // by the clock
	users   map[string]int // number of users per room
	largest []string       // the room with most users first
}

// Some returns the number of users in some of the rooms with users, over all servers that
// share the log: of those named, and of limit others with the most users. Rooms for which
// may returns false are left out; it is asked about as few as possible. The answer is at
// most a second old.
func (l *Listing) Some(ctx context.Context, named []string, limit int, may func(room string) (bool, error)) (map[string]int, error) {
	open, err := l.listed(ctx)
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
func (l *Listing) listed(ctx context.Context) (*counts, error) {
	now := l.clock()
	if o := l.last.Load(); o != nil && now-o.at < maxAge {
		return o, nil
	}
	users, err := l.log.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	o := &counts{at: now, users: users, largest: make([]string, 0, len(users))}
	for name := range users {
		o.largest = append(o.largest, name)
	}
	slices.SortFunc(o.largest, func(a, b string) int {
		return cmp.Or(cmp.Compare(users[b], users[a]), strings.Compare(a, b))
	})
	l.last.Store(o)
	return o, nil
}
