package pglog_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/pglog"
)

// An order is a row that a transaction stores together with a message: the room, and the id of
// the message.
type order struct{ room, id string }

// A shop runs random transactions. Each stores orders and their messages. The table of orders is
// the truth: a message must be in the log if, and only if, its order is in the table.
type shop struct {
	t    *testing.T
	c    *cluster
	l    *pglog.Log
	rng  *rand.Rand
	name string
	n    int // orders so far

	offsets map[order]uint64 // of messages that were committed for certain
	undone  []order          // orders that were rolled back for certain
}

// storing is what a transaction of a shop does, with pgx or database/sql.
type storing struct {
	exec func(sql string, args ...any) error
	tx   pglog.Tx
	out  map[order]uint64
}

const errCodeDeadlock = "40P01"

// run runs n transactions. A transaction that was in a deadlock has left nothing.
func (s *shop) run(ctx context.Context, n int) {
	conn, err := pgx.Connect(ctx, s.c.dsn())
	if err != nil {
		s.t.Error(err)
		return
	}
	defer func() { conn.Close(ctx) }()
	for range n {
		if conn.IsClosed() {
			conn.Close(ctx)
			if conn, err = pgx.Connect(ctx, s.c.dsn()); err != nil {
				s.t.Error(err)
				return
			}
		}
		if s.rng.IntN(4) == 0 {
			s.withDatabaseSQL(ctx)
			continue
		}
		s.withPgx(ctx, conn)
	}
}

func (s *shop) withPgx(ctx context.Context, conn *pgx.Conn) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer tx.Rollback(ctx)
	w := &storing{tx: tx, out: map[order]uint64{}, exec: func(sql string, args ...any) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	}}
	undone, err := s.store(ctx, w)
	if err != nil {
		s.failed(err)
		return
	}
	switch s.rng.IntN(5) {
	case 0: // roll back
		if err := tx.Rollback(ctx); err != nil {
			s.t.Error(err)
		}
		s.undone = append(s.undone, keys(w.out)...)
	case 1: // the connection is lost before the commit, or during it
		pid := conn.PgConn().PID()
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			s.c.exec(s.t, `SELECT pg_terminate_backend($1)`, int(pid))
		}()
		if s.rng.IntN(2) == 0 {
			<-cut
		}
		err := tx.Commit(ctx)
		<-cut
		conn.Close(ctx)
		if err != nil {
			return // only the table knows
		}
		s.committed(w.out)
	default:
		if err := tx.Commit(ctx); err != nil {
			s.t.Errorf("commit: %v", err)
			return
		}
		s.committed(w.out)
	}
	s.undone = append(s.undone, undone...)
}

func (s *shop) withDatabaseSQL(ctx context.Context) {
	cfg, err := pgx.ParseConfig(s.c.dsn())
	if err != nil {
		s.t.Error(err)
		return
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{})
	if err != nil {
		s.t.Error(err)
		return
	}
	defer tx.Rollback()
	w := &storing{tx: pglog.SQLTx(tx), out: map[order]uint64{}, exec: func(sql string, args ...any) error {
		_, err := tx.ExecContext(ctx, sql, args...)
		return err
	}}
	undone, err := s.store(ctx, w)
	if err != nil {
		s.failed(err)
		return
	}
	if s.rng.IntN(3) == 0 {
		if err := tx.Rollback(); err != nil {
			s.t.Error(err)
		}
		s.undone = append(s.undone, keys(w.out)...)
	} else if err := tx.Commit(); err != nil {
		s.t.Errorf("commit: %v", err)
		return
	} else {
		s.committed(w.out)
	}
	s.undone = append(s.undone, undone...)
}

// store stores up to three orders, some of them in savepoints that it may roll back. It returns
// the orders that it has rolled back.
func (s *shop) store(ctx context.Context, w *storing) (undone []order, err error) {
	for range 1 + s.rng.IntN(3) {
		o := order{[]string{"a", "b"}[s.rng.IntN(2)], fmt.Sprint(s.name, "-", s.n)}
		s.n++
		savepoint, back := s.rng.IntN(3) == 0, s.rng.IntN(2) == 0
		if savepoint {
			if err := w.exec(`SAVEPOINT s`); err != nil {
				return nil, err
			}
		}
		if err := w.exec(`INSERT INTO orders VALUES ($1, $2)`, o.room, o.id); err != nil {
			return nil, err
		}
		offset, err := s.append(ctx, w, o)
		if err != nil {
			return nil, err
		}
		// The same message again is the same message.
		if again, err := s.append(ctx, w, o); err != nil {
			return nil, err
		} else if again != offset {
			s.t.Errorf("%v has offset %d, and repeated %d", o, offset, again)
		}
		switch {
		case savepoint && back:
			err = w.exec(`ROLLBACK TO s`)
			undone = append(undone, o)
		case savepoint:
			err = w.exec(`RELEASE s`)
			fallthrough
		default:
			w.out[o] = offset
		}
		if err != nil {
			return nil, err
		}
	}
	return undone, nil
}

func (s *shop) append(ctx context.Context, w *storing, o order) (offset uint64, err error) {
	if s.n%3 == 0 {
		err := w.tx.QueryRow(ctx, `SELECT chat.append($1, $2, user_id => 'shop', id => $3, tells => $4)`,
			o.room, "text of "+o.id, o.id, s.rng.IntN(2) == 0).Scan(&offset)
		return offset, err
	}
	e, err := s.l.AppendTx(ctx, w.tx, o.room, chat.Message{UserID: "shop", Text: "text of " + o.id, ID: o.id})
	return e.Offset, err
}

// failed checks the error of a statement. Transactions take the rooms in any order, so they may
// wait for each other.
func (s *shop) failed(err error) {
	var refused interface{ SQLState() string }
	if !errors.As(err, &refused) || refused.SQLState() != errCodeDeadlock {
		s.t.Error(err)
	}
}

func (s *shop) committed(out map[order]uint64) {
	for o, offset := range out {
		s.offsets[o] = offset
	}
}

func keys(m map[order]uint64) (all []order) {
	for o := range m {
		all = append(all, o)
	}
	return all
}
