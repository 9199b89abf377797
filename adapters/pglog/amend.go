package pglog

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

// The results of the database's function amend (migrations/0005.sql).
const (
	amendStored = iota
	amendRepeated
	amendNothing
	amendNoMessage
	amendTooMany
)

// Amend implements [chatlog.Amender]. Amendments wait and share transactions as messages do (see
// [Log.Append]), and keep their order within a room. When Amend returns from a TypeDelete, no
// row of the tables holds what was deleted. The database may keep old copies of the rows until
// its next VACUUM.
func (l *Log) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	if !e.Amends() {
		return chatlog.Appended{}, errors.New("pglog: not an event that amends a message")
	}
	e.To, e.ToUsername = "", ""
	if err := checkEvent(room, &e); err != nil {
		return chatlog.Appended{}, err
	}
	if err := checkNames(e.UserID, pack(e.Reaction)); err != nil {
		return chatlog.Appended{}, err
	}
	if err := ctx.Err(); err != nil {
		return chatlog.Appended{}, err
	}
	return l.store(&appendCall{ctx: ctx, room: room, event: e, done: make(chan struct{}), moderator: moderator})
}

// amendArgs returns the arguments of the statement that amends.
func (l *Log) amendArgs(batch []*appendCall, wait time.Duration) []any {
	size := len(batch)
	columns := make([][]string, 9)
	for i := range columns {
		columns[i] = make([]string, size)
	}
	var seen seenColumns
	data, target := make([]*string, size), make([]int64, size)
	removed, moderator := make([]bool, size), make([]bool, size)
	for i, n := range batch {
		e := &n.event
		for j, s := range []string{
			string(e.Type), escape(e.UserID), escape(e.Username), escape(e.Text), escape(e.ID),
			pack(e.Reaction), pack(e.UserID), escape(e.Reaction), escape(n.room),
		} {
			columns[j][i] = s
		}
		seen.add(l, n.room)
		data[i], target[i] = dataOf(e), int64(min(e.Target, math.MaxInt64))
		removed[i], moderator[i] = e.Remove, n.moderator
	}
	args := append([]any{milliseconds(wait), columns[8]}, seen.args()...)
	return append(args, columns[0], columns[1], columns[2], columns[3], data, columns[4], target,
		columns[5], columns[6], columns[7], removed, moderator)
}

// amend stores batch, whose events amend messages, in one statement, and sets the results of its
// calls. The calls are in the order of their rooms.
func (l *Log) amend(ctx context.Context, c dbConn, batch []*appendCall, wait time.Duration) error {
	rows, err := c.Query(ctx, c.sql.amend, l.amendArgs(batch, wait)...)
	if err != nil {
		return err
	}
	var n, result int
	var epoch, origin, other *string
	var offset *int64
	var at *time.Time
	var stored, repeated []*appendCall
	_, err = pgx.ForEachRow(rows, []any{&n, &result, &epoch, &origin, &offset, &at, &other}, func() error {
		call := batch[n-1]
		switch result {
		case amendNoMessage:
			call.out, call.err = chatlog.Appended{}, chatlog.ErrNoSuchMessage
			return nil
		case amendTooMany:
			call.out, call.err = chatlog.Appended{}, chatlog.ErrTooManyReactions
			return nil
		case amendRepeated:
			repeated = append(repeated, call)
		case amendStored:
			stored = append(stored, call)
		}
		e := call.event.Amendment()
		e.Offset, e.Time, e.To = uint64(*offset), at.UTC(), unescape(*other)
		call.out, call.err = chatlog.Appended{Event: e, Epoch: epochOf(*epoch, *origin), Repeated: result != amendStored}, nil
		call.epoch, call.origin = *epoch, *origin
		return nil
	})
	if err != nil {
		return err
	}
	for _, call := range stored {
		l.noteSeen(call.room, call.epoch, call.origin, &call.out.Event)
	}
	for _, call := range repeated {
		if err := c.findRepeated(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

// findRepeated sets the event of a call whose id was already stored. The row may have been
// deleted since then. In that case only the offset, the time and the ids are left.
func (c dbConn) findRepeated(ctx context.Context, call *appendCall) error {
	e := &call.event
	a, err := c.find(ctx, call.room, e.UserID, e.ID)
	if err == nil && a.Repeated {
		call.out = a
	} else if err == nil {
		o := &call.out.Event
		*o = chatlog.Event{Offset: o.Offset, Time: o.Time, UserID: e.UserID, ID: e.ID}
	}
	return err
}
