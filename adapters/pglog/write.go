package pglog

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	maxWriters   = 2                // more would share the calls out over smaller statements
	batchTimeout = 10 * time.Second // for callers without a deadline
	retryFor     = time.Second      // after that the caller gets the error

	// How long a statement waits for the lock of a room. A statement of several rooms holds the
	// locks of some while it waits for the next one, and it occupies a writer.
	groupWait = 50 * time.Millisecond
	aloneWait = 250 * time.Millisecond
)

// write stores the waiting calls until none are left.
func (l *Log) write() {
	for {
		group := l.batches.next()
		if len(group) == 0 {
			return
		}
		l.writeGroup(group)
	}
}

// writeGroup tries once to store a group. Whatever fails, for example because another
// transaction holds the lock of one of the rooms, is tried again for each room alone, outside of
// the writers. So no room holds up the others for long.
func (l *Log) writeGroup(group []*appendCall) {
	ctx, cancel := whileWanted(group)
	defer cancel()
	left, err := l.try(ctx, group, groupWait)
	began := time.Now()
	for len(group) > 0 {
		end := slices.IndexFunc(group, func(n *appendCall) bool { return n.room != group[0].room })
		if end < 0 {
			end = len(group)
		}
		room := group[:end:end]
		group = group[end:]
		var again []*appendCall
		for len(left) > 0 && left[0].room == room[0].room {
			again = append(again, left[0])
			left = left[1:]
		}
		if len(again) == 0 {
			l.finish(room)
			continue
		}
		go func() {
			l.writeAlone(again, err, began)
			l.finish(room)
		}()
	}
}

// whileWanted returns a context that ends when the contexts of all calls have ended, or after
// batchTimeout.
func whileWanted(calls []*appendCall) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	var mu sync.Mutex
	waiting := len(calls)
	var stops []func() bool
	for _, n := range calls {
		stops = append(stops, context.AfterFunc(n.ctx, func() {
			mu.Lock()
			defer mu.Unlock()
			if waiting--; waiting == 0 {
				cancel()
			}
		}))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// try tries to store calls, which are in the order of their rooms, in one statement. It returns
// those that were not stored, in the same order, and why.
func (l *Log) try(ctx context.Context, calls []*appendCall, wait time.Duration) (left []*appendCall, err error) {
	left = calls
	err = l.with(ctx, func(c dbConn) (err error) {
		if calls[0].event.Amends() {
			return l.amend(ctx, c, calls, wait)
		}
		for range 3 {
			some, err := l.insert(ctx, c, left, wait)
			if err != nil {
				return err
			}
			if left = some; len(left) == 0 {
				return nil
			}
			if err := l.makeRooms(ctx, c, left, wait); err != nil {
				return err
			}
		}
		return errNoRoom
	})
	if err == nil {
		return nil, nil
	}
	return left, err
}

// writeAlone tries again to store calls of one room, after a try at the time began that ended with
// err. It stops when the contexts of all calls have ended.
func (l *Log) writeAlone(calls []*appendCall, err error, began time.Time) {
	ctx, cancel := whileWanted(calls)
	defer cancel()
	pause := 10 * time.Millisecond
	for tries := 1; ; tries++ {
		var again []*appendCall
		for _, n := range calls {
			n.err = err
			if repeatable(err, n, tries) {
				again = append(again, n)
			}
		}
		calls = again
		// The next try resolves a conflict, and a lock may be held for long.
		code := sqlState(err)
		late := time.Since(began) > retryFor && code != codeUniqueViolation && code != codeLockTimeout
		if len(calls) == 0 || late || !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, 200*time.Millisecond)
		select {
		case l.batches.patient <- struct{}{}:
		case <-ctx.Done():
			return
		}
		calls, err = l.try(ctx, calls, aloneWait)
		<-l.batches.patient
		if err == nil {
			return
		}
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
	case code == codeLockTimeout:
		return true
	case code == codeUniqueViolation, code == codeSerializationFailure, code == codeDeadlock:
		return tries < 10
	case code == codeAdminShutdown, code == codeCrashShutdown, code == "" && !pgconn.SafeToRetry(err):
		n.tried = true
		return n.event.ID != ""
	}
	return code == ""
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
