package pglog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

// When older files of a database are restored, for example from a snapshot of a disk, the
// last events are lost, and nothing in the database shows it: it gives their offsets to
// other events, in the same epoch. Servers compare the rooms in use with what they have
// delivered. That does not help for a room without members on a server. So each Log
// remembers the newest event that it has seen per room. If that event is lost, the
// statement that appends begins a new epoch, and so does Watch.

// maxSeenRooms is how many rooms lastSeen holds at most.
const maxSeenRooms = 4096

// A seenEvent is an event that this Log has seen.
type seenEvent struct {
	epoch, origin string // as stored
	offset        uint64
	at            time.Time
}

// lastSeen is the newest event per room that this Log has seen. mu guards rooms.
type lastSeen struct {
	mu    sync.Mutex
	rooms map[string]seenEvent
}

// noteSeen notes that e is in the log. epoch and origin are as stored.
func (l *Log) noteSeen(room, epoch, origin string, e *chatlog.Event) {
	l.lastSeen.mu.Lock()
	defer l.lastSeen.mu.Unlock()
	old, ok := l.lastSeen.rooms[room]
	if ok && old.epoch == epoch && old.origin == origin && old.offset >= e.Offset {
		return
	}
	if !ok && len(l.lastSeen.rooms) >= maxSeenRooms {
		for other := range l.lastSeen.rooms {
			delete(l.lastSeen.rooms, other)
			break
		}
	}
	if l.lastSeen.rooms == nil {
		l.lastSeen.rooms = map[string]seenEvent{}
	}
	l.lastSeen.rooms[room] = seenEvent{epoch, origin, e.Offset, e.Time}
}

// newestSeen returns the newest event that this Log has seen in room, as arguments of a
// statement: epoch, origin, offset and time. They are NULL if there is none.
func (l *Log) newestSeen(room string) (args [4]any, ok bool) {
	l.lastSeen.mu.Lock()
	defer l.lastSeen.mu.Unlock()
	m, ok := l.lastSeen.rooms[room]
	if ok {
		args = [4]any{m.epoch, m.origin, int64(m.offset), m.at}
	}
	return args, ok
}

// lostAt returns an expression: whether the room r has lost an event that was seen in its
// epoch. The parameters from n on are that event's epoch, origin, offset and time. A
// missing row proves nothing, because somebody may have deleted it. The time of a room is
// the time of its newest event.
func lostAt(n int) string {
	sql := `(r.epoch = {1}::text AND CASE
		WHEN r.last <= {3}::bigint THEN r.last < {3}::bigint OR r.last_at <> {4}::timestamptz
		ELSE EXISTS (SELECT FROM {schema}.event e
			WHERE e.room = r.id AND e."offset" = {3}::bigint AND e.at <> {4}::timestamptz)
	END AND {database} || '/' || r.tableoid = {2}::text)`
	for i := range 4 {
		sql = strings.ReplaceAll(sql, fmt.Sprintf("{%d}", i+1), fmt.Sprint("$", n+i))
	}
	return sql
}

// compareSeen begins a new epoch of room if it has lost the newest event that was seen.
func (l *Log) compareSeen(ctx context.Context, room string) error {
	known, ok := l.newestSeen(room)
	if !ok {
		return nil
	}
	var gone bool
	var epoch, origin string
	err := l.withRetry(ctx, func(c dbConn) error {
		gone = false
		err := c.QueryRow(ctx, c.sql.compareSeen, append([]any{escape(room)}, known[:]...)...).Scan(&gone, &epoch, &origin)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // the room's row was deleted, and a trigger has begun a new epoch
		}
		return err
	})
	if err == nil && gone {
		_, err = l.Renew(ctx, room, epochOf(epoch, origin))
	}
	return err
}
