package pglog

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

// SingleAppends makes every Append use a transaction of its own.
func SingleAppends(l *Log) { l.batches.single = true }

// AppendIn appends events in the transaction of c. The caller commits it.
func AppendIn(ctx context.Context, l *Log, c *pgx.Conn, room string, events ...chatlog.Event) error {
	var batch []*appendCall
	for _, e := range events {
		batch = append(batch, &appendCall{ctx: ctx, room: room, event: e})
	}
	return l.use(ctx, c, func(c dbConn) error { _, err := l.insert(ctx, c, batch, time.Minute); return err })
}

// MigrateTo runs the steps up to a version.
func MigrateTo(ctx context.Context, l *Log, version int) error { return l.migrateTo(ctx, version) }

// PruneStep runs one step of retention.
func PruneStep(ctx context.Context, l *Log) error {
	for l.pruner.busy.Swap(true) {
		runtime.Gosched()
	}
	defer l.pruner.busy.Store(false)
	return l.with(ctx, func(c dbConn) error { return l.pruneStep(ctx, c) })
}

// Waiting returns the number of running calls of Append, and of the rooms that they are for.
func Waiting(l *Log) (calls, rooms int) {
	l.batches.mu.Lock()
	defer l.batches.mu.Unlock()
	return l.batches.waiting, len(l.batches.rooms)
}

// SignalLines returns the lines of the notices for a signal.
func SignalLines(t testing.TB, room string, e chatlog.Event) []string {
	lines, err := New(nil).signalLines(room, e)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Received returns the number of signals that a receiver gets from lines, if each line comes in
// its own payload.
func Received(lines []string) (n int) {
	var p parts
	for _, line := range lines {
		tag, notices := parseNotices("tag\n" + line)
		for _, notice := range notices {
			if notice.signal != nil || notice.part.number > 0 && p.add(tag, notice.part) != nil {
				n++
			}
		}
	}
	return n
}
