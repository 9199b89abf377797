package pglog

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

var errNoRoom = errors.New("the room was deleted")

// insert stores batch in one statement and sets the results of its calls.
func (l *Log) insert(ctx context.Context, c dbConn, room string, batch []*appendCall) error {
	more := false // an event has values in optional columns
	columns := make([][]string, 7)
	for i := range columns {
		columns[i] = make([]string, len(batch))
	}
	for i, n := range batch {
		e := &n.event
		more = more || e.Data != nil || e.ReplyTo != 0
		for j, s := range []string{string(e.Type), e.UserID, e.Username, e.To, e.ToUsername, e.Text, e.ID} {
			columns[j][i] = escape(s)
		}
	}
	args := []any{escape(room)}
	for _, col := range columns {
		args = append(args, col)
	}
	known, _ := l.newestSeen(room)
	args = append(append(args, known[:]...), newEpoch())
	sql := c.sql.append
	if more {
		data, replyTo := make([]*string, len(batch)), make([]*int64, len(batch))
		for i, n := range batch {
			data[i], replyTo[i] = dataOf(&n.event), offsetOf(n.event.ReplyTo)
		}
		sql, args = c.sql.appendMore, append(args, data, replyTo)
	}
	for range 3 {
		stored := 0
		rows, err := c.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		var n int
		var epoch, origin string
		var repeated bool
		var offset int64
		var at time.Time
		var newest chatlog.Event
		var now string // the epoch of what was stored
		var had []*appendCall
		_, err = pgx.ForEachRow(rows, []any{&n, &epoch, &origin, &repeated, &offset, &at}, func() error {
			stored++
			e := batch[n-1]
			e.out, e.err = chatlog.Appended{Event: e.event, Epoch: epochOf(epoch, origin), Repeated: repeated}, nil
			e.out.Event.Offset, e.out.Event.Time = uint64(offset), at.UTC()
			if repeated {
				had = append(had, e)
				return nil
			}
			if e.out.Event.Offset > newest.Offset {
				newest, now = e.out.Event, epoch
			}
			return nil
		})
		if err != nil {
			return err
		}
		if newest.Offset > 0 {
			l.noteSeen(room, now, origin, &newest)
		}
		for _, e := range had {
			if err := c.findRepeated(ctx, room, e); err != nil {
				return err
			}
		}
		if stored == len(batch) {
			return nil
		}
		// The room has no row yet.
		if _, err := c.Exec(ctx, c.sql.generation, newEpoch()); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, c.sql.newRoom, escape(room)); err != nil {
			return err
		}
	}
	return errNoRoom
}

// dataOf returns the event's Data as it is stored: nil if it has none.
func dataOf(e *chatlog.Event) *string {
	if e.Data == nil {
		return nil
	}
	s := escape(string(e.Data))
	return &s
}

// offsetOf returns an offset as it is stored: nil for 0.
func offsetOf(o uint64) *int64 {
	if o == 0 {
		return nil
	}
	n := int64(o)
	return &n
}
