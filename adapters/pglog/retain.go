package pglog

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	pruneRooms  = 500              // rooms in one statement
	pruneEvents = 5000             // events that one statement hides per room, or deletes in total
	pruneFor    = time.Second      // how long one step runs
	idWindow    = 10 * time.Minute // how long the row of a hidden event is kept for its id
)

// pruner holds the state of retention. At most one step runs at any time.
type pruner struct {
	busy  atomic.Bool
	paced atomic.Bool // there are turns to delete

	// Only the running step uses these.
	after  int64     // the id of the room where the last step ended
	forgot time.Time // when turns were last deleted
}

// prune starts a step of retention if an option asks for it, or if there are turns to delete. It
// does nothing while a step runs. Close waits for the step.
func (l *Log) prune() {
	if l.keep == 0 && l.keepFor == 0 && !l.pruner.paced.Load() || l.pruner.busy.Swap(true) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.goLocked(func(run context.Context) {
		defer l.pruner.busy.Store(false)
		ctx, cancel := context.WithTimeout(run, 10*time.Second)
		defer cancel()
		// After an error, the next step tries again.
		_ = l.with(ctx, func(c dbConn) error { return l.pruneStep(ctx, c) })
	})
}

// goLocked runs f in a goroutine that Close waits for. f's context ends with the feed. If the
// feed is not open, because only Store and Presence are used, the context never ends. The caller
// holds l.mu.
func (l *Log) goLocked(f func(context.Context)) {
	run := l.runContext
	if run == nil {
		run = context.Background()
	}
	l.feed.running.Go(func() { f(run) })
}

// pruneStep goes through the rooms in the order of their ids, beginning where the last step
// ended. It stops after the last room, or when pruneFor is over. It hides old events
// immediately, and deletes them when they are older than idWindow.
func (l *Log) pruneStep(ctx context.Context, c dbConn) error {
	if err := l.forgetTurns(ctx, c); err != nil {
		return err
	}
	if l.keep == 0 && l.keepFor == 0 {
		return nil
	}
	var keep, age any
	if l.keep > 0 {
		keep = int64(l.keep)
	}
	if l.keepFor > 0 {
		age = l.keepFor
	}
	p := &l.pruner
	for began := time.Now(); time.Since(began) < pruneFor; {
		var last, seen, moved, more, deleted, swept int64
		err := c.QueryRow(ctx, c.sql.retain, l.channel, p.after, pruneRooms, keep, age, pruneEvents).Scan(&last, &seen, &moved, &more)
		if err != nil {
			return err
		}
		if seen > 0 {
			if err := c.QueryRow(ctx, c.sql.clean, p.after, last, idWindow, pruneEvents).Scan(&deleted); err != nil {
				return err
			}
			if err := c.QueryRow(ctx, c.sql.sweep, p.after, last, idWindow, pruneEvents).Scan(&swept); err != nil {
				return err
			}
		}
		switch {
		case deleted == pruneEvents, swept == pruneEvents, age != nil && moved > 0, more > 0:
			// The same rooms may have more such events.
		case seen < pruneRooms:
			p.after = 0
			return nil
		default:
			p.after = last
		}
	}
	return nil
}

// forgetTurns deletes turns that have ended, at most once in forgetEvery.
func (l *Log) forgetTurns(ctx context.Context, c dbConn) error {
	p := &l.pruner
	if time.Since(p.forgot) < forgetEvery || !p.paced.Swap(false) {
		return nil
	}
	p.forgot = time.Now()
	left := true
	err := c.QueryRow(ctx, c.sql.forgetTurns).Scan(&left)
	if left {
		p.paced.Store(true)
	}
	return err
}
