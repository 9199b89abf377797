// Package consume reads every room of a log for a consumer, which is a reader with a name and a
// stored place in each room.
//
// A log says which rooms the consumer is behind in, and that it has grown. Both are hints: rooms
// are found by comparing places, again at an interval. A room is claimed while its events are
// handled, so that one goroutine of one process does that, in order. An error concerns its room
// alone.
package consume

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/pause"
)

const (
	workers    = 8                // rooms that are handled concurrently
	batchSize  = 100              // events
	turn       = 16               // batches of a room until another room may have its worker
	hold       = 15 * time.Second // of a claim; it is renewed three times as often
	sweep      = time.Second      // between two searches without a hint
	restFactor = 10               // after a search comes a pause this many times as long
	firstRetry = time.Second
	lastRetry  = time.Minute
	mostFailed = 1000 // rooms that wait; then no other room is begun
)

// A Config says what Run does.
type Config struct {
	Log  *guard.Log
	Name string
	Skip bool // a new consumer begins at the end of each room
	// Connect connects the server to the log, for hints. It may fail.
	Connect func(context.Context) error
	// Server ends with the server, and Closing reports that it begins to close.
	Server  context.Context
	Closing func() bool
	// Handle handles events that were not deleted. It may end the goroutine.
	Handle func(ctx context.Context, b *chatlog.Batch) error
	// Failed is called after an error of a room: the next attempt is in wait.
	Failed func(room string, wait time.Duration, err error)
	// ErrClosed is returned when the server closes.
	ErrClosed error
}

// runner is the state of one Run.
type runner struct {
	Config
	ctx     context.Context
	busy    map[string]bool // rooms that a worker has
	failed  map[string]failure
	results chan result
}

// A failure says when a room is tried again.
type failure struct {
	times int
	until time.Time
}

// A result is how a worker's turn with a room has ended.
type result struct {
	room string
	err  error // of the last batch
	some bool  // a batch was handled before
}

// Run handles the events of all rooms until ctx ends or the server closes. When it returns, no
// event is being handled any more.
func Run(ctx context.Context, c Config) error {
	r := &runner{Config: c, ctx: ctx, busy: map[string]bool{}, failed: map[string]failure{}, results: make(chan result, workers)}
	defer r.finish()
	for {
		err := r.over()
		if err == nil {
			err = c.Log.AddConsumer(ctx, c.Name, c.Skip)
		}
		switch {
		case err == nil:
			return r.run()
		case !errors.Is(err, guard.ErrUnavailable):
			return err
		}
		r.wait(nil, sweep/2+rand.N(sweep))
	}
}

// over returns why no further batch may begin, or nil.
func (r *runner) over() error {
	switch {
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case r.Closing():
		return r.ErrClosed
	}
	return nil
}

func (r *runner) run() error {
	for {
		if err := r.over(); err != nil {
			return err
		}
		r.Connect(r.ctx) // or the next search is at the interval
		grown := r.Log.Grown()
		began := time.Now()
		free := workers - len(r.busy)
		rooms, err := r.search(free)
		if err != nil && !errors.Is(err, guard.ErrUnavailable) {
			return err
		}
		for _, room := range rooms {
			r.busy[room] = true
			go r.work(room) // ends with its turn
		}
		switch {
		case len(rooms) < free: // all are found
			r.wait(nil, min(restFactor*time.Since(began), sweep))
			r.wait(grown, sweep/2+rand.N(sweep))
		case len(r.busy) == workers:
			r.wait(nil, sweep)
		}
	}
}

// search returns rooms that no worker has and that need not wait.
func (r *runner) search(limit int) ([]string, error) {
	if limit == 0 {
		return nil, nil
	}
	now := time.Now()
	except := make([]string, 0, len(r.busy)+len(r.failed))
	for room, f := range r.failed {
		switch {
		case r.busy[room]:
		case f.until.After(now):
			except = append(except, room)
		case now.Sub(f.until) > lastRetry: // another process has handled it
			delete(r.failed, room)
		}
	}
	if len(except) >= mostFailed { // the cause is not in the rooms
		return nil, nil
	}
	for room := range r.busy {
		except = append(except, room)
	}
	rooms, err := r.Log.Behind(r.ctx, r.Name, except, limit)
	rooms = slices.DeleteFunc(rooms, func(room string) bool { return slices.Contains(except, room) })
	slices.Sort(rooms)
	return slices.Compact(rooms), err
}

// wait waits until a worker's turn ends, grown is closed, d has passed, a room may be tried
// again, or nothing more is to begin.
func (r *runner) wait(grown <-chan struct{}, d time.Duration) {
	for _, f := range r.failed {
		if left := time.Until(f.until); left > 0 && grown != nil {
			d = min(d, left)
		}
	}
	t := pause.Timer(d)
	defer t.Stop()
	select {
	case res := <-r.results:
		r.note(res)
	case <-grown:
	case <-t.C:
	case <-r.ctx.Done():
	case <-r.Server.Done():
	}
}

// note takes the result of a turn.
func (r *runner) note(res result) {
	delete(r.busy, res.room)
	f := r.failed[res.room]
	if res.err == nil || res.some {
		delete(r.failed, res.room)
		f = failure{}
	}
	if res.err == nil || r.over() != nil {
		return
	}
	f.times++
	// Full jitter, so that many rooms with one cause are not tried in the same moment.
	longest := min(firstRetry<<min(f.times-1, 10), lastRetry)
	wait := longest/10 + rand.N(longest)
	f.until = time.Now().Add(wait)
	r.failed[res.room] = f
	r.Failed(res.room, wait, res.err)
}

// finish waits for the workers.
func (r *runner) finish() {
	for len(r.busy) > 0 {
		r.note(<-r.results)
	}
}
