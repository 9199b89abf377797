package pglog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	batchSize    = 64               // events in one statement
	batchBytes   = 1 << 20          // of text in one statement, roughly
	maxWaiting   = 4096             // running calls of Append
	batchTimeout = 10 * time.Second // for callers without a deadline
	retryFor     = time.Second      // after that the caller gets the error
)

var errBusy = errors.New("pglog: too many events wait for the database")

// batches are the running calls of Append. Each room with such calls has one goroutine. It
// writes all events that arrived during its last write in one statement. With one commit per
// event, a room could not take more events per second than the disk can sync.
// The fields are guarded by mu.
type batches struct {
	mu      sync.Mutex
	rooms   map[string][]*appendCall // the waiting calls; a room is a key while it has a goroutine
	waiting int
	single  bool // one event per statement, for benchmarks
}

// An appendCall is one call of Append. The room's goroutine sets out and err.
type appendCall struct {
	ctx   context.Context
	event chatlog.Event
	done  chan struct{} // closed when out and err are set

	moderator bool // set only if the event amends a message
	out       chatlog.Appended
	err       error

	tried bool // an attempt to store it may have succeeded
}

func (b *batches) init() { b.rooms = map[string][]*appendCall{} }

// Append implements [chatlog.Store]. Calls for one room that arrive while another one is
// written share one transaction. At most 4,096 calls wait concurrently; further calls fail
// immediately. Append refuses text that is not UTF-8, and names of more than 2,000 bytes
// together. After another error, for example because ctx has ended, the event may still
// be stored: append it again with the same ID.
func (l *Log) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	if err := checkEvent(room, &e); err != nil {
		return chatlog.Appended{}, err
	}
	if err := ctx.Err(); err != nil {
		return chatlog.Appended{}, err
	}
	return l.store(ctx, room, &appendCall{ctx: ctx, event: e, done: make(chan struct{})})
}

// store has the room's goroutine store n, and waits for the result.
func (l *Log) store(ctx context.Context, room string, n *appendCall) (chatlog.Appended, error) {
	b := &l.batches
	b.mu.Lock()
	if b.waiting >= maxWaiting {
		b.mu.Unlock()
		return chatlog.Appended{}, errBusy
	}
	b.waiting++
	queue, writing := b.rooms[room]
	b.rooms[room] = append(queue, n)
	b.mu.Unlock()
	if !writing {
		go l.write(room)
	}
	select {
	case <-n.done:
		return n.out, n.err
	case <-ctx.Done():
		return chatlog.Appended{}, ctx.Err()
	}
}

// next returns the next batch of room. It is empty if no call waits; then the room's
// goroutine ends. Calls whose contexts have ended are left out.
func (b *batches) next(room string) (batch []*appendCall) {
	b.mu.Lock()
	defer b.mu.Unlock()
	queue := b.rooms[room]
	ids := map[[2]string]bool{}
	size := 0
	for len(queue) > 0 {
		n := queue[0]
		if n.ctx.Err() == nil {
			id := [2]string{n.event.UserID, n.event.ID}
			size += len(n.event.Text) + len(n.event.Data)
			full := len(batch) >= batchSize || size > batchBytes || b.single
			if len(batch) > 0 && (full || n.event.Amends() != batch[0].event.Amends() || n.event.ID != "" && ids[id]) {
				break // a batch never has an id twice: the second event repeats the first
			}
			ids[id] = true
			batch = append(batch, n)
		} else {
			b.waiting--
		}
		queue[0] = nil
		queue = queue[1:]
	}
	if len(batch) == 0 {
		delete(b.rooms, room)
	} else {
		b.rooms[room] = queue
	}
	return batch
}

// write stores the waiting events of room until none are left.
func (l *Log) write(room string) {
	for {
		batch := l.batches.next(room)
		if len(batch) == 0 {
			return
		}
		l.writeBatch(room, batch)
		l.batches.mu.Lock()
		l.batches.waiting -= len(batch)
		l.batches.mu.Unlock()
		for _, n := range batch {
			close(n.done)
		}
		l.announce(room, batch)
	}
}

// writeBatch stores batch. It stops when the contexts of all its calls have ended.
func (l *Log) writeBatch(room string, batch []*appendCall) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	var mu sync.Mutex
	waiting := len(batch)
	for _, n := range batch {
		stop := context.AfterFunc(n.ctx, func() {
			mu.Lock()
			defer mu.Unlock()
			if waiting--; waiting == 0 {
				cancel()
			}
		})
		defer stop()
	}
	left := batch
	began, pause := time.Now(), 10*time.Millisecond
	for tries := 1; len(left) > 0; tries++ {
		err := l.with(ctx, func(c dbConn) error {
			if left[0].event.Amends() {
				return l.amend(ctx, c, room, left)
			}
			return l.insert(ctx, c, room, left)
		})
		if err == nil {
			return
		}
		var again []*appendCall
		for _, n := range left {
			n.err = err
			if repeatable(err, n, tries) {
				again = append(again, n)
			}
		}
		left = again
		late := time.Since(began) > retryFor && sqlState(err) != codeUniqueViolation // the next try resolves a conflict
		if len(left) == 0 || late || !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, 200*time.Millisecond)
	}
}

// repeatable reports whether it is safe and useful to try n again after err: another
// transaction was in the way, or the database was not reached, or the database finds n by
// its id if it is already stored.
func repeatable(err error, n *appendCall, tries int) bool {
	if errors.Is(err, errNoRoom) {
		return tries < 5
	}
	var refused *pgconn.PgError
	var connect *pgconn.ConnectError
	code := ""
	if errors.As(err, &refused) {
		code = refused.Code
	}
	switch {
	case errors.As(err, &connect):
		// Too many connections, or the database is starting, or it does not answer. A
		// wrong password is not repeated.
		return code == "" || code[:2] == "53" || code[:2] == "57"
	case code == codeUniqueViolation, code == codeSerializationFailure, code == codeDeadlock:
		return tries < 10
	case code == codeAdminShutdown, code == codeCrashShutdown, code == "" && !pgconn.SafeToRetry(err):
		n.tried = true
		return n.event.ID != ""
	}
	return code == ""
}

// announce pushes the stored events to the servers of this process, and sends their offsets
// to the other processes.
func (l *Log) announce(room string, batch []*appendCall) {
	var first, last uint64
	for _, n := range batch {
		if n.err != nil || n.out.Repeated && (!n.tried || n.out.Event.ID == "" || n.out.Event.ID != n.event.ID) {
			continue
		}
		l.push(room, n.out.Epoch, n.out.Event)
		if o := n.out.Event.Offset; first == 0 {
			first, last = o, o
		} else {
			first, last = min(first, o), max(last, o)
		}
	}
	if first > 0 {
		l.announceSpan(key(room), span{first, last})
	}
}

// sleep waits for d. It reports false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
