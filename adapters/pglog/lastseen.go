package pglog

import (
	"context"
	"errors"
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

// seenColumns are arguments of a statement: the newest event that the Log has seen in each of
// some rooms, and a new epoch for the case that it is lost. The event is NULL if there is none.
type seenColumns struct {
	epoch, origin []*string
	offset        []*int64
	at            []*time.Time
	fresh         []string
}

// add adds the newest event that the Log has seen in room. It reports whether there is one.
func (s *seenColumns) add(l *Log, room string) bool {
	l.lastSeen.mu.Lock()
	m, ok := l.lastSeen.rooms[room]
	l.lastSeen.mu.Unlock()
	s.fresh = append(s.fresh, newEpoch())
	if !ok {
		s.epoch, s.origin, s.offset, s.at = append(s.epoch, nil), append(s.origin, nil), append(s.offset, nil), append(s.at, nil)
		return false
	}
	offset := int64(m.offset)
	s.epoch, s.origin, s.offset, s.at = append(s.epoch, &m.epoch), append(s.origin, &m.origin), append(s.offset, &offset), append(s.at, &m.at)
	return true
}

func (s *seenColumns) args() []any { return []any{s.epoch, s.origin, s.offset, s.at, s.fresh} }

// lost returns an expression: whether the room r has lost an event that was seen in its epoch.
// The arguments are expressions for that event's epoch, origin, offset and time. A missing row
// proves nothing, because somebody may have deleted it. The time of a room is the time of its
// newest event.
func lost(epoch, origin, offset, at string) string {
	return strings.NewReplacer("{1}", epoch, "{2}", origin, "{3}", offset, "{4}", at).Replace(`(r.epoch = {1}::text AND CASE
		WHEN r.last <= {3}::bigint THEN r.last < {3}::bigint OR r.last_at <> {4}::timestamptz
		ELSE EXISTS (SELECT FROM {schema}.event e
			WHERE e.room = r.id AND e."offset" = {3}::bigint AND e.at <> {4}::timestamptz)
	END AND {database} || '/' || r.tableoid = {2}::text)`)
}

// compareSeen begins a new epoch of room if it has lost the newest event that was seen.
func (l *Log) compareSeen(ctx context.Context, room string) error {
	var known seenColumns
	if !known.add(l, room) {
		return nil
	}
	var gone bool
	var epoch, origin string
	err := l.withRetry(ctx, func(c dbConn) error {
		gone = false
		err := c.QueryRow(ctx, c.sql.compareSeen, escape(room), known.epoch[0], known.origin[0], known.offset[0], known.at[0]).Scan(&gone, &epoch, &origin)
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
