package rooms

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/stream"
)

// room is a room in use on this server: the live part of its log, and who reads
// it. The log has the truth; a room is opened from it by whoever comes first and
// dropped when nobody is left.
type room struct {
	// Immutable.
	set    *Set
	name   string
	opened chan struct{} // closed once open has returned
	err    error         // of open; read after opened

	refs int // guarded by Set.mu

	// order holds whoever appends to a log of this server alone until the entry is
	// in the stream, so that entries come in order. It is taken before mu.
	order lock.Order

	// Whoever publishes appends under mu, and wakes after unlocking. The first three
	// groups are guarded by it, too.
	mu     lock.Room
	stream stream.Stream
	roomLog
	roomReaders
	roomPeople

	next  atomic.Uint64 // the stream's end, for drain
	state atomic.Int32  // of delivery: idle, running or again
	roomRounds
}

// roomLog is where the stream stands in the log. It is guarded by room.mu.
type roomLog struct {
	ready   bool // open has loaded the room
	epoch   string
	last    chatlog.Event      // the newest entry in the stream; its Offset is the room's
	stash   map[uint64]stashed // entries that came before their turn, at most stashSize
	missed  bool               // something was pushed that the stash does not hold
	healing bool               // a goroutine is reading what is missing
}

// roomReaders is who reads the stream. It is guarded by room.mu.
type roomReaders struct {
	members []*Member
	shared  bool          // a round is reading members: copy before changing what it sees
	low     uint64        // the lowest place of a member when the last round ended
	grown   chan struct{} // closed when the stream grows; nil if nobody waits
}

// roomPeople is who is here, on this server and on others. It is guarded by room.mu.
type roomPeople struct {
	conns  int                  // members, and those about to be
	joins  uint64               // members there ever were
	users  map[string]*occupant // of this server, and those whom members were told of
	roster roster
	crowd  *crowd // what is gathered for the next presence object; nil if nothing is
}

// roomRounds is of the rounds of delivery. The goroutine that runs them owns it.
type roomRounds struct {
	lastRound time.Time     // when it began
	roundTook time.Duration // as long as that
	delivered uint64
	sharing   *sharing
}

// open loads the newest messages from the log. Watching comes first: what is
// appended meanwhile is pushed and waits in the stash.
func (r *room) open(ctx context.Context) error {
	ctx, cancel := r.set.log.Bound(ctx)
	defer cancel()
	if err := r.set.log.Watch(ctx, sink{r.set}, r.name); err != nil {
		return err
	}
	people := make(chan error, 1)
	if r.set.cfg.Local {
		people <- nil // there is nobody
	} else {
		go func() { // ends with the log's time
			err := guard.ErrUnavailable // unless a log that ends the goroutine was asked
			defer func() { people <- err }()
			err = r.readMembers(ctx, 0)
		}()
	}
	page, err := r.newest(ctx)
	if e := <-people; e != nil {
		return e
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loadLocked(page)
	r.ready = true
	r.unstashLocked()
	if r.missed || len(r.stash) > 0 {
		r.healLocked(0)
	}
	return nil
}

// loadLocked makes page what the stream holds.
func (r *room) loadLocked(page chatlog.Page) {
	r.epoch = page.Position.Epoch
	r.last = chatlog.Event{Offset: page.Position.Offset}
	for i := range page.Events {
		r.last = page.Events[i]
		r.putLocked(&page.Events[i], audienceOf(&page.Events[i]))
	}
}

// audienceOf returns who may see e.
func audienceOf(e *chatlog.Event) *stream.Audience {
	switch e.Type {
	case chatlog.TypePrivate:
		return &stream.Audience{Private: true, Only: [2]string{e.UserID, e.To}}
	case chatlog.TypeTyping:
		return &stream.Audience{Except: e.UserID, V1Only: true}
	case chatlog.TypeSystem:
		return &stream.Audience{Except: e.UserID}
	}
	return nil
}

// putLocked adds e to the stream.
func (r *room) putLocked(e *chatlog.Event, who *stream.Audience) {
	b := encoded.Get().(*[]byte)
	*b = chatlog.AppendJSON((*b)[:0], e)
	var ms int64
	if e.Offset != 0 {
		ms = e.Time.UnixMilli()
	}
	r.putObjectLocked(*b, e.Offset, ms, who)
	encoded.Put(b)
}

// encoded has buffers in which events are encoded, of any size: a room that kept
// one would hold it for as long as the room is in use.
var encoded = sync.Pool{New: func() any { return new([]byte) }}

// putObjectLocked adds an encoded object to the stream.
func (r *room) putObjectLocked(object []byte, offset uint64, ms int64, who *stream.Audience) {
	r.stream.Append(object, offset, ms, who, r.set.cfg.Pack)
	r.next.Store(r.stream.Next())
	if r.grown != nil {
		close(r.grown)
		r.grown = nil
	}
}

// apply takes an entry of the log, from wherever it comes, and appends it if it
// is next in line. Entries come in any order and more than once. It reports whether
// e is known not to be what the stream has at its offset.
func (r *room) apply(epoch string, e chatlog.Event) (differs bool) {
	grew, differs := r.take(epoch, e)
	if grew {
		r.wake()
	}
	return differs
}

// take is apply without waking; it reports whether the stream has grown, too.
func (r *room) take(epoch string, e chatlog.Event) (grew, differs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.ready:
		r.stashLocked(epoch, e)
	case epoch != r.epoch:
		r.healLocked(0)
	case e.Offset <= r.last.Offset:
		if differs = r.differsLocked(&e); differs {
			r.healLocked(0)
		}
	case e.Offset == r.last.Offset+1 && e.Type != "":
		r.appendLocked(&e)
		r.unstashLocked()
		grew = true
	default:
		r.stashLocked(epoch, e)
		r.healLocked(healDelay)
	}
	return grew, differs
}

// differsLocked reports whether e, which is not beyond the room's last entry, is
// known to be another event than the stream has at its offset.
func (r *room) differsLocked(e *chatlog.Event) bool {
	if e.Type == "" {
		return false
	}
	if e.Offset == r.last.Offset && r.last.Type != "" {
		return !sameEvent(e, &r.last)
	}
	t := r.stream.TimeOf(e.Offset)
	return t != 0 && t != e.Time.UnixMilli()
}

func (r *room) appendLocked(e *chatlog.Event) {
	r.last = *e
	r.putLocked(e, audienceOf(e))
}

// notify adds an event that no log keeps.
func (r *room) notify(e chatlog.Event) {
	r.mu.Lock()
	grew := false
	switch {
	case e.Type == chatlog.TypeSystem:
		grew = r.hintLocked(&e)
	case r.ready:
		r.putLocked(&e, audienceOf(&e))
		grew = true
	}
	r.mu.Unlock()
	if grew {
		r.wake()
	}
}

// mark returns the stream's end, for wait.
func (r *room) mark() uint64 { return r.next.Load() }

// view returns what the stream holds now.
func (r *room) view() stream.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stream.View
}

// position returns the room's last place.
func (r *room) position() chatlog.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.placeLocked()
}

func (r *room) placeLocked() chatlog.Position { return chatlog.PlaceOf(r.epoch, &r.last) }

// wait returns when the stream has grown past seq, or ctx ends.
func (r *room) wait(ctx context.Context, seq uint64) error {
	r.mu.Lock()
	if r.stream.Next() > seq {
		r.mu.Unlock()
		return nil
	}
	if r.grown == nil {
		r.grown = make(chan struct{})
	}
	grown := r.grown
	r.mu.Unlock()
	select {
	case <-grown:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.set.life.done:
		return ErrClosed
	}
}
