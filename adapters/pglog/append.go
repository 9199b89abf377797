package pglog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	batchSize  = 64      // events of one room in one statement
	groupSize  = 256     // events of all rooms in one statement
	groupBytes = 1 << 20 // of text in one statement, roughly
	maxWaiting = 4096    // running calls of Append
)

var errBusy = errors.New("pglog: too many events wait for the database")

// batches are the running calls of Append and Amend. A few goroutines, the writers, write them.
// Each takes the calls of several rooms that have arrived during the last write, and stores them in
// one statement. With one commit per event, a room could not take more events per second than
// the disk can sync. With one statement per room, most of the work would be per statement. The
// calls of one room are in one statement at any time, so they keep their order.
//
// The fields are guarded by mu, except patient.
type batches struct {
	mu      sync.Mutex
	rooms   map[string]*roomQueue // the rooms that have calls
	ready   []*roomQueue          // the rooms whose calls nobody writes, in the order of their arrival
	writers int                   // goroutines that run
	waiting int                   // calls
	single  bool                  // one event per statement, for benchmarks

	// patient has a place for each room that may wait for a lock outside of the writers, with a
	// connection.
	patient chan struct{}
}

// A roomQueue holds the calls of a room that wait. Somebody writes other calls of the room, or it
// is in batches.ready.
type roomQueue struct {
	room  string
	calls []*appendCall
}

// An appendCall is one call of Append or Amend. Whoever writes it sets the fields from out on.
type appendCall struct {
	ctx       context.Context
	room      string
	event     chatlog.Event
	moderator bool          // set only if the event amends a message
	done      chan struct{} // closed when out and err are set

	out           chatlog.Appended
	err           error
	epoch, origin string // of out, as stored
	tried         bool   // an attempt to store it may have succeeded
}

func (b *batches) init(connections int) {
	b.rooms = map[string]*roomQueue{}
	b.patient = make(chan struct{}, max(1, connections/2))
}

// Append implements [chatlog.Store]. Calls that arrive while others are written share one
// transaction, also those for different rooms. At most 4,096 calls wait concurrently; further calls
// fail immediately. Append refuses text that is not UTF-8, and names of more than 2,000 bytes
// together. After another error, for example because ctx has ended, the event may still
// be stored: append it again with the same ID.
func (l *Log) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	if err := checkEvent(room, &e); err != nil {
		return chatlog.Appended{}, err
	}
	if err := ctx.Err(); err != nil {
		return chatlog.Appended{}, err
	}
	return l.store(&appendCall{ctx: ctx, room: room, event: e, done: make(chan struct{})})
}

// store has a writer store n, and waits for the result.
func (l *Log) store(n *appendCall) (chatlog.Appended, error) {
	b := &l.batches
	b.mu.Lock()
	if b.waiting >= maxWaiting {
		b.mu.Unlock()
		return chatlog.Appended{}, errBusy
	}
	b.waiting++
	q := b.rooms[n.room]
	if q == nil {
		q = &roomQueue{room: n.room}
		b.rooms[n.room] = q
		l.readyLocked(q)
	}
	q.calls = append(q.calls, n)
	b.mu.Unlock()
	select {
	case <-n.done:
		return n.out, n.err
	case <-n.ctx.Done():
		return chatlog.Appended{}, n.ctx.Err()
	}
}

// readyLocked has a writer write the calls of a room.
func (l *Log) readyLocked(q *roomQueue) {
	b := &l.batches
	b.ready = append(b.ready, q)
	if b.writers < maxWriters {
		b.writers++
		go l.write()
	}
}

// next returns the calls for the next statement, in the order of the rooms' names. If there are
// none, the caller must end. All calls of a statement amend messages, or none does.
func (b *batches) next() (group []*appendCall) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := 0
	var later []*roomQueue
	for i, q := range b.ready {
		if len(group) >= groupSize || size > groupBytes || b.single && len(group) > 0 {
			later = append(later, b.ready[i:]...)
			break
		}
		if len(q.calls) > 0 && len(group) > 0 && q.calls[0].event.Amends() != group[0].event.Amends() {
			later = append(later, q)
			continue
		}
		before := len(group)
		group = b.takeLocked(q, group, &size)
		if len(group) == before { // the contexts of all its calls have ended
			delete(b.rooms, q.room)
		}
	}
	b.ready = later
	if len(group) == 0 {
		b.writers--
	}
	slices.SortStableFunc(group, func(x, y *appendCall) int { return strings.Compare(x.room, y.room) })
	return group
}

// takeLocked moves the first calls of q to group. It leaves out those whose contexts have ended.
func (b *batches) takeLocked(q *roomQueue, group []*appendCall, size *int) []*appendCall {
	ids := map[[2]string]bool{}
	first := len(group)
	for len(q.calls) > 0 {
		n := q.calls[0]
		if n.ctx.Err() == nil {
			id := [2]string{n.event.UserID, n.event.ID}
			*size += len(n.event.Text) + len(n.event.Data)
			if taken := len(group) - first; taken > 0 {
				full := taken >= batchSize || *size > groupBytes || b.single
				if full || n.event.Amends() != group[first].event.Amends() || n.event.ID != "" && ids[id] {
					break // a statement never has an id twice: the second event repeats the first
				}
			}
			ids[id] = true
			group = append(group, n)
		} else {
			b.waiting--
		}
		q.calls[0] = nil
		q.calls = q.calls[1:]
	}
	return group
}

// finish returns the results of calls, which are all calls of one room that were taken. Then the
// room's next calls may be written.
func (l *Log) finish(calls []*appendCall) {
	b := &l.batches
	b.mu.Lock()
	b.waiting -= len(calls)
	b.mu.Unlock()
	for _, n := range calls {
		close(n.done)
	}
	l.announce(calls)
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.rooms[calls[0].room]; len(q.calls) == 0 {
		delete(b.rooms, q.room)
	} else {
		l.readyLocked(q)
	}
}

// announce pushes the stored events to the servers of this process, and sends their offsets
// to the other processes.
func (l *Log) announce(calls []*appendCall) {
	room := calls[0].room
	var first, last uint64
	var traces []string
	for _, n := range calls {
		if n.err != nil || n.out.Repeated && (!n.tried || n.out.Event.ID == "" || n.out.Event.ID != n.event.ID) {
			continue
		}
		trace := chatlog.TraceOf(n.ctx)
		if trace != "" {
			traces = append(traces, traceLine(key(room), n.out.Event.Offset, trace))
		}
		l.push(room, n.out.Epoch, n.out.Event, trace)
		if o := n.out.Event.Offset; first == 0 {
			first, last = o, o
		} else {
			first, last = min(first, o), max(last, o)
		}
	}
	if first > 0 {
		l.announceSpan(key(room), span{first, last}, traces...)
	}
}
