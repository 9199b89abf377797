package pglog

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	pruneRooms  = 500              // looked at in one statement
	pruneEvents = 5000             // of a room hidden, or in all deleted, in one statement
	pruneFor    = time.Second      // of work in one step
	idWindow    = 10 * time.Minute // for which a hidden event's row is kept for its id
)

// pruner holds the state of retention, of which at most one step runs.
type pruner struct {
	busy  atomic.Bool
	after int64 // the id of the room that the last step ended with; owned by who is busy
}

// prune begins a step of retention, if there is any and none runs. Close waits
// for it.
func (l *Log) prune() {
	if l.keep == 0 && l.keepFor == 0 || l.pruner.busy.Swap(true) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	run := l.run
	if run == nil {
		run = context.Background() // only Store and Presence are used
	}
	l.running.Go(func() {
		defer l.pruner.busy.Store(false)
		ctx, cancel := context.WithTimeout(run, 10*time.Second)
		defer cancel()
		// What fails is tried again by the next step.
		_ = l.with(ctx, func(c link) error { return l.pruneStep(ctx, c) })
	})
}

// pruneStep goes through the rooms in the order of their ids from where the last
// step ended, until it is through or its time is up. Events are hidden immediately
// and deleted when their ids no longer need to be known.
func (l *Log) pruneStep(ctx context.Context, c link) error {
	var keep, age any
	if l.keep > 0 {
		keep = int64(l.keep)
	}
	if l.keepFor > 0 {
		age = l.keepFor
	}
	p := &l.pruner
	for began := time.Now(); time.Since(began) < pruneFor; {
		var last, seen, moved, deleted int64
		err := c.QueryRow(ctx, c.sql.retain, l.channel, p.after, pruneRooms, keep, age, pruneEvents).Scan(&last, &seen, &moved)
		if err != nil {
			return err
		}
		if seen > 0 {
			if err := c.QueryRow(ctx, c.sql.clean, p.after, last, idWindow, pruneEvents).Scan(&deleted); err != nil {
				return err
			}
		}
		switch {
		case deleted == pruneEvents, age != nil && moved > 0:
			// There may be more in the same rooms.
		case seen < pruneRooms:
			p.after = 0
			return nil
		default:
			p.after = last
		}
	}
	return nil
}
