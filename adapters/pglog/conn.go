package pglog

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATE codes (PostgreSQL's manual, appendix A).
const (
	codeUniqueViolation      = "23505"
	codeSerializationFailure = "40001"
	codeDeadlock             = "40P01"
	codeAdminShutdown        = "57P01"
	codeCrashShutdown        = "57P02"
	codeLockTimeout          = "55P03"
	codeUndefinedTable       = "42P01"
	codeUndefinedFunction    = "42883"
	codeNoPrivilege          = "42501"
	codeUnsupported          = "0A000"
)

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// A link is a connection with the statements for it.
type link struct {
	*pgx.Conn
	sql *statements
}

// with calls f with a connection of the pool.
func (l *Log) with(ctx context.Context, f func(link) error) error {
	c, err := l.pool.Acquire(ctx)
	if err != nil {
		return l.explain(err)
	}
	defer c.Release()
	return l.explain(l.use(ctx, c.Conn(), f))
}

// withAny is with for what may be done twice. After the database was restarted
// the pool is full of connections that fail when they are used.
func (l *Log) withAny(ctx context.Context, f func(link) error) (err error) {
	for range 5 {
		var refused *pgconn.PgError
		err = l.with(ctx, f)
		if err == nil || errors.As(err, &refused) && refused.Code != codeAdminShutdown || !sleep(ctx, 5*time.Millisecond) {
			break
		}
	}
	return err
}

// databaseName names the database cluster and its timeline, which is another one
// after a backup was restored or a standby promoted. It is part of every statement
// that returns an epoch, because behind a pooler the database may change any time.
// On a standby it is an error.
const databaseName = `(SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) FROM pg_control_system())`

// use calls f with c. The first time it finds out whether databaseName is to be had.
func (l *Log) use(ctx context.Context, c *pgx.Conn, f func(link) error) error {
	sql := l.sql.Load()
	if sql == nil {
		database := databaseName
		_, err := c.Exec(ctx, "SELECT "+database)
		switch sqlState(err) {
		case codeUndefinedFunction, codeNoPrivilege, codeUnsupported:
			database, err = "''", nil
		}
		if err != nil {
			return err
		}
		sql = newStatements(l.schema, database)
		l.sql.Store(sql)
	}
	return f(link{c, sql})
}

// epochOf returns the epoch that servers see: the stored one, which Renew changes,
// and the database and table that hold it.
func epochOf(stored, origin string) string {
	h := fnv.New32a()
	h.Write([]byte(origin))
	return fmt.Sprintf("%s-%08x", stored, h.Sum32())
}

// explain adds what to do to errors that have a usual reason.
func (l *Log) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case sqlState(err) == codeUndefinedTable:
		return fmt.Errorf("pglog: no tables in schema %q: call Migrate first: %w", l.schema, err)
	}
	return fmt.Errorf("pglog: %w", err)
}
