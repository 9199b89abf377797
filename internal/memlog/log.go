package memlog

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/fanout"
	"github.com/seed-08328bfd/chat/internal/lock"
)

var (
	_ chatlog.Log     = (*Log)(nil)
	_ chatlog.Amender = (*Log)(nil)
	_ chatlog.Marker  = (*Log)(nil)
	_ chatlog.Pacer   = (*Log)(nil)
	_ chatlog.Tracker = (*Log)(nil)
)

// Log is a [chatlog.Log] in memory. A shard's lock is taken first, and then at most one of
// the locks of sinks, live and idle. No lock is held while a sink is called.
type Log struct {
	// Immutable.
	base   string // the first part of all epochs of this log
	limits limits // per room
	forget time.Duration
	start  time.Time
	seed   maphash.Seed

	// epochs makes epochs differ. A room's epoch contains the value at the time when the
	// room's state was made. Removing a state and renewing an epoch add one.
	epochs atomic.Uint64

	occupied atomic.Int64 // rooms with users
	versions atomic.Uint64

	shards [64]roomShard

	sinks fanout.Sinks
	live  liveness
	idle  idleRooms

	consumers consumers
	growth    fanout.Growth
}

// roomShard holds the rooms whose names hash to it. Its lock guards them and the turns.
type roomShard struct {
	mu    lock.Shard
	rooms map[string]*roomState
	turns turns
}

// New returns a log that keeps per room the last history messages, and a limited number of the
// entries that amend. All of these together have at most bytes bytes. A negative number counts
// as zero. It removes a room that is unused for the duration forget; with a negative duration,
// as soon as no server uses it.
func New(history, bytes int, forget time.Duration) *Log {
	l := &Log{
		base:   strings.ToLower(rand.Text()[:16]),
		limits: limitsOf(history, bytes),
		forget: forget,
		start:  time.Now(),
		seed:   maphash.MakeSeed(),
		live:   liveness{servers: map[string]time.Duration{}, removed: map[string]time.Duration{}},
	}
	for i := range l.shards {
		l.shards[i].rooms = map[string]*roomState{}
	}
	return l
}

// clock returns the time since the log was made. Setting the wall clock does not change it.
func (l *Log) clock() time.Duration { return time.Since(l.start) }

func (l *Log) shard(room string) *roomShard {
	return &l.shards[maphash.String(l.seed, room)%uint64(len(l.shards))]
}

// epoch returns the epoch for a room whose state is made now.
func (l *Log) epoch() string {
	return l.base + "-" + strconv.FormatUint(l.epochs.Load(), 36)
}

// makeLocked returns the state of a room; it makes one if there is none. The caller holds
// the lock of sh, and then adds an entry, a watcher or a user, which keeps the room.
func (l *Log) makeLocked(sh *roomShard, room string) *roomState {
	r := sh.rooms[room]
	if r == nil {
		room = strings.Clone(room)
		r = &roomState{name: room, epoch: l.epoch(), entries: entries{first: 1, oldest: 1}}
		sh.rooms[room] = r
	}
	return r
}

// Append implements [chatlog.Store].
func (l *Log) Append(ctx context.Context, room string, e chatlog.Event) (a chatlog.Appended, err error) {
	if err := ctx.Err(); err != nil {
		return a, err
	}
	now := time.Now()
	sh := l.shard(room)
	sh.mu.Lock()
	r := l.makeLocked(sh, room)
	a.Epoch = r.epoch
	var id idHash
	if e.ID != "" {
		id = idOf(e.UserID, e.ID)
		r.ids.turn(now.Sub(l.start))
		if known, ok := r.ids.known(id); ok {
			a.Event, a.Repeated = r.stored(known, e), true
			l.usedLocked(sh, r)
			sh.mu.Unlock()
			return a, nil
		}
	}
	r.last++
	r.ms = max(r.ms, now.UnixMilli())
	a.Event = e
	a.Event.Offset, a.Event.Time = r.last, time.UnixMilli(r.ms).UTC()
	if e.ID != "" {
		r.ids.add(id, idEntry{r.last, r.ms})
	}
	r.keep(&a.Event, l.limits)
	watchers := r.watchers
	l.usedLocked(sh, r)
	sh.mu.Unlock()
	watchers.Trace(room, a.Epoch, a.Event.Offset, chatlog.TraceOf(ctx))
	watchers.Push(room, a.Epoch, &a.Event)
	l.growth.Signal()
	if len(watchers) == 0 {
		l.shrink()
	}
	return a, nil
}

// Lookup implements [chatlog.Store].
func (l *Log) Lookup(ctx context.Context, room, userID, id string) (chatlog.Appended, error) {
	if err := ctx.Err(); err != nil {
		return chatlog.Appended{}, err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rooms[room]
	if r == nil || id == "" {
		return chatlog.Appended{}, nil
	}
	r.ids.turn(l.clock())
	known, ok := r.ids.known(idOf(userID, id))
	if !ok {
		return chatlog.Appended{}, nil
	}
	e := r.stored(known, chatlog.Event{UserID: userID, ID: id})
	return chatlog.Appended{Event: e, Epoch: r.epoch, Repeated: true}, nil
}

// Positions implements [chatlog.Store].
func (l *Log) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := make([]chatlog.Position, len(rooms))
	for i, room := range rooms {
		sh := l.shard(room)
		sh.mu.Lock()
		if r := sh.rooms[room]; r != nil {
			at[i] = chatlog.Position{Epoch: r.epoch, Offset: r.last}
		} else {
			at[i] = chatlog.Position{Epoch: l.epoch()}
		}
		sh.mu.Unlock()
	}
	return at, nil
}

// Renew implements [chatlog.Store].
func (l *Log) Renew(ctx context.Context, room, seen string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rooms[room]
	switch {
	case r == nil && seen == l.epoch():
		l.epochs.Add(1) // no state is needed: a later state gets the new epoch
	case r != nil && seen == r.epoch:
		l.epochs.Add(1)
		r.epoch = l.epoch()
		r.markers = markers{}
	}
	if r == nil {
		return l.epoch(), nil
	}
	return r.epoch, nil
}
