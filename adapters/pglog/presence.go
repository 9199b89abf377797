package pglog

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-08328bfd/chat/chatlog"
)

const (
	enterTTL   = 15 * time.Second // of a server that has entered a user but not called Beat
	removedTTL = time.Hour        // how long a removed server can still learn that
)

// lockedBatch begins a batch of statements that change presence. A batch is one
// transaction. It begins with two locks: a shared one against the removal of dead servers,
// and one for the user in the room. So if a user enters or leaves on two servers
// concurrently, exactly one of them is the first or the last. A transaction never waits
// for a client while it holds the locks.
func (l *Log) lockedBatch(room, user string) *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))`, l.channel)
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($1, 1))`, l.channel+"\x1a"+room+"\x1a"+user)
	return b
}

// Enter implements [chatlog.Presence]. A server that has not called Beat yet gets a lease of 15
// seconds.
func (l *Log) Enter(ctx context.Context, server, room string, m chatlog.Member) (first bool, err error) {
	if err := checkNames(server, room, m.UserID, m.Username); err != nil {
		return false, err
	}
	err = l.withRetry(ctx, func(c dbConn) error {
		b := l.lockedBatch(escape(room), escape(m.UserID))
		if !l.isKnown(server) {
			b.Queue(c.sql.addServer, escape(server), enterTTL)
		}
		b.Queue(c.sql.enter, escape(server), escape(room), escape(m.UserID), escape(m.Username), m.Connections).
			QueryRow(func(r pgx.Row) error { return r.Scan(&first) })
		return c.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return false, err
	}
	l.setKnown(server, true)
	return first, nil
}

// Leave implements [chatlog.Presence].
func (l *Log) Leave(ctx context.Context, server, room, userID string) (last bool, err error) {
	if err := checkNames(server, room, userID); err != nil {
		return false, err
	}
	err = l.withRetry(ctx, func(c dbConn) error {
		b := l.lockedBatch(escape(room), escape(userID))
		b.Queue(c.sql.leave, escape(server), escape(room), escape(userID)).
			QueryRow(func(r pgx.Row) error { return r.Scan(&last) })
		return c.SendBatch(ctx, b).Close()
	})
	return last && err == nil, err
}

// Members implements [chatlog.Presence]. The list is sorted by the users' ids. Zero or a
// negative limit returns the total alone.
func (l *Log) Members(ctx context.Context, room string, limit int) (list chatlog.MemberList, err error) {
	if err := checkNames(room); err != nil {
		return list, err
	}
	err = l.withRetry(ctx, func(c dbConn) error {
		b := &pgx.Batch{}
		b.Queue(c.sql.count, escape(room)).QueryRow(func(r pgx.Row) error { return r.Scan(&list.Total) })
		if limit > 0 {
			b.Queue(c.sql.members, escape(room), limit).Query(func(rows pgx.Rows) error {
				var m chatlog.Member
				list.Members = nil
				_, err := pgx.ForEachRow(rows, []any{&m.UserID, &m.Username, &m.Connections}, func() error {
					list.Members = append(list.Members, unescapeMember(m))
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
	err = l.withRetry(ctx, func(c dbConn) error {
		err := c.QueryRow(ctx, c.sql.present, escape(room), escape(userID)).Scan(&m.UserID, &m.Username, &m.Connections)
		if err == pgx.ErrNoRows {
			return nil
		}
		ok = err == nil
		return err
	})
	return unescapeMember(m), ok, err
}

func unescapeMember(m chatlog.Member) chatlog.Member {
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
	err := l.withRetry(ctx, func(c dbConn) error {
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
	err := l.withRetry(ctx, func(c dbConn) error {
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

// Beat implements [chatlog.Presence]: it extends the lease of server by ttl. It also starts
// a step of retention. If no server has called Beat for more than half of ttl, all leases
// are extended by the missing time.
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (p chatlog.Pulse, err error) {
	if err := checkNames(server); err != nil {
		return p, err
	}
	known := l.isKnown(server)
	err = l.withRetry(ctx, func(c dbConn) error {
		b := &pgx.Batch{}
		b.Queue(c.sql.addBeatRow)
		b.Queue(c.sql.lockBeatRow)
		b.Queue(c.sql.extendLeases, ttl)
		b.Queue(c.sql.noteBeat)
		b.Queue(c.sql.beat, escape(server), ttl).Query(func(rows pgx.Rows) error {
			var fresh bool
			_, err := pgx.ForEachRow(rows, []any{&fresh}, func() error {
				// The server's row is new although it existed before. So the tables were
				// emptied, and the server's users are lost.
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
		p.Gone, err = l.removeDeadServers(ctx, c)
		return err
	})
	if err != nil {
		return chatlog.Pulse{}, err
	}
	l.setKnown(server, p.Held)
	l.prune()
	return p, nil
}

// removeDeadServers removes the servers whose leases have ended. It returns the users that are
// on no other server.
func (l *Log) removeDeadServers(ctx context.Context, c dbConn) (gone []chatlog.Departure, err error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, l.channel)
	b.Queue(c.sql.removeDead, removedTTL).Query(func(rows pgx.Rows) error {
		var room string
		var m chatlog.Member
		_, err := pgx.ForEachRow(rows, []any{&room, &m.UserID, &m.Username}, func() error {
			gone = append(gone, chatlog.Departure{Room: unescape(room), Member: unescapeMember(m)})
			return nil
		})
		return err
	})
	err = c.SendBatch(ctx, b).Close()
	return gone, err
}

// isKnown reports whether this Log has stored server in the database.
func (l *Log) isKnown(server string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.servers[server]
}

func (l *Log) setKnown(server string, alive bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if alive {
		l.servers[server] = true
	} else {
		delete(l.servers, server)
	}
}
