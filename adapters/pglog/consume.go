package pglog

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat/chatlog"
)

// AddConsumer implements [chatlog.Tracker].
func (l *Log) AddConsumer(ctx context.Context, name string, skip bool) error {
	if err := checkNames(name); err != nil {
		return err
	}
	return l.withRetry(ctx, func(c dbConn) error {
		_, err := c.Exec(ctx, c.sql.consume.add, escape(name), skip)
		return err
	})
}

// RemoveConsumer implements [chatlog.Tracker].
func (l *Log) RemoveConsumer(ctx context.Context, name string) error {
	if err := checkNames(name); err != nil {
		return err
	}
	return l.withRetry(ctx, func(c dbConn) error {
		_, err := c.Exec(ctx, c.sql.consume.remove, escape(name))
		return err
	})
}

// Consumers implements [chatlog.Tracker].
func (l *Log) Consumers(ctx context.Context) (all []chatlog.Consumer, err error) {
	err = l.withRetry(ctx, func(c dbConn) error {
		all = nil
		rows, err := c.Query(ctx, c.sql.consume.list)
		if err != nil {
			return err
		}
		var k chatlog.Consumer
		_, err = pgx.ForEachRow(rows, []any{&k.Name, &k.Rooms, &k.Events}, func() error {
			all = append(all, chatlog.Consumer{Name: unescape(k.Name), Rooms: k.Rooms, Events: k.Events})
			return nil
		})
		return err
	})
	return all, err
}

// Behind implements [chatlog.Tracker].
func (l *Log) Behind(ctx context.Context, name string, except []string, limit int) (rooms []string, err error) {
	if err := checkNames(name); err != nil {
		return nil, err
	}
	not := make([]string, len(except))
	for i, room := range except {
		not[i] = escape(room)
	}
	err = l.withRetry(ctx, func(c dbConn) error {
		rows, err := c.Query(ctx, c.sql.consume.behind, escape(name), not, limit)
		if err != nil {
			return err
		}
		rooms, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (room string, err error) {
			err = r.Scan(&room)
			return unescape(room), err
		})
		return err
	})
	return rooms, err
}

// Claim implements [chatlog.Tracker]. The claim is a row of the database, and no transaction
// is open while events are handled, unless the handler asks for one with [TxFrom].
func (l *Log) Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (chatlog.Claim, error) {
	if err := checkNames(name, room); err != nil {
		return nil, err
	}
	c := &claim{log: l, consumer: name, holder: rand.Text()}
	var at uint64
	var got bool
	err := l.withRetry(ctx, func(d dbConn) error {
		err := d.QueryRow(ctx, d.sql.consume.claim, escape(name), escape(room), c.holder, hold).Scan(&at)
		if got = err == nil; errors.Is(err, pgx.ErrNoRows) {
			err = nil
		}
		return err
	})
	if err != nil || !got {
		return nil, err
	}
	c.batch.Room = room
	p, err := l.Read(ctx, room, chatlog.Range{From: at + 1, Limit: limit})
	lost := err == nil && p.Position.Offset < at // somebody has changed the tables by hand
	if lost {
		p, err = l.Read(ctx, room, chatlog.Range{From: 1, Limit: limit})
	}
	if err != nil || len(p.Events) == 0 {
		c.Release(context.WithoutCancel(ctx))
		return nil, err
	}
	c.batch.Epoch, c.batch.Events, c.batch.Missed = p.Position.Epoch, p.Events, lost || p.First > at+1
	return c, nil
}

// Grown implements [chatlog.Tracker]. While the feed is open, the notices of other servers
// count too.
func (l *Log) Grown() <-chan struct{} { return l.notices.grown.Next() }

// claim is a claimed room.
type claim struct {
	log              *Log
	consumer, holder string
	batch            chatlog.Batch

	mu    sync.Mutex
	conn  *pgxpool.Conn // with tx; nil as long as the handler has asked for none
	tx    pgx.Tx
	ended bool
}

func (c *claim) Batch() *chatlog.Batch { return &c.batch }

// claimKey is the key of a claim in a context.
type claimKey struct{}

func (c *claim) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, claimKey{}, c)
}

var (
	errNoClaim = errors.New("pglog: the context is none that FollowAll has passed to its handler")
	errOver    = errors.New("pglog: the handler has ended")
	errTxEnded = errors.New("the handler's transaction has failed, or the handler has ended it")
)

// TxFrom returns the transaction in which the place of a consumer is stored. ctx is the one that
// [chat.Server.FollowAll] has passed to the handler, or one made of it; anything else is an
// error. What the handler writes in the transaction is committed with the place, if the handler
// returns nil, or not at all: so each event is handled exactly once.
//
// The first call begins the transaction, on a connection of the pool; later calls return the
// same one. It is read committed. The handler must not commit it or roll it back, and not use
// it after it has returned. One goroutine at a time may use it. While it is open, it holds a
// connection, and with its first write it holds up vacuum: be quick, and make no requests to
// other services. A pool for a consumer needs eight connections more.
//
// [chat.Server.FollowAll]: https://pkg.go.dev/github.com/seed-08328bfd/chat#Server.FollowAll
func TxFrom(ctx context.Context) (pgx.Tx, error) {
	c, ok := ctx.Value(claimKey{}).(*claim)
	if !ok {
		return nil, errNoClaim
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return nil, errOver
	case c.tx != nil:
		return c.tx, nil
	}
	conn, err := c.log.pool.Acquire(ctx)
	if err != nil {
		return nil, c.log.explain(err)
	}
	// The context of the handler may end before its last statement.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		conn.Release()
		return nil, c.log.explain(err)
	}
	c.conn, c.tx = conn, tx
	return tx, nil
}

// end ends the time in which the handler may use the transaction, and returns it.
func (c *claim) end() pgx.Tx {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	return c.tx
}

func (c *claim) Renew(ctx context.Context, hold time.Duration) error {
	return c.update(ctx, func(s *statements) string { return s.consume.renew }, hold)
}

// update executes a statement that only the holder may.
func (c *claim) update(ctx context.Context, sql func(*statements) string, args ...any) error {
	held := false
	err := c.log.withRetry(ctx, func(d dbConn) (err error) {
		held, err = c.updateOn(ctx, d, sql(d.sql), args...)
		return err
	})
	if err == nil && !held {
		return chatlog.ErrClaimLost
	}
	return err
}

func (c *claim) updateOn(ctx context.Context, d dbConn, sql string, args ...any) (held bool, err error) {
	tag, err := d.Exec(ctx, sql, append([]any{escape(c.consumer), escape(c.batch.Room), c.holder}, args...)...)
	return tag.RowsAffected() > 0, err
}

func (c *claim) Done(ctx context.Context) error {
	last := int64(c.batch.Events[len(c.batch.Events)-1].Offset)
	tx := c.end()
	if tx == nil {
		return c.update(ctx, func(s *statements) string { return s.consume.done }, last)
	}
	defer c.conn.Release()
	held := false
	err := c.log.use(ctx, c.conn.Conn(), func(d dbConn) (err error) {
		if d.PgConn().TxStatus() != 'T' {
			return errTxEnded
		}
		if held, err = c.updateOn(ctx, d, d.sql.consume.done, last); err == nil && held {
			err = tx.Commit(ctx)
		}
		return err
	})
	switch {
	case err != nil:
		tx.Rollback(ctx)
	case !held:
		tx.Rollback(ctx)
		err = chatlog.ErrClaimLost
	}
	return c.log.explain(err)
}

func (c *claim) Release(ctx context.Context) error {
	if tx := c.end(); tx != nil {
		tx.Rollback(ctx)
		c.conn.Release()
	}
	err := c.update(ctx, func(s *statements) string { return s.consume.unhold })
	if errors.Is(err, chatlog.ErrClaimLost) {
		return nil
	}
	return err
}
