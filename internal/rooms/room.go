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

// room is a room in use on this server: the live part of its log, and the members that read
// it. The log has the truth: the first user of a room opens it from the log, and it is
// dropped when its last user is gone.
type room struct {
	// Immutable.
	set    *Set
	name   string
	opened chan struct{} // closed once open has returned
	err    error         // of open; read after opened

	refs int // guarded by Set.mu

	// order is held while an entry is appended to a log that only this server uses, until
	// the entry is in the stream. So entries come in order. It is taken before mu.
	order lock.Order

	// A publisher appends to the stream under mu, and calls wake after unlocking. mu also
	// guards the first three groups.
	mu     lock.Room
	stream stream.Stream
	placeInLog
	roomReaders
	roomUsers

	streamEnd     atomic.Uint64 // the stream's end, for drain
	deliveryState atomic.Int32  // of delivery: idle, running or again
	roundState
}

// placeInLog is where the stream stands in the log. It is guarded by room.mu.
type placeInLog struct {
	ready      bool // open has loaded the room
	epoch      string
	last       chatlog.Event         // the newest entry in the stream, without what it says; its Offset is the room's
	outOfOrder map[uint64]earlyEntry // entries that came before their turn, at most maxOutOfOrder
	missedPush bool                  // an entry was pushed that outOfOrder does not hold
	erasures   uint64                // deletions that the room has seen
	erased     []erasure             // the latest of them, number n at n%maxErasures
	catchingUp bool                  // a goroutine is reading the missing entries from the log
	traces     []tracedEntry         // of entries that no round has delivered yet, at most maxTraces
}

// roomReaders are the members that read the stream. It is guarded by room.mu.
type roomReaders struct {
	members       []*Member
	membersShared bool          // a round is reading members: copy before changing elements
	lowestCursor  uint64        // the lowest place of a member when the last round ended
	grown         chan struct{} // closed when the stream grows; nil if no goroutine waits
}

// roomUsers are the users in the room, on this server and on others. It is guarded by room.mu.
type roomUsers struct {
	conns     int                   // members, and connections that are joining
	joinCount uint64                // the number of joins so far
	users     map[string]*localUser // users of this server, and others that members were told of
	roster    roster
	batch     *presenceBatch // changes for the next presence object; nil if there are none
}

// roundState is the state of the rounds of delivery. Only the goroutine that runs rounds uses it.
type roundState struct {
	lastRound     time.Time     // when it began
	lastRoundTook time.Duration // how long it took
	delivered     uint64
	sharedRound   *sharedRound
}

// open loads the newest messages from the log. It watches the room first: entries appended
// after that are pushed, and wait in outOfOrder.
func (r *room) open(ctx context.Context) error {
	ctx, cancel := r.set.log.Bound(ctx)
	defer cancel()
	if err := r.set.log.Watch(ctx, sink{r.set}, r.name); err != nil {
		return err
	}
	people := make(chan error, 1)
	if r.set.cfg.Local {
		people <- nil // no user can be on another server
	} else {
		go func() { // ends with the log's time
			err := guard.ErrUnavailable // if the log ends the goroutine
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
	r.loadLocked(page, false)
	r.ready = true
	r.eraseAheadLocked()
	r.appendInOrderLocked()
	if r.missedPush || len(r.outOfOrder) > 0 {
		r.startCatchUpLocked(0)
	}
	return nil
}

// loadLocked makes page what the stream holds. lost says that the log has lost events.
func (r *room) loadLocked(page chatlog.Page, lost bool) {
	r.epoch = page.Position.Epoch
	r.stream.Begin(r.epoch, lost)
	r.last = chatlog.Event{Offset: page.Position.Offset}
	for i := range page.Events {
		r.appendLocked(&page.Events[i])
	}
}

// audienceOf returns the members that may see e; nil stands for everyone.
func audienceOf(e *chatlog.Event) *stream.Audience {
	switch e.Type {
	case chatlog.TypePrivate:
		return &stream.Audience{Private: true, Only: [2]string{e.UserID, e.To}}
	case chatlog.TypeTyping, chatlog.TypeSignal:
		return &stream.Audience{Except: e.UserID, V1Only: true}
	case chatlog.TypeEdit, chatlog.TypeDelete, chatlog.TypeReaction:
		return &stream.Audience{Private: e.Private(), Only: [2]string{e.UserID, e.To}, V1Only: true, Target: e.Target}
	case chatlog.TypeSystem:
		return &stream.Audience{Except: e.UserID}
	}
	return nil
}

// putLocked encodes e and adds it to the stream.
func (r *room) putLocked(e *chatlog.Event, who *stream.Audience) {
	b := encoded.Get().(*[]byte)
	*b = chatlog.AppendJSON((*b)[:0], e)
	var ms int64
	if e.Offset != 0 {
		ms = e.Time.UnixMilli()
	}
	r.putObjectLocked(*b, e.Offset, ms, who)
	clear(*b) // it may be deleted
	encoded.Put(b)
}

// encoded is a pool of buffers for encoding events. A buffer can grow large; a room that
// kept its own would hold that memory as long as it is in use.
var encoded = sync.Pool{New: func() any { return new([]byte) }}

// putObjectLocked adds an encoded object to the stream.
func (r *room) putObjectLocked(object []byte, offset uint64, ms int64, who *stream.Audience) {
	r.stream.Append(object, offset, ms, who)
	r.streamEnd.Store(r.stream.Next())
	if r.grown != nil {
		close(r.grown)
		r.grown = nil
	}
}

// apply appends an entry of the log to the stream if it is the next one. Entries come from
// the feed and from publishers, in any order and more than once. It reports whether the
// stream is known to have another entry at e's offset.
func (r *room) apply(epoch string, e chatlog.Event) (differs bool) {
	grew, differs := r.insert(epoch, e)
	if grew {
		r.wake()
	}
	return differs
}

// insert is apply without wake. It also reports whether the stream has grown.
func (r *room) insert(epoch string, e chatlog.Event) (grew, differs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.ready:
		r.keepOutOfOrderLocked(epoch, e)
	case epoch != r.epoch:
		r.startCatchUpLocked(0)
	case e.Offset <= r.last.Offset:
		if differs = r.differsLocked(&e); differs {
			r.startCatchUpLocked(0)
		}
	case e.Offset == r.last.Offset+1 && e.Type != "":
		r.appendLocked(&e)
		r.appendInOrderLocked()
		grew = true
	default:
		r.keepOutOfOrderLocked(epoch, e)
		r.startCatchUpLocked(catchUpDelay)
	}
	return grew, differs
}

// differsLocked reports whether the stream is known to have another event at e's offset,
// which is not beyond the room's last entry.
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

// appendLocked adds an entry to the stream, or the place of something deleted if a later
// entry has come already that deletes it.
func (r *room) appendLocked(e *chatlog.Event) {
	if len(r.outOfOrder) > 0 && r.deletedAheadLocked(r.epoch, e) {
		e = erase(e)
	}
	r.last = *e
	r.last.Text, r.last.Data, r.last.Reaction = "", nil, ""
	r.putLocked(e, audienceOf(e))
	if e.Type == chatlog.TypeDelete {
		r.eraseLocked(e)
	}
}

// notify adds an event that the log does not keep.
func (r *room) notify(e chatlog.Event) {
	if e.Type == chatlog.TypeSignal && r.busy() {
		return
	}
	who := audienceOf(&e)
	if e.Type == chatlog.TypeRead {
		who = r.set.toldOfRead(&e)
	}
	r.mu.Lock()
	grew := false
	switch {
	case e.Type == chatlog.TypeSystem:
		grew = r.takeHintLocked(&e)
	case r.ready:
		r.putLocked(&e, who)
		grew = true
	}
	r.mu.Unlock()
	if grew {
		r.wake()
	}
}

// end returns the stream's end, for wait.
func (r *room) end() uint64 { return r.streamEnd.Load() }

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
