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

// Older files put back, by a snapshot of a disk for example, take a database's last
// events from it, and nothing in it shows that: it gives their offsets to others, in the
// same epoch. Rooms in use are compared by their servers with what was delivered. But a
// room that only gets messages here, or that nobody is in just now, is in nobody's use. So
// each Log remembers the newest event that it has seen of a room. The statement that
// appends begins a new epoch if that event is gone, and so does Watch.

// maxSeen bounds the rooms of which the newest event is known.
const maxSeen = 4096

// A mark is an event that was there.
type mark struct {
	epoch, origin string // as stored
	offset        uint64
	at            time.Time
}

// seen is the newest event of each room that this Log has seen.
type seen struct {
	mu    sync.Mutex
	rooms map[string]mark
}

// saw notes that e is in the log.
func (l *Log) saw(room, epoch, origin string, e *chatlog.Event) {
	l.seen.mu.Lock()
	defer l.seen.mu.Unlock()
	old, ok := l.seen.rooms[room]
	if ok && old.epoch == epoch && old.origin == origin && old.offset >= e.Offset {
		return
	}
	if !ok && len(l.seen.rooms) >= maxSeen {
		for other := range l.seen.rooms {
			delete(l.seen.rooms, other)
			break
		}
	}
	if l.seen.rooms == nil {
		l.seen.rooms = map[string]mark{}
	}
	l.seen.rooms[room] = mark{epoch, origin, e.Offset, e.Time}
}

// known returns what was noted of room, as statements take it; NULL for nothing.
func (l *Log) known(room string) (args [4]any, ok bool) {
	l.seen.mu.Lock()
	defer l.seen.mu.Unlock()
	m, ok := l.seen.rooms[room]
	if ok {
		args = [4]any{m.epoch, m.origin, int64(m.offset), m.at}
	}
	return args, ok
}

// lostAt is an expression that says of the room r whether an event that was seen in its
// epoch is not there: its epoch, origin, offset and time are the parameters from n on. A
// row that is missing is no proof: somebody may have deleted it. The newest event has the
// time of the room.
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

// compareSeen begins a new epoch of room if the newest event that was seen of it is gone.
func (l *Log) compareSeen(ctx context.Context, room string) error {
	known, ok := l.known(room)
	if !ok {
		return nil
	}
	var gone bool
	var epoch, origin string
	err := l.withAny(ctx, func(c link) error {
		gone = false
		err := c.QueryRow(ctx, c.sql.compareSeen, append([]any{escape(room)}, known[:]...)...).Scan(&gone, &epoch, &origin)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // the room's row was deleted, which makes a new epoch
		}
		return err
	})
	if err == nil && gone {
		_, err = l.Renew(ctx, room, epochOf(epoch, origin))
	}
	return err
}
