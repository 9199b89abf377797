package sqlitelog

import (
	"context"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat/chatlog"
)

// MarkRead implements [chatlog.Marker].
func (l *Log) MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, raised bool, err error) {
	var outRead uint64
	var outRaised bool
	err = l.writer.write(ctx, 0, func(t *tx) error {
		outRead, outRaised = 0, false
		r, err := t.room(room)
		if err != nil || r.last == 0 {
			return err
		}
		epoch, to := l.epoch(r.own), int64(min(offset, r.last, math.MaxInt64))
		before, err := t.number("SELECT read FROM marker WHERE room = ? AND user = ? AND epoch = ?", r.id, userID, epoch)
		if outRead = uint64(before); err != nil || to <= before {
			return err
		}
		outRead, outRaised = uint64(to), true
		_, err = t.exec("INSERT INTO marker VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET epoch = excluded.epoch, read = excluded.read",
			r.id, userID, epoch, to)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	return outRead, outRaised, nil
}

// Unread implements [chatlog.Marker]. It counts only messages that are still held. Its work
// grows with the messages that it counts, and with those that the user has written since.
func (l *Log) Unread(ctx context.Context, userID string, rooms []string) ([]chatlog.Unread, error) {
	all := make([]chatlog.Unread, len(rooms))
	err := l.readers.inSnapshot(ctx, func(c *conn) error {
		for i, name := range rooms {
			var err error
			if all[i], err = c.unread(l, userID, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (c *conn) unread(l *Log, userID, name string) (u chatlog.Unread, err error) {
	r, err := c.find(name)
	if err != nil || r.id == 0 {
		return u, err
	}
	u.Last = r.last
	_, err = c.one(func(s *sqlite3.Stmt) { u.Read = uint64(s.ColumnInt64(0)) },
		"SELECT read FROM marker WHERE room = ? AND user = ? AND epoch = ?", r.id, userID, l.epoch(r.own))
	if err != nil {
		return u, err
	}
	from, to, limit := posOf(r.id, max(u.Read+1, r.first)), posOf(r.id, r.last), int64(chatlog.MaxUnread)
	n, err := c.number("SELECT count(*) FROM (SELECT 1 FROM event WHERE lane = ? AND pos BETWEEN ? AND ? AND user <> ? LIMIT ?)",
		laneOf(r.id, kindMessage), from, to, userID, limit)
	if err == nil && userID != "" && n < limit {
		var private int64
		private, err = c.number(`SELECT count(*) FROM (SELECT 1 FROM party p JOIN event e USING (pos)
			WHERE p.lane = ? AND p.user = ? AND p.pos BETWEEN ? AND ? AND e.user <> p.user LIMIT ?)`,
			laneOf(r.id, kindPrivate), userID, from, to, limit)
		n += private
	}
	u.Unread = int(min(n, limit))
	return u, err
}
