package pglog

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

// MarkRead implements [chatlog.Marker].
func (l *Log) MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, raised bool, err error) {
	if err := checkNames(room, userID); err != nil {
		return 0, false, err
	}
	to := int64(min(offset, math.MaxInt64))
	err = l.withRetry(ctx, func(c dbConn) error {
		err := c.QueryRow(ctx, c.sql.mark, escape(room), escape(userID), to).Scan(&read)
		if raised = err == nil; raised || !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return c.QueryRow(ctx, c.sql.marked, escape(room), escape(userID)).Scan(&read)
	})
	return read, raised, err
}

// Unread implements [chatlog.Marker], in one statement. It counts only messages that are still
// held. Its work grows with the counted messages, and with the public messages that the user has
// written after the marker.
func (l *Log) Unread(ctx context.Context, userID string, rooms []string) ([]chatlog.Unread, error) {
	if len(rooms) == 0 {
		return nil, nil
	}
	if err := checkNames(userID); err != nil {
		return nil, err
	}
	names := make([]string, len(rooms))
	for i, room := range rooms {
		if err := checkNames(room); err != nil {
			return nil, err
		}
		names[i] = escape(room)
	}
	all := make([]chatlog.Unread, 0, len(rooms))
	err := l.withRetry(ctx, func(c dbConn) error {
		all = all[:0]
		rows, err := c.Query(ctx, c.sql.unread, names, escape(userID), int64(chatlog.MaxUnread))
		if err != nil {
			return err
		}
		var u chatlog.Unread
		_, err = pgx.ForEachRow(rows, []any{&u.Read, &u.Last, &u.Unread}, func() error {
			all = append(all, u)
			return nil
		})
		return err
	})
	return all, err
}

// forgetEvery is how often a Log deletes turns that have ended.
const forgetEvery = time.Minute

// Pace implements [chatlog.Pacer]. A crash of the database may forget turns.
func (l *Log) Pace(ctx context.Context, room, userID, id string, every time.Duration) (wait time.Duration, err error) {
	if err := checkNames(room, userID); err != nil {
		return 0, err
	}
	if err := checkNames(id); err != nil {
		return 0, err
	}
	every = max(every, time.Microsecond) // the database counts in microseconds
	l.pruner.paced.Store(true)
	err = l.withRetry(ctx, func(c dbConn) error {
		for {
			wait = 0
			tag, err := c.Exec(ctx, c.sql.take, escape(room), escape(userID), escape(id), every)
			if err != nil || tag.RowsAffected() > 0 {
				return err
			}
			var same bool
			var left int64 // microseconds
			err = c.QueryRow(ctx, c.sql.taken, escape(room), escape(userID), escape(id), every).Scan(&same, &left)
			switch {
			case errors.Is(err, pgx.ErrNoRows): // the turn was deleted meanwhile
			case err != nil || same:
				return err
			case left > 0:
				wait = time.Duration(left) * time.Microsecond
				return nil
			}
		}
	})
	return wait, err
}
