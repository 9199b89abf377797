package pglog

import (
	"context"
	"runtime"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

// SingleAppends has every Append make a transaction of its own.
func SingleAppends(l *Log) { l.batches.single = true }

// AppendIn appends events in the transaction of c, to be committed by the caller.
func AppendIn(ctx context.Context, l *Log, c *pgx.Conn, room string, events ...chatlog.Event) error {
	var batch []*entry
	for _, e := range events {
		batch = append(batch, &entry{ctx: ctx, event: e})
	}
	return l.use(ctx, c, func(c link) error { return l.insert(ctx, c, room, batch) })
}

// MigrateTo takes the steps up to a version.
func MigrateTo(ctx context.Context, l *Log, version int) error { return l.migrateTo(ctx, version) }

// PruneStep runs one step of retention.
func PruneStep(ctx context.Context, l *Log) error {
	for l.pruner.busy.Swap(true) {
		runtime.Gosched()
	}
	defer l.pruner.busy.Store(false)
	return l.with(ctx, func(c link) error { return l.pruneStep(ctx, c) })
}

// Waiting returns the number of calls of Append under way, and of rooms with any.
func Waiting(l *Log) (calls, rooms int) {
	l.batches.mu.Lock()
	defer l.batches.mu.Unlock()
	return l.batches.waiting, len(l.batches.rooms)
}
