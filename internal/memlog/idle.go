package memlog

import (
	"container/list"
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
)

// This file limits the memory of rooms that no server uses. There is no timer: Beat, which
// servers call anyway, removes rooms that are old enough, and a call that adds to the idle
// rooms removes the oldest of them.

// maxIdle limits the bytes of all idle rooms of a memory log.
const maxIdle = 64 << 20

// idleRooms are the rooms without watchers and users. The room that is unused for the
// longest time comes first.
type idleRooms struct {
	mu    lock.Idle
	rooms list.List // of *roomState
	bytes int
}

// idleRoom is a room's place among the idle rooms. The shard's lock guards it; the fields
// after elem need idleRooms.mu too.
type idleRoom struct {
	elem  *list.Element // nil if the room is in use
	used  time.Duration
	bytes int
}

// usedLocked notes a use of r. The caller holds the lock of r's shard sh. A room without
// watchers and users becomes idle, or is removed if it was never written to.
func (l *Log) usedLocked(sh *roomShard, r *roomState) {
	switch {
	case len(r.watchers) > 0 || len(r.users) > 0:
		if r.idle.elem != nil {
			l.idle.remove(r)
		}
		return
	case r.last == 0:
		delete(sh.rooms, r.name)
		return
	case l.forget < 0:
		r.clear()
		if l.expiredLocked(r, l.clock()) {
			l.evictLocked(sh, r)
			return
		}
	}
	l.idle.add(r, l.clock())
}

func (i *idleRooms) add(r *roomState, now time.Duration) {
	bytes := roomCost + len(r.name) + r.size + idCost*r.ids.len() + markerCost*r.markers.len()
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.idle.elem == nil {
		r.idle.elem = i.rooms.PushBack(r)
	} else {
		i.rooms.MoveToBack(r.idle.elem)
	}
	i.bytes += bytes - r.idle.bytes
	r.idle.used, r.idle.bytes = now, bytes
}

func (i *idleRooms) remove(r *roomState) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.rooms.Remove(r.idle.elem)
	i.bytes -= r.idle.bytes
	r.idle = idleRoom{}
}

// evictLocked removes r, so that a room of this name begins a new epoch.
func (l *Log) evictLocked(sh *roomShard, r *roomState) {
	if r.idle.elem != nil {
		l.idle.remove(r)
	}
	l.epochs.Add(1)
	delete(sh.rooms, r.name)
}

// expiredLocked reports whether r, which is idle, may be removed: it is unused for long
// enough, and none of its ids must still be remembered.
func (l *Log) expiredLocked(r *roomState, now time.Duration) bool {
	if r.ids.turn(now); r.ids.len() > 0 {
		return false
	}
	return l.forget < 0 || now-r.idle.used >= l.forget
}

// expire removes the idle rooms that have expired.
func (l *Log) expire() {
	now := l.clock()
	var old []*roomState
	l.idle.mu.Lock()
	for e := l.idle.rooms.Front(); e != nil; e = e.Next() {
		r := e.Value.(*roomState)
		if now-r.idle.used < l.forget {
			break
		}
		old = append(old, r)
	}
	l.idle.mu.Unlock()
	for _, r := range old {
		sh := l.shard(r.name)
		sh.mu.Lock()
		if r.idle.elem != nil && l.expiredLocked(r, now) {
			l.evictLocked(sh, r)
		}
		sh.mu.Unlock()
	}
}

// shrink removes the rooms unused for the longest time while the idle rooms take too much
// memory. The caller holds no lock.
func (l *Log) shrink() {
	for {
		var oldest *roomState
		l.idle.mu.Lock()
		if l.idle.bytes > maxIdle {
			oldest = l.idle.rooms.Front().Value.(*roomState)
		}
		l.idle.mu.Unlock()
		if oldest == nil {
			return
		}
		sh := l.shard(oldest.name)
		sh.mu.Lock()
		if oldest.idle.elem != nil {
			l.evictLocked(sh, oldest)
		}
		sh.mu.Unlock()
	}
}
