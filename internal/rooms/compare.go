package rooms

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	maxRoster  = 10_000          // users of a room that are compared one by one
	bigRoster  = 1_000           // users of a room that is not read every second
	bigPause   = 4 * time.Second // but so often
	compareAll = 5 * time.Minute // after which a list is read although its version is the same
	readers    = 8               // concurrent readings of lists
)

// compare reads the lists of the rooms that may differ from what the log holds.
func (s *Set) compare(ctx context.Context) error {
	if s.feed.comparing.Swap(true) {
		return nil
	}
	defer s.feed.comparing.Store(false)
	turn := make(chan struct{}, readers)
	var wg sync.WaitGroup
	defer wg.Wait()
	return askOfRooms(ctx, s, s.log.Versions, func(r *room, version uint64) {
		if !r.roster.due(r, version) {
			return
		}
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			r.readMembers(ctx, version)
		})
	})
}

// due reports whether r's list is to be read, when the log's has the given version.
func (t *roster) due(r *room, version uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	since := r.set.Clock() - t.readAt
	switch {
	case !r.ready || t.reading:
		return false
	case since >= compareAll:
		return true
	}
	return (t.dirty || t.version != version) && (since >= bigPause || len(t.list)+t.more <= bigRoster)
}

// readMembers reads who is in the room, and tells the members of what they have not
// been told of. What has changed while it was reading waits for the next time.
func (r *room) readMembers(ctx context.Context, version uint64) error {
	r.mu.Lock()
	t := &r.roster
	since := t.changes
	t.readings++
	reading := t.readings
	t.reading, t.dirty, t.left = true, false, map[string]struct{}{}
	r.mu.Unlock()
	list, err := r.set.log.Members(ctx, r.name, maxRoster)

	r.mu.Lock()
	left := t.left
	t.reading, t.left = false, nil
	if err != nil {
		t.dirty = true
		r.mu.Unlock()
		return err
	}
	t.version, t.readAt = version, r.set.Clock()
	grew := false
	var wrong []*occupant // of what this server has told the log
	for _, m := range list.Members {
		o := r.users[m.UserID]
		if _, ok := left[m.UserID]; ok || o != nil && o.changed > since {
			t.dirty = true
			if o != nil {
				o.seen = reading
			}
			continue
		}
		if o == nil {
			o = &occupant{user: m.UserID}
			r.users[m.UserID] = o
		}
		o.seen, o.elsewhere = reading, m.Connections
		if o.held == holds && o.heldBy == r.set.id() {
			o.elsewhere = max(0, m.Connections-o.heldAs.Connections)
			// The log is told again what an earlier call, which came late, has undone.
			if o.elsewhere == 0 && m != o.heldAs {
				o.held = mayHold
				wrong = append(wrong, o)
			}
		}
		grew = r.joinedLocked(o, m.Username) || grew
	}
	lost := false
	if t.more = 0; len(list.Members) >= maxRoster {
		t.more = max(0, list.Total-len(t.list))
	} else {
		for _, o := range slices.Clone(t.list) {
			_, here := o.wanted()
			switch {
			case o.seen == reading:
			case o.changed > since:
				t.dirty = true
			case !here:
				grew = r.leftLocked(o) || grew
			case o.held == holds && o.heldBy == r.set.id():
				o.held = mayHold
				wrong, lost = append(wrong, o), true
			}
		}
	}
	if r.crowded() && t.counted != len(t.list)+t.more {
		r.gatherLocked()
	}
	r.mu.Unlock()
	if grew {
		r.wake()
	}
	for _, o := range wrong {
		r.settle(o, true)
	}
	if lost { // perhaps with all of this server
		r.set.beatSoon()
	}
	return nil
}
