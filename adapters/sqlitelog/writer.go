package sqlitelog

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	batchSize  = 512     // calls in one transaction
	batchBytes = 4 << 20 // of text in one transaction, roughly
	maxWaiting = 8192    // calls that wait for the writer
	maxRooms   = 1 << 15 // rooms that the writer remembers
)

var errBusy = errors.New("sqlitelog: too many calls wait for the file")

var errReaders = errors.New("sqlitelog: the write-ahead log cannot be emptied while somebody reads it")

// A writer is the only goroutine that writes. All calls that arrived during its last
// transaction share the next one: with a sync for each, a file could not take more messages
// per second than the disk can sync.
type writer struct {
	log  *Log
	conn *conn // nil after an error: run connects again

	failed bool // the last connection was given up

	rooms   map[string]*room // what the file has of rooms; only run uses it, version and keeper
	version int64            // PRAGMA data_version: another number if another program has written
	keeper  keeper

	mu      sync.Mutex
	wake    sync.Cond // run waits here for calls
	waiting []*call
	ending  bool // guarded by mu

	stopped atomic.Bool
	running sync.WaitGroup
}

// A call is one change of the file. run sets err and closes done.
type call struct {
	ctx  context.Context
	size int
	do   func(*tx) error
	done chan struct{}
	err  error
}

// A tx is one transaction of the writer.
type tx struct {
	*conn
	w       *writer
	changed map[*room]bool
	pushes  []push
	stored  int // entries
}

// A push is what the rooms' watchers are told after the commit.
type push struct {
	room, epoch string
	event       chatlog.Event
}

// A room is a row of the table room.
type room struct {
	id         int64 // 0: there is no row
	name       string
	own        string // the part of the epoch that Renew changes
	last       uint64
	ms         int64
	first      uint64
	firstEntry uint64
	messages   int64
	others     int64
}

// write runs do in a transaction, and returns its error or that of the transaction. After an
// error of the transaction, or of ctx, do may still take effect.
func (w *writer) write(ctx context.Context, size int, do func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := &call{ctx: ctx, size: size, do: do, done: make(chan struct{})}
	w.mu.Lock()
	switch {
	case w.ending:
		w.mu.Unlock()
		return errFileClosed
	case len(w.waiting) >= maxWaiting:
		w.mu.Unlock()
		return errBusy
	}
	w.waiting = append(w.waiting, n)
	w.mu.Unlock()
	w.wake.Signal()
	select {
	case <-n.done:
		return n.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stop ends run after the calls that wait.
func (w *writer) stop() {
	w.mu.Lock()
	w.ending = true
	w.mu.Unlock()
	w.stopped.Store(true)
	w.wake.Broadcast()
	w.running.Wait()
}

func (w *writer) run() {
	for {
		batch := w.next()
		if batch == nil {
			return
		}
		pushes := w.commit(batch)
		for _, n := range batch {
			close(n.done)
		}
		for i := range pushes {
			w.log.push(&pushes[i])
		}
		if len(pushes) > 0 {
			w.log.consumers.grown.Signal()
		}
	}
}

// next waits for calls. It returns nil when the writer ends.
func (w *writer) next() []*call {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.waiting) == 0 {
		if w.ending {
			return nil
		}
		w.wake.Wait()
	}
	n, size := 0, 0
	for n < len(w.waiting) && n < batchSize && size < batchBytes {
		size += w.waiting[n].size
		n++
	}
	batch := w.waiting[:n:n]
	if w.waiting = w.waiting[n:]; len(w.waiting) == 0 {
		w.waiting = nil
	}
	return batch
}

// commit runs a batch in one transaction, sets the errors of its calls, and returns what to
// tell the watchers.
func (w *writer) commit(batch []*call) []push {
	t := &tx{w: w, changed: map[*room]bool{}}
	err := w.connect()
	if err == nil {
		t.conn = w.conn
		err = t.attempt(batch)
	}
	if err == nil {
		at := make(map[string]chatlog.Position, len(t.changed))
		for r := range t.changed {
			at[r.name] = chatlog.Position{Epoch: w.log.epoch(r.own), Offset: r.last}
		}
		w.log.places.set(at, t.stored)
		return t.pushes
	}
	for _, n := range batch {
		n.err = err
	}
	// What the transaction has changed may or may not be in the file.
	clear(w.rooms)
	w.log.places.forget(-1)
	if w.conn != nil {
		if end := w.conn.rollback(); end != nil || broken(err) {
			w.conn.close()
			w.conn, w.failed = nil, true
		}
	}
	return nil
}

func (t *tx) attempt(batch []*call) error {
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	version, err := t.number("PRAGMA data_version")
	if err != nil {
		return err
	}
	if version != t.w.version {
		t.w.version = version
		clear(t.w.rooms)
		total, err := t.number(countEntries)
		if err != nil {
			return err
		}
		t.w.log.places.forget(total)
	}
	if len(t.w.rooms) > maxRooms {
		clear(t.w.rooms)
	}
	for _, n := range batch {
		if n.err = n.ctx.Err(); n.err != nil {
			continue
		}
		if n.err = n.do(t); n.err != nil && !refused(n.err) {
			return n.err
		}
	}
	if err := t.save(); err != nil {
		return err
	}
	_, err = t.exec("COMMIT")
	return err
}

// refused reports whether err is the answer to one call, which has changed nothing.
func refused(err error) bool {
	for _, answer := range []error{chatlog.ErrNoSuchMessage, chatlog.ErrTooManyReactions, errFull, chatlog.ErrClaimLost, errStatement} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// connect opens a connection if there is none.
func (w *writer) connect() error {
	if w.conn != nil {
		return nil
	}
	w.rooms, w.version = map[string]*room{}, 0
	c, err := dial(w.log.uri(""), w.log.pragmas())
	if err != nil {
		return err
	}
	// After a sync that has failed, an operating system may take for written what is not. So
	// all that is in the write-ahead log goes into the database, and the log begins anew.
	// Otherwise entries that come later would depend on what the disk may lack.
	if w.failed {
		busy, err := c.number("PRAGMA wal_checkpoint(TRUNCATE)")
		if err == nil && busy != 0 {
			err = errReaders
		}
		if err != nil {
			return errors.Join(err, c.close())
		}
	}
	w.conn, w.failed = c, false
	return nil
}

// closeIf closes c if it is not nil.
func (c *conn) closeIf() error {
	if c == nil {
		return nil
	}
	return c.close()
}
