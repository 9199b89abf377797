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
	codeUndefinedSchema      = "3F000"
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

// A dbConn is a connection, and the statements that it can execute.
type dbConn struct {
	*pgx.Conn
	sql *statements
}

// with calls f with a connection of the pool, and explains its error.
func (l *Log) with(ctx context.Context, f func(dbConn) error) error {
	c, err := l.pool.Acquire(ctx)
	if err != nil {
		return l.explain(err)
	}
	defer c.Release()
	return l.explain(l.use(ctx, c.Conn(), f))
}

// withRetry is with for a function that may run twice. After a restart of the database, the
// pool's connections fail when they are used, so withRetry tries up to five of them.
func (l *Log) withRetry(ctx context.Context, f func(dbConn) error) (err error) {
	for range 5 {
		var refused *pgconn.PgError
		err = l.with(ctx, f)
		if err == nil || errors.As(err, &refused) && refused.Code != codeAdminShutdown || !sleep(ctx, 5*time.Millisecond) {
			break
		}
	}
	return err
}

// databaseName is an expression for the name of the database cluster and its timeline.
// The timeline changes when a backup is restored or a standby is promoted. Every statement
// that returns an epoch contains it, because behind a pooler the database may change at
// any time. On a standby the expression is an error.
const databaseName = `(SELECT system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) FROM pg_control_system())`

// use calls f with c. The first call finds out whether the user may execute databaseName.
func (l *Log) use(ctx context.Context, c *pgx.Conn, f func(dbConn) error) error {
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
	return f(dbConn{c, sql})
}

// epochOf returns the epoch that servers see. It is made of the stored epoch, which Renew
// changes, and of its origin: the names of the database and the table.
func epochOf(stored, origin string) string {
	h := fnv.New32a()
	h.Write([]byte(origin))
	return fmt.Sprintf("%s-%08x", stored, h.Sum32())
}

// explain adds the package's name to err. If the tables are missing, it also says what to do.
func (l *Log) explain(err error) error {
	switch code := sqlState(err); {
	case err == nil:
		return nil
	case code == codeUndefinedTable, code == codeUndefinedFunction, code == codeUndefinedSchema:
		return fmt.Errorf("pglog: no tables, or old ones, in schema %q: call Migrate first: %w", l.schema, err)
	}
	return fmt.Errorf("pglog: %w", err)
}
