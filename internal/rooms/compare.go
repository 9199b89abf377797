package rooms

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	maxRoster        = 10_000          // the most users of a room that are compared one by one
	largeRoster      = 1_000           // a room with more users is not read every second
	largeRosterPause = 4 * time.Second // but this often
	compareAllAfter  = 5 * time.Minute // after this, a list is read although its version is the same
	maxReaders       = 8               // lists that are read concurrently
)

// comparePresence reads the log's lists of users for all rooms that may differ from them.
func (s *Set) comparePresence(ctx context.Context) error {
	if s.feed.comparing.Swap(true) {
		return nil
	}
	defer s.feed.comparing.Store(false)
	turn := make(chan struct{}, maxReaders)
	var wg sync.WaitGroup
	defer wg.Wait()
	return askPerRoom(ctx, s, s.log.Versions, func(r *room, version uint64) {
		if !r.roster.mustRead(r, version) {
			return
		}
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			r.readMembers(ctx, version)
		})
	})
}

// mustRead reports whether r's list must be read, if the log's list has the given version.
func (t *roster) mustRead(r *room, version uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	since := r.set.cfg.Clock() - t.readAt
	switch {
	case !r.ready || t.reading:
		return false
	case since >= compareAllAfter:
		return true
	}
	return (t.mayDiffer || t.version != version) && (since >= largeRosterPause || len(t.list)+t.unlisted <= largeRoster)
}

// readMembers reads the log's list of the room's users, and tells the members what they
// were not told. Users that changed during the read are compared the next time.
func (r *room) readMembers(ctx context.Context, version uint64) error {
	r.mu.Lock()
	t := &r.roster
	since := t.changes
	t.readings++
	reading := t.readings
	t.reading, t.mayDiffer, t.leftWhileReading = true, false, map[string]struct{}{}
	r.mu.Unlock()
	list, err := r.set.log.Members(ctx, r.name, maxRoster)

	r.mu.Lock()
	left := t.leftWhileReading
	t.reading, t.leftWhileReading = false, nil
	if err != nil {
		t.mayDiffer = true
		r.mu.Unlock()
		return err
	}
	t.version, t.readAt = version, r.set.cfg.Clock()
	grew := false
	var wrong []*localUser // users for which the log does not hold what this server has told it
	for _, m := range list.Members {
		o := r.users[m.UserID]
		if _, ok := left[m.UserID]; ok || o != nil && o.changedAt > since {
			t.mayDiffer = true
			if o != nil {
				o.lastReading = reading
			}
			continue
		}
		if o == nil {
			o = &localUser{user: m.UserID}
			r.users[m.UserID] = o
		}
		o.lastReading, o.connsElsewhere = reading, int32(m.Connections)
		if o.inLog == isInLog && o.loggedBy == r.set.identity.serverID.Load() {
			o.connsElsewhere = max(0, int32(m.Connections)-o.loggedConns)
			// A late earlier call has undone what the log was told: tell it again.
			if o.connsElsewhere == 0 && m != o.loggedAs() {
				o.inLog = maybeInLog
				wrong = append(wrong, o)
			}
		}
		grew = r.tellJoinLocked(o, m.Username) || grew
	}
	lost := false
	if t.unlisted = 0; len(list.Members) >= maxRoster {
		t.unlisted = max(0, list.Total-len(t.list))
	} else {
		for _, o := range slices.Clone(t.list) {
			_, here := o.wantedInLog()
			switch {
			case o.lastReading == reading:
			case o.changedAt > since:
				t.mayDiffer = true
			case !here:
				grew = r.tellLeaveLocked(o) || grew
			case o.inLog == isInLog && o.loggedBy == r.set.identity.serverID.Load():
				o.inLog = maybeInLog
				wrong, lost = append(wrong, o), true
			}
		}
	}
	if r.batchesPresence() && t.countTold != len(t.list)+t.unlisted {
		r.startBatchLocked()
	}
	r.mu.Unlock()
	if grew {
		r.wake()
	}
	for _, o := range wrong {
		r.updateLog(o, true)
	}
	if lost { // perhaps the log has lost all users of this server
		r.set.requestBeat()
	}
	return nil
}
