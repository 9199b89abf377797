package pglog

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	enterTTL = 15 * time.Second // of a server that has entered a user but not called Beat
	graveTTL = time.Hour        // how long a removed server is told so
)

// The statements that change presence are sent together and are one transaction,
// which begins with locks: a shared one against the removal of dead servers, and
// one for the user in the room, so that of two servers that the user comes to, or
// leaves, at one time, one is first or last. Nobody holds the locks while waiting
// for a client.
func (l *Log) locked(room, user string) *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))`, l.channel)
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($1, 1))`, l.channel+"\x1a"+room+"\x1a"+user)
	return b
}

// Enter implements [chatlog.Presence]. A server that has not called Beat before is
// believed for 15 seconds.
func (l *Log) Enter(ctx context.Context, server, room string, m chatlog.Member) (first bool, err error) {
	if err := checkNames(server, room, m.UserID, m.Username); err != nil {
		return false, err
	}
	err = l.withAny(ctx, func(c link) error {
		b := l.locked(escape(room), escape(m.UserID))
		if !l.knows(server) {
			b.Queue(c.sql.meet, escape(server), enterTTL)
		}
		b.Queue(c.sql.enter, escape(server), escape(room), escape(m.UserID), escape(m.Username), m.Connections).
			QueryRow(func(r pgx.Row) error { return r.Scan(&first) })
		return c.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return false, err
	}
	l.learn(server, true)
	return first, nil
}

// Leave implements [chatlog.Presence].
func (l *Log) Leave(ctx context.Context, server, room, userID string) (last bool, err error) {
	if err := checkNames(server, room, userID); err != nil {
		return false, err
	}
	err = l.withAny(ctx, func(c link) error {
		b := l.locked(escape(room), escape(userID))
		b.Queue(c.sql.leave, escape(server), escape(room), escape(userID)).
			QueryRow(func(r pgx.Row) error { return r.Scan(&last) })
		return c.SendBatch(ctx, b).Close()
	})
	return last && err == nil, err
}

// Members implements [chatlog.Presence], in the order of the users' ids.
func (l *Log) Members(ctx context.Context, room string, limit int) (list chatlog.MemberList, err error) {
	if err := checkNames(room); err != nil {
		return list, err
	}
	err = l.withAny(ctx, func(c link) error {
		b := &pgx.Batch{}
		b.Queue(c.sql.count, escape(room)).QueryRow(func(r pgx.Row) error { return r.Scan(&list.Total) })
		if limit > 0 {
			b.Queue(c.sql.members, escape(room), limit).Query(func(rows pgx.Rows) error {
				var m chatlog.Member
				list.Members = nil
				_, err := pgx.ForEachRow(rows, []any{&m.UserID, &m.Username, &m.Connections}, func() error {
					list.Members = append(list.Members, plain(m))
					return nil
				})
				return err
			})
		}
		return c.SendBatch(ctx, b).Close()
	})
	return list, err
}

// Present implements [chatlog.Presence].
func (l *Log) Present(ctx context.Context, room, userID string) (m chatlog.Member, ok bool, err error) {
	if err := checkNames(room, userID); err != nil {
		return m, false, err
	}
	err = l.withAny(ctx, func(c link) error {
		err := c.QueryRow(ctx, c.sql.present, escape(room), escape(userID)).Scan(&m.UserID, &m.Username, &m.Connections)
		if err == pgx.ErrNoRows {
			return nil
		}
		ok = err == nil
		return err
	})
	return plain(m), ok, err
}

func plain(m chatlog.Member) chatlog.Member {
	m.UserID, m.Username = unescape(m.UserID), unescape(m.Username)
	return m
}

// Versions implements [chatlog.Presence].
func (l *Log) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	names := make([]string, len(rooms))
	for i, room := range rooms {
		names[i] = escape(room)
	}
	var versions []uint64
	err := l.withAny(ctx, func(c link) error {
		versions = make([]uint64, 0, len(rooms))
		rows, err := c.Query(ctx, c.sql.versions, names)
		if err != nil {
			return err
		}
		var v int64
		_, err = pgx.ForEachRow(rows, []any{&v}, func() error {
			versions = append(versions, uint64(v))
			return nil
		})
		return err
	})
	return versions, err
}

// Rooms implements [chatlog.Presence].
func (l *Log) Rooms(ctx context.Context) (map[string]int, error) {
	var rooms map[string]int
	err := l.withAny(ctx, func(c link) error {
		rooms = map[string]int{}
		rows, err := c.Query(ctx, c.sql.rooms)
		if err != nil {
			return err
		}
		var name string
		var users int
		_, err = pgx.ForEachRow(rows, []any{&name, &users}, func() error {
			rooms[unescape(name)] = users
			return nil
		})
		return err
	})
	return rooms, err
}

// Beat implements [chatlog.Presence], and begins a step of retention. Nobody is
// found to have broken a promise for time in which nobody could call Beat.
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (p chatlog.Pulse, err error) {
	if err := checkNames(server); err != nil {
		return p, err
	}
	known := l.knows(server)
	err = l.withAny(ctx, func(c link) error {
		b := &pgx.Batch{}
		b.Queue(c.sql.turn)
		b.Queue(c.sql.takeTurn)
		b.Queue(c.sql.gap, ttl)
		b.Queue(c.sql.turned)
		b.Queue(c.sql.beat, escape(server), ttl).Query(func(rows pgx.Rows) error {
			var fresh bool
			_, err := pgx.ForEachRow(rows, []any{&fresh}, func() error {
				// If somebody has emptied the table, the users are gone too.
				p.Held = !(fresh && known)
				return nil
			})
			return err
		})
		var overdue bool
		b.Queue(c.sql.overdue).QueryRow(func(r pgx.Row) error { return r.Scan(&overdue) })
		if err := c.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if !overdue {
			return nil
		}
		p.Gone, err = l.reap(ctx, c)
		return err
	})
	if err != nil {
		return chatlog.Pulse{}, err
	}
	l.learn(server, p.Held)
	l.prune()
	return p, nil
}

// reap removes the servers that are overdue, and names who is gone with them.
func (l *Log) reap(ctx context.Context, c link) (gone []chatlog.Departure, err error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, l.channel)
	b.Queue(c.sql.reap, graveTTL).Query(func(rows pgx.Rows) error {
		var room string
		var m chatlog.Member
		_, err := pgx.ForEachRow(rows, []any{&room, &m.UserID, &m.Username}, func() error {
			gone = append(gone, chatlog.Departure{Room: unescape(room), Member: plain(m)})
			return nil
		})
		return err
	})
	err = c.SendBatch(ctx, b).Close()
	return gone, err
}

// knows reports whether server is in the database as far as this Log knows.
func (l *Log) knows(server string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.servers[server]
}

func (l *Log) learn(server string, alive bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if alive {
		l.servers[server] = true
	} else {
		delete(l.servers, server)
	}
}
