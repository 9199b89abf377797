package redislog

import (
	"context"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A failover, a truncated file or an old snapshot loses the last writes to Redis, and
// Redis does not know it. Servers compare the rooms in use with what they have delivered.
// For the other rooms, each Log remembers the last entries that it has seen in a bucket.
// If one of them is lost, the bucket gets a new age. A room that was not in use then
// begins a new epoch with its next use.

// lastSeen is what a Log remembers of a bucket. All its fields are guarded by mu.
type lastSeen struct {
	mu     sync.Mutex
	age    string // of the bucket
	newest [4]seenEntry
	next   int
	rooms  map[string]seenEntry // the newest entry per room
}

// maxUnwatchedRooms is how many rooms of a bucket lastSeen.rooms holds at most, beside
// those that are watched.
const maxUnwatchedRooms = 256

// A seenEntry is an entry that this Log has seen.
type seenEntry struct {
	room, epoch string
	offset      uint64
	ms          int64 // its time
	sums        sums
}

// sums are hashes that differ if two events with the same offset differ. One covers what never
// changes. The other covers the text too.
type sums struct{ who, whole uint64 }

var seed = maphash.MakeSeed()

func sumsOf(e *chatlog.Event) sums {
	s := sums{who: maphash.Comparable(seed, struct {
		user, id string
		ms       int64
	}{e.UserID, e.ID, e.Time.UnixMilli()})}
	if s.whole = s.who; !e.Amends() {
		s.whole ^= maphash.String(seed, e.Text)
	}
	return s
}

// differs reports whether a is another event than the one in an element of Redis.
func (m *seenEntry) differs(element string) bool {
	offset, ms, flags, _, json := splitElement(element)
	if strings.Contains(flags, "d") { // deleted
		return ms != strconv.FormatInt(m.ms, 10)
	}
	e, err := decode(offset, ms, json)
	if err != nil {
		return false
	}
	if now := sumsOf(&e); strings.Contains(flags, "e") { // edited: it has another text
		return now.who != m.sums.who
	} else {
		return now != m.sums
	}
}

// noteSeen notes that e is in the log.
func (l *Log) noteSeen(bucket int, room, epoch string, e *chatlog.Event) {
	m := seenEntry{room, epoch, e.Offset, e.Time.UnixMilli(), sumsOf(e)}
	ev := &l.lastSeen[bucket]
	ev.mu.Lock()
	defer ev.mu.Unlock()
	if old, ok := ev.rooms[room]; !ok || old.epoch != epoch || old.offset < m.offset {
		if !ok {
			l.evictLocked(ev)
		}
		ev.rooms[room] = m
	}
	for i := range ev.newest {
		if old := &ev.newest[i]; old.room == room && old.offset > 0 {
			if old.epoch != epoch || old.offset < m.offset {
				*old = m
			}
			return
		}
	}
	ev.newest[ev.next] = m
	ev.next = (ev.next + 1) % len(ev.newest)
}

// evictLocked deletes a room that is not watched if there are too many.
func (l *Log) evictLocked(ev *lastSeen) {
	if ev.rooms == nil {
		ev.rooms = map[string]seenEntry{}
	}
	if len(ev.rooms) < maxUnwatchedRooms {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	tries := 2 + max(0, len(ev.rooms)-maxUnwatchedRooms)/8
	for room := range ev.rooms {
		if l.rooms[room] == nil {
			delete(ev.rooms, room)
			if len(ev.rooms) < maxUnwatchedRooms {
				return
			}
		}
		if tries--; tries < 0 {
			return
		}
	}
}

// newestSeen returns the newest entry that this Log has seen in a room, in the form of a
// script's argument. If Redis no longer has that entry, the script begins a new epoch
// before it does anything else.
func (l *Log) newestSeen(bucket int, room string) string {
	ev := &l.lastSeen[bucket]
	ev.mu.Lock()
	m, ok := ev.rooms[room]
	ev.mu.Unlock()
	if !ok {
		return ""
	}
	return m.epoch + " " + strconv.FormatUint(m.offset, 10) + " " + strconv.FormatInt(m.ms, 10)
}

// watchedFlag returns "1" if this Log watches room, otherwise "0".
func (l *Log) watchedFlag(room string) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.rooms[room] != nil {
		return "1"
	}
	return "0"
}

// noteAge sets the age of the bucket if it is not known yet.
func (ev *lastSeen) noteAge(age string) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	if ev.age == "" {
		ev.age = age
	}
}

var (
	checkScript    = newRoomScript("check")
	distrustScript = newScript("begin", "distrust")
)

// checkLoss checks whether Redis still has the entries of a bucket that this Log has
// seen. After an error it does nothing; the next call tries again.
func (l *Log) checkLoss(ctx context.Context, b int) {
	ev := &l.lastSeen[b]
	ev.mu.Lock()
	marks, age := ev.newest, ev.age
	ev.mu.Unlock()
	var calls [len(marks)]*call
	for i, m := range marks {
		if m.offset == 0 {
			continue
		}
		var err error
		calls[i], err = l.start(ctx, checkScript, b, l.roomKeys(b, m.room),
			l.uniqueWord(), strconv.FormatUint(m.offset, 10))
		if err != nil {
			return
		}
	}
	lost := false
	for i, c := range calls {
		if c == nil {
			continue
		}
		reply, err := c.wait()
		if err != nil {
			return
		}
		r := replyOf(reply)
		now, epoch, last, element := r.text(0), r.text(1), r.offset(2), r.text(3)
		if r.bad {
			return
		}
		if age == "" {
			age = now
		}
		if now != age {
			// Another server has found the loss, or the whole bucket is lost.
			ev.reset(now)
			l.keepAliveSoon(b)
			return
		}
		if m := marks[i]; epoch == m.epoch {
			lost = lost || last < m.offset || element != "" && m.differs(element)
		}
	}
	if !lost {
		return
	}
	reply, err := l.do(ctx, distrustScript, b, []string{l.key(b, keyAge, "")}, l.uniqueWord(), age)
	if now, ok := reply.(string); err == nil && ok {
		ev.reset(now)
		l.keepAliveSoon(b)
	}
}

// checkLosses calls checkLoss for the buckets first, first+step, first+2*step and so on.
func (l *Log) checkLosses(ctx context.Context, first, step int) {
	var wg sync.WaitGroup
	for b := first; b < buckets; b += step {
		if l.lastSeen[b].hasEntries() {
			wg.Go(func() { l.checkLoss(ctx, b) })
		}
	}
	wg.Wait()
}

func (ev *lastSeen) hasEntries() bool {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	return ev.newest[0].offset > 0
}

// reset deletes the entries and sets the bucket's age.
func (ev *lastSeen) reset(age string) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	ev.age, ev.newest, ev.next = age, [len(ev.newest)]seenEntry{}, 0
}

// keepAliveSoon makes the next Beat tell Redis that the rooms of the bucket are watched.
// Servers compare these rooms with what they have delivered, so the rooms need no new
// epoch for the loss.
func (l *Log) keepAliveSoon(bucket int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.rooms {
		if w.bucket == bucket {
			w.keptAliveAt = w.keptAliveAt.Add(-l.expiry)
		}
	}
}
