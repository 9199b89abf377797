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

var _ chatlog.Log = (*Log)(nil)

// Log is a [chatlog.Log] in memory. A shard's lock is taken first, and then at most one of
// the locks of sinks, live and idle. No lock is held while a sink is called.
type Log struct {
	// Immutable.
	base    string // the first part of all epochs of this log
	history int    // entries kept per room
	bytes   int    // bytes kept per room
	forget  time.Duration
	start   time.Time
	seed    maphash.Seed

	// epochs makes epochs differ. A room's epoch contains the value at the time when the
	// room's state was made. Removing a state and renewing an epoch add one.
	epochs atomic.Uint64

	occupied atomic.Int64 // rooms with users
	versions atomic.Uint64

	shards [64]roomShard

	sinks fanout.Sinks
	live  liveness
	idle  idleRooms
}

// roomShard holds the rooms whose names hash to it.
type roomShard struct {
	mu    lock.Shard
	rooms map[string]*roomState
}

// New returns a log that keeps the last history entries per room, and of these at most so
// many bytes; a negative number counts as zero. It removes a room that is unused for the
// duration forget; with a negative duration, as soon as no server uses it.
func New(history, bytes int, forget time.Duration) *Log {
	l := &Log{
		base:    strings.ToLower(rand.Text()[:16]),
		history: max(history, 0),
		bytes:   max(bytes, 0),
		forget:  forget,
		start:   time.Now(),
		seed:    maphash.MakeSeed(),
		live:    liveness{servers: map[string]time.Duration{}, removed: map[string]time.Duration{}},
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
		r = &roomState{name: room, epoch: l.epoch(), first: 1}
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
	r.keep(&a.Event, l.history, l.bytes)
	watchers := r.watchers
	l.usedLocked(sh, r)
	sh.mu.Unlock()
	watchers.Push(room, a.Epoch, &a.Event)
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

// Read implements [chatlog.Store].
func (l *Log) Read(ctx context.Context, room string, rg chatlog.Range) (chatlog.Page, error) {
	if err := ctx.Err(); err != nil {
		return chatlog.Page{}, err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rooms[room]
	if r == nil {
		return chatlog.Page{Position: chatlog.Position{Epoch: l.epoch()}, First: 1}, nil
	}
	if r.idle.elem != nil {
		l.idle.add(r, l.clock())
	}
	p := chatlog.Page{Position: chatlog.Position{Epoch: r.epoch, Offset: r.last}, First: r.first}
	from, end := r.first, r.last+1 // the entries of the range, without the limit
	switch {
	case rg.From > 0:
		from = min(max(from, rg.From), end)
	case rg.Before > 0:
		end = max(min(end, rg.Before), from)
	}
	if rg.Visible && len(r.index.runs) > 0 {
		r.visible(&p, rg, from, end)
		return p, nil
	}
	n := min(end-from, uint64(max(rg.Limit, 0)))
	if p.More = n < end-from; rg.From == 0 {
		from = end - n
	}
	if n > 0 {
		p.Events = make([]chatlog.Event, n)
	}
	for i := range p.Events {
		p.Events[i] = *r.at(from + uint64(i))
	}
	return p, nil
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
	}
	if r == nil {
		return l.epoch(), nil
	}
	return r.epoch, nil
}
