package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/claim"
	"github.com/seed-08328bfd/chat/internal/fanout"
)

// consumers are the claims of consumers, which end with the process. The file has their places.
type consumers struct {
	claims claim.Table
	grown  fanout.Growth
}

// AddConsumer implements [chatlog.Tracker].
func (l *Log) AddConsumer(ctx context.Context, name string, skip bool) error {
	return l.writer.write(ctx, len(name), func(t *tx) error {
		n, err := t.exec("INSERT INTO consumer VALUES (?) ON CONFLICT DO NOTHING", name)
		if err != nil || n == 0 {
			return err
		}
		// The rooms that this transaction has changed are not in the table yet.
		if err := t.save(); err != nil {
			return err
		}
		// The places of a consumer that begins at the start are stored too, so that it knows
		// later what it has missed.
		_, err = t.exec("INSERT INTO consumed SELECT ?, id, CASE WHEN ? THEN last ELSE first_entry - 1 END FROM room", name, skip)
		return err
	})
}

// RemoveConsumer implements [chatlog.Tracker].
func (l *Log) RemoveConsumer(ctx context.Context, name string) error {
	return l.writer.write(ctx, len(name), func(t *tx) error {
		_, err := t.exec("DELETE FROM consumer WHERE name = ?", name)
		return err
	})
}

// Consumers implements [chatlog.Tracker].
func (l *Log) Consumers(ctx context.Context) (all []chatlog.Consumer, err error) {
	err = l.readers.with(ctx, func(c *conn) error {
		all = nil
		return c.each(func(s *sqlite3.Stmt) {
			all = append(all, chatlog.Consumer{Name: s.ColumnText(0), Rooms: s.ColumnInt(1), Events: uint64(s.ColumnInt64(2))})
		}, `SELECT k.name, count(r.id), coalesce(sum(r.last - max(coalesce(c.offset, 0), r.first_entry - 1)), 0)
			FROM consumer k LEFT JOIN (room r LEFT JOIN consumed c ON c.room = r.id)
				ON coalesce(c.consumer, k.name) = k.name AND r.last > max(coalesce(c.offset, 0), r.first_entry - 1)
			GROUP BY k.name ORDER BY k.name`)
	})
	return all, err
}

// Behind implements [chatlog.Tracker].
func (l *Log) Behind(ctx context.Context, name string, except []string, limit int) (rooms []string, err error) {
	err = l.readers.with(ctx, func(c *conn) error {
		rooms = nil
		s, err := c.query(`SELECT r.name FROM consumer k CROSS JOIN room r LEFT JOIN consumed c ON c.consumer = k.name AND c.room = r.id
			WHERE k.name = ? AND r.last <> coalesce(c.offset, 0)`, name)
		if err != nil {
			return err
		}
		for len(rooms) < limit && s.Step() {
			room := s.ColumnText(0)
			if !slices.Contains(except, room) && !l.consumers.claims.Taken(claim.Key{Consumer: name, Room: room}) {
				rooms = append(rooms, room)
			}
		}
		return errors.Join(s.Err(), s.Reset())
	})
	return rooms, err
}

// Claim implements [chatlog.Tracker].
func (l *Log) Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (chatlog.Claim, error) {
	c := &claimed{log: l, key: claim.Key{Consumer: name, Room: room}}
	if c.token = l.consumers.claims.Take(c.key, hold); c.token == 0 {
		return nil, l.ready(ctx)
	}
	err := l.readers.inSnapshot(ctx, func(d *conn) error { return c.read(d, limit) })
	if err != nil || len(c.batch.Events) == 0 {
		l.consumers.claims.Drop(c.key, c.token)
		return nil, err
	}
	return c, nil
}

// Grown implements [chatlog.Tracker].
func (l *Log) Grown() <-chan struct{} { return l.consumers.grown.Next() }

// claimed is a claimed room.
type claimed struct {
	log   *Log
	key   claim.Key
	token uint64
	room  int64
	from  int64 // the place before the batch
	batch chatlog.Batch

	mu         sync.Mutex
	statements []statement
	ended      bool
}

// A statement is executed with the place.
type statement struct {
	sql  string
	args []any
}

// read reads the next events.
func (c *claimed) read(d *conn, limit int) error {
	known, err := d.one(func(*sqlite3.Stmt) {}, "SELECT 1 FROM consumer WHERE name = ?", c.key.Consumer)
	if err != nil || !known {
		return err
	}
	r, err := d.find(c.key.Room)
	if err != nil {
		return err
	}
	c.room = r.id
	if c.from, err = d.number("SELECT offset FROM consumed WHERE consumer = ? AND room = ?", c.key.Consumer, r.id); err != nil {
		return err
	}
	at := uint64(c.from)
	lost := at > r.last // another program has changed the file
	if lost {
		at = 0
	}
	c.batch = chatlog.Batch{Room: c.key.Room, Epoch: c.log.epoch(r.own), Missed: lost || r.firstEntry > at+1}
	p := chatlog.Page{First: r.firstEntry}
	err = d.fill(&p, &r, chatlog.Range{From: at + 1, Limit: limit})
	c.batch.Events = p.Events
	return err
}

func (c *claimed) Batch() *chatlog.Batch { return &c.batch }

// claimKey is the key of a claim in a context.
type claimKey struct{}

func (c *claimed) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, claimKey{}, c)
}

// Exec adds a statement to the transaction in which the place of a consumer is stored, for tables
// of your own in the same file. ctx is the one that [chat.Server.FollowAll] has passed to its
// handler, or one made of it. The statements are executed in their order after the handler has
// returned nil, in one transaction with the place. If one fails, none takes effect, and the
// events come again: so each event is handled exactly once.
//
// The values in args are of the types nil, bool, int, int64, float64, string, []byte or
// time.Time (stored as text of RFC 3339 with nanoseconds). Exec returns an error for another
// type, for another context and after the handler's end. A statement must not begin or end a
// transaction, nor change the tables of the log.
//
// [chat.Server.FollowAll]: https://pkg.go.dev/github.com/seed-08328bfd/chat#Server.FollowAll
func Exec(ctx context.Context, sql string, args ...any) error {
	c, ok := ctx.Value(claimKey{}).(*claimed)
	if !ok {
		return errors.New("sqlitelog: the context is none that FollowAll has passed to its handler")
	}
	for i, a := range args {
		switch a.(type) {
		case nil, bool, int, int64, float64, string, []byte, time.Time:
		default:
			return fmt.Errorf("sqlitelog: argument %d has the type %T", i+1, a)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return errors.New("sqlitelog: the handler has ended")
	}
	c.statements = append(c.statements, statement{sql, slices.Clone(args)})
	return nil
}

func (c *claimed) Renew(_ context.Context, hold time.Duration) error {
	if !c.log.consumers.claims.Renew(c.key, c.token, hold) {
		return chatlog.ErrClaimLost
	}
	return nil
}

func (c *claimed) Done(ctx context.Context) error {
	if !c.log.consumers.claims.Keep(c.key, c.token) {
		return chatlog.ErrClaimLost
	}
	defer c.log.consumers.claims.Drop(c.key, c.token)
	c.mu.Lock()
	c.ended = true
	all := c.statements
	c.mu.Unlock()
	size := 0
	for _, s := range all {
		size += len(s.sql)
		for _, a := range s.args {
			switch a := a.(type) {
			case string:
				size += len(a)
			case []byte:
				size += len(a)
			}
		}
	}
	return c.log.writer.write(ctx, size, func(t *tx) error {
		return t.tryAll(func() error {
			if err := t.setPlace(c); err != nil {
				return err
			}
			return t.execAll(all)
		})
	})
}

// setPlace stores the place after the batch, unless another place was stored meanwhile: after a
// Done whose outcome was not known, another claim may have come.
func (t *tx) setPlace(c *claimed) error {
	n, err := t.exec(`INSERT INTO consumed SELECT name, ?, ? FROM consumer WHERE name = ?
		ON CONFLICT DO UPDATE SET offset = excluded.offset WHERE offset = ?`,
		c.room, int64(c.batch.Events[len(c.batch.Events)-1].Offset), c.key.Consumer, c.from)
	if err == nil && n == 0 {
		err = chatlog.ErrClaimLost
	}
	return err
}

func (c *claimed) Release(context.Context) error {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.log.consumers.claims.Drop(c.key, c.token)
	return nil
}
