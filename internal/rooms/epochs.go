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

// maxRetired bounds the epochs remembered, by all rooms together.
const maxRetired = 4096

// retired is the epochs that rooms have left, the latest maxRetired of them.
type retired struct {
	mu   lock.Leaf
	seed maphash.Seed
	set  map[uint64]struct{}
	ring []uint64
	next int
}

func (t *retired) sum(room, epoch string) uint64 {
	return maphash.Comparable(t.seed, [2]string{room, epoch})
}

// add notes that room is in epoch no longer.
func (t *retired) add(room, epoch string) {
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

func (t *retired) has(room, epoch string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set == nil {
		return false
	}
	_, ok := t.set[t.sum(room, epoch)]
	return ok
}

// renew gives the room another epoch if it is still in seen.
func (s *Set) renew(ctx context.Context, room, seen string) (epoch string, err error) {
	s.retired.add(room, seen)
	return s.log.Renew(ctx, room, seen)
}

// newest reads what a room is opened with: the newest messages, and always the
// last one, because it tells later whether the log still has what was delivered.
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

// contradicted is called when the log has given a new entry an offset at or below
// at, which the room had reached before. Nothing more is acknowledged in that epoch;
// the entry's is the one that it returns.
func (r *room) contradicted(ctx context.Context, at chatlog.Position) (epoch string, err error) {
	if epoch, err = r.set.renew(ctx, r.name, at.Epoch); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.healLocked(0)
	return epoch, nil
}

// continues reports whether page, read from since.Offset on, goes on after the
// very entry that since names. Whoever reads on from a place asks here. Without a
// Time the place is the entry's offset alone. With one, an entry that is held no
// longer cannot be compared: only a log that loses nothing is believed then.
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

// sameEvent reports whether two entries of one offset are the same event.
func sameEvent(a, b *chatlog.Event) bool {
	return a.UserID == b.UserID && a.ID == b.ID && a.Text == b.Text && a.Time.Equal(b.Time)
}
