package redislog

import (
	"context"
	"hash/maphash"
	"strconv"
	"sync"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A failover, a truncated file or an old snapshot takes from Redis its last writes,
// in the order they were made, and Redis does not know. Rooms in use are compared by
// their servers with what was delivered. For the others, each Log remembers the
// entries of a bucket that it saw last: if one of them is gone, the bucket gets
// another age, and a room that was in nobody's use begins a new epoch when it is
// used again.

// evidence is what a Log remembers of a bucket.
type evidence struct {
	mu    sync.Mutex
	age   string // of the bucket
	marks [4]mark
	next  int
	rooms map[string]mark // the newest entry of each room; of those not watched, maxSeen at most
}

// maxSeen bounds the rooms of a bucket that are not watched and of which the newest
// entry is known all the same.
const maxSeen = 256

// A mark is an entry that was there.
type mark struct {
	room, epoch string
	offset      uint64
	ms          int64 // its time
	sum         uint64
}

var seed = maphash.MakeSeed()

// sumOf tells events of one offset apart.
func sumOf(e *chatlog.Event) uint64 {
	return maphash.Comparable(seed, struct {
		user, id, message string
		ms                int64
	}{e.UserID, e.ID, e.Text, e.Time.UnixMilli()})
}

// saw notes that e has just come into the log.
func (l *Log) saw(bucket int, room, epoch string, e *chatlog.Event) {
	m := mark{room, epoch, e.Offset, e.Time.UnixMilli(), sumOf(e)}
	ev := &l.evidence[bucket]
	ev.mu.Lock()
	defer ev.mu.Unlock()
	if old, ok := ev.rooms[room]; !ok || old.epoch != epoch || old.offset < m.offset {
		if !ok {
			l.makePlaceLocked(ev)
		}
		ev.rooms[room] = m
	}
	for i := range ev.marks {
		if old := &ev.marks[i]; old.room == room && old.offset > 0 {
			if old.epoch != epoch || old.offset < m.offset {
				*old = m
			}
			return
		}
	}
	ev.marks[ev.next] = m
	ev.next = (ev.next + 1) % len(ev.marks)
}

// makePlaceLocked forgets a room that is not watched if there are many.
func (l *Log) makePlaceLocked(ev *evidence) {
	if ev.rooms == nil {
		ev.rooms = map[string]mark{}
	}
	if len(ev.rooms) < maxSeen {
		return
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	tries := 2 + max(0, len(ev.rooms)-maxSeen)/8
	for room := range ev.rooms {
		if l.rooms[room] == nil {
			delete(ev.rooms, room)
			if len(ev.rooms) < maxSeen {
				return
			}
		}
		if tries--; tries < 0 {
			return
		}
	}
}

// seen returns the newest entry that this Log has seen of a room, as scripts take it:
// if Redis no longer has it, they begin a new epoch before anything else.
func (l *Log) seen(bucket int, room string) string {
	ev := &l.evidence[bucket]
	ev.mu.Lock()
	m, ok := ev.rooms[room]
	ev.mu.Unlock()
	if !ok {
		return ""
	}
	return m.epoch + " " + strconv.FormatUint(m.offset, 10) + " " + strconv.FormatInt(m.ms, 10)
}

// watched returns "1" if room is watched here, and else "0".
func (l *Log) watched(room string) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.rooms[room] != nil {
		return "1"
	}
	return "0"
}

// begin notes the age of the bucket if none is known.
func (ev *evidence) begin(age string) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	if ev.age == "" {
		ev.age = age
	}
}

var (
	checkScript    = newScript("check")
	distrustScript = newScript("distrust")
)

// check looks for the entries of a bucket that were there. Errors are left to the
// next time.
func (l *Log) check(ctx context.Context, b int) {
	ev := &l.evidence[b]
	ev.mu.Lock()
	marks, age := ev.marks, ev.age
	ev.mu.Unlock()
	var calls [len(marks)]*call
	for i, m := range marks {
		if m.offset == 0 {
			continue
		}
		var err error
		calls[i], err = l.start(ctx, checkScript, b, []string{l.key(b, keyAge, ""), l.key(b, keyHead, m.room), l.key(b, keyLog, m.room)},
			l.newWord(), strconv.FormatUint(m.offset, 10))
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
		now, epoch, last := r.text(0), r.text(1), r.offset(2)
		if r.bad {
			return
		}
		if age == "" {
			age = now
		}
		if now != age {
			// Another server has found out, or all is gone.
			ev.forget(now)
			l.retouch(b)
			return
		}
		if m := marks[i]; epoch == m.epoch {
			e, err := decode(strconv.FormatUint(m.offset, 10), r.text(3), r.text(4))
			lost = lost || last < m.offset || err == nil && sumOf(&e) != m.sum
		}
	}
	if !lost {
		return
	}
	reply, err := l.do(ctx, distrustScript, b, []string{l.key(b, keyAge, "")}, l.newWord(), age)
	if now, ok := reply.(string); err == nil && ok {
		ev.forget(now)
		l.retouch(b)
	}
}

// checkAll checks the bucket first, and others at steps from it.
func (l *Log) checkAll(ctx context.Context, first, step int) {
	var wg sync.WaitGroup
	for b := first; b < buckets; b += step {
		if l.evidence[b].any() {
			wg.Go(func() { l.check(ctx, b) })
		}
	}
	wg.Wait()
}

func (ev *evidence) any() bool {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	return ev.marks[0].offset > 0
}

// forget begins anew with the bucket's age.
func (ev *evidence) forget(age string) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	ev.age, ev.marks, ev.next = age, [len(ev.marks)]mark{}, 0
}

// retouch has the rooms of the bucket that are watched here told so soon: they are
// compared with what was delivered, and need no new epoch when next opened.
func (l *Log) retouch(bucket int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.rooms {
		if w.bucket == bucket {
			w.touched = w.touched.Add(-l.expiry)
		}
	}
}
