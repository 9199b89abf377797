package rooms

import (
	"context"
	"hash/maphash"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/lock"
)

// An epoch that a room has left must not come back: a log restored from an older
// copy would give clients of before the restoration other entries at the offsets
// they know. Each server remembers the epochs that it has seen replaced.

// maxRetired limits the epochs remembered, for all rooms together.
const maxRetired = 4096

// retiredEpochs is the epochs that rooms have left, the latest maxRetired of them.
type retiredEpochs struct {
	mu   lock.Leaf
	seed maphash.Seed
	set  map[uint64]struct{}
	ring []uint64
	next int
}

func (t *retiredEpochs) sum(room, epoch string) uint64 {
	return maphash.Comparable(t.seed, [2]string{room, epoch})
}

// add notes that room is in epoch no longer.
func (t *retiredEpochs) add(room, epoch string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		t.seed, t.set = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	sum := t.sum(room, epoch)
	if _, ok := t.set[sum]; ok {
		return
	}
	t.set[sum] = struct{}{}
	if len(t.ring) < maxRetired {
		t.ring = append(t.ring, sum)
		return
	}
	delete(t.set, t.ring[t.next])
	t.ring[t.next] = sum
	t.next = (t.next + 1) % maxRetired
}

func (t *retiredEpochs) has(room, epoch string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		return false
	}
	_, ok := t.set[t.sum(room, epoch)]
	return ok
}

// renew gives the room a new epoch if its epoch is still seen.
func (s *Set) renew(ctx context.Context, room, seen string) (epoch string, err error) {
	s.retired.add(room, seen)
	return s.log.Renew(ctx, room, seen)
}

// newest reads the messages with which a room is opened: the newest ones, and always at
// least the last, because a later comparison with it shows whether the log still has what
// was delivered.
func (r *room) newest(ctx context.Context) (chatlog.Page, error) {
	for {
		page, err := r.set.log.Read(ctx, r.name, chatlog.Range{Limit: max(r.set.cfg.Limits.History, 1)})
		if err != nil || !r.set.retired.has(r.name, page.Position.Epoch) {
			return page, err
		}
		if _, err := r.set.renew(ctx, r.name, page.Position.Epoch); err != nil {
			return page, err
		}
	}
}

// contradicted is called when the log has given a new entry an offset at or below at, which
// the room had reached before. The room gets a new epoch, so nothing more is acknowledged
// in the old one. It returns the entry's epoch.
func (r *room) contradicted(ctx context.Context, at chatlog.Position) (epoch string, err error) {
	if epoch, err = r.set.renew(ctx, r.name, at.Epoch); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startCatchUpLocked(0)
	return epoch, nil
}

// continues reports whether page, read from since.Offset on, continues after exactly the
// entry that since names. All code that reads on from a place calls it. Without a Time,
// since names the entry by its offset alone. With a Time, an entry that is no longer held
// cannot be compared; then the answer is true only for the memory log, which loses nothing.
func (s *Set) continues(page *chatlog.Page, since chatlog.Position) bool {
	switch {
	case page.Position.Epoch != since.Epoch, page.Position.Offset < since.Offset, page.First > since.Offset+1:
		return false
	case since.Time == 0 || since.Offset == 0:
		return true
	case page.First > since.Offset:
		return s.cfg.Local
	}
	return len(page.Events) > 0 && chatlog.PlaceOf(since.Epoch, &page.Events[0]) == since
}

// sameEvent reports whether two entries of one offset are the same event. One of them may
// have been read after it was amended: its text may be another one, or it may be erased.
func sameEvent(a, b *chatlog.Event) bool {
	return a.Time.Equal(b.Time) && (a.Erased() || b.Erased() || a.Type == b.Type && a.UserID == b.UserID && a.ID == b.ID && a.Target == b.Target)
}
