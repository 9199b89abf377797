package pglog

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

var errNoRoom = errors.New("the room was deleted")

// insert stores batch in one statement and sets the results of its calls. The calls are in the
// order of their rooms. insert returns the calls whose rooms have no row.
func (l *Log) insert(ctx context.Context, c dbConn, batch []*appendCall, wait time.Duration) (left []*appendCall, err error) {
	sql, args := l.insertArgs(c, batch, wait)
	rows, err := c.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	var n int
	var epoch, origin string
	var repeated bool
	var offset int64
	var at time.Time
	var had []*appendCall
	newest := map[string]*appendCall{} // by room: of what was stored
	found := make([]bool, len(batch))
	_, err = pgx.ForEachRow(rows, []any{&n, &epoch, &origin, &repeated, &offset, &at}, func() error {
		found[n-1] = true
		e := batch[n-1]
		e.out, e.err = chatlog.Appended{Event: e.event, Epoch: epochOf(epoch, origin), Repeated: repeated}, nil
		e.out.Event.Offset, e.out.Event.Time = uint64(offset), at.UTC()
		e.epoch, e.origin = epoch, origin
		if repeated {
			had = append(had, e)
		} else if m := newest[e.room]; m == nil || m.out.Event.Offset < e.out.Event.Offset {
			newest[e.room] = e
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for room, e := range newest {
		l.noteSeen(room, e.epoch, e.origin, &e.out.Event)
	}
	for _, e := range had {
		if err := c.findRepeated(ctx, e); err != nil {
			return nil, err
		}
	}
	for i, e := range batch {
		if !found[i] {
			left = append(left, e)
		}
	}
	return left, nil
}

// insertArgs returns the statement that stores batch, and its arguments.
func (l *Log) insertArgs(c dbConn, batch []*appendCall, wait time.Duration) (sql string, args []any) {
	var names []string
	var seen seenColumns
	place := make([]int64, len(batch)) // in names, from 1
	more := false                      // an event has values in optional columns
	columns := make([][]string, 7)
	for i := range columns {
		columns[i] = make([]string, len(batch))
	}
	for i, n := range batch {
		if i == 0 || n.room != batch[i-1].room {
			names = append(names, escape(n.room))
			seen.add(l, n.room)
		}
		place[i] = int64(len(names))
		e := &n.event
		more = more || e.Data != nil || e.ReplyTo != 0
		for j, s := range []string{string(e.Type), e.UserID, e.Username, e.To, e.ToUsername, e.Text, e.ID} {
			columns[j][i] = escape(s)
		}
	}
	args = append([]any{milliseconds(wait), names}, seen.args()...)
	args = append(args, place)
	for _, col := range columns {
		args = append(args, col)
	}
	if !more {
		return c.sql.append, args
	}
	data, replyTo := make([]*string, len(batch)), make([]*int64, len(batch))
	for i, n := range batch {
		data[i], replyTo[i] = dataOf(&n.event), offsetOf(n.event.ReplyTo)
	}
	return c.sql.appendMore, append(args, data, replyTo)
}

// milliseconds returns d as PostgreSQL's settings have it.
func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

// makeRooms makes the rows of the rooms of calls. It waits for a transaction that makes the same
// row.
func (l *Log) makeRooms(ctx context.Context, c dbConn, calls []*appendCall, wait time.Duration) error {
	if _, err := c.Exec(ctx, c.sql.generation, newEpoch()); err != nil {
		return err
	}
	names := make([]string, len(calls))
	for i, n := range calls {
		names[i] = escape(n.room)
	}
	_, err := c.Exec(ctx, c.sql.newRooms, milliseconds(wait), names)
	return err
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
