package pglog

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Numbers of files in migrations. schemaVersion is the newest one. onlineVersion is the first
// one that runs while servers write. fillRows fills the existing rows before the step
// filledVersion.
const (
	schemaVersion = 8
	onlineVersion = 2
	filledVersion = 4
)

// Migrate creates the schema and its tables, or updates those of an older version of this
// package. It does nothing if they are up to date. Many servers may call it concurrently,
// and every start of a server may call it. To create the tables, the user needs the right
// to create the schema, or to create tables in it. To update them, the user must be their
// owner. All other methods need USAGE on the schema, and SELECT, INSERT, UPDATE and DELETE
// on its tables.
//
// Servers of the previous version continue to work meanwhile. Migrate creates indexes of
// existing tables concurrently. Where it needs a lock that blocks servers, it waits for
// the lock only for a moment, and tries again. Both need a session of the database, so the
// pool must not use a transaction pooler.
//
// If Migrate returns an error, for example because ctx has ended, call it again: it
// continues with the first missing step.
func (l *Log) Migrate(ctx context.Context) error { return l.migrateTo(ctx, schemaVersion) }

func (l *Log) migrateTo(ctx context.Context, version int) error {
	v, err := l.version(ctx)
	if err == nil && v >= version {
		return nil
	}
	err = l.with(ctx, func(c dbConn) error {
		return pgx.BeginFunc(ctx, c.Conn, func(tx pgx.Tx) error { v, err = l.migrate(ctx, tx, c.sql, version); return err })
	})
	for v++; err == nil && v <= version; v++ {
		err = l.migrateOnline(ctx, v)
	}
	return err
}

// migrate runs the steps up to version in one transaction, and returns the version that it
// has reached. It leaves the steps from onlineVersion on, unless the tables are new.
func (l *Log) migrate(ctx context.Context, tx pgx.Tx, sql *statements, version int) (v int, err error) {
	if err := checkEncoding(ctx, tx); err != nil {
		return 0, err
	}
	// All other migrations wait here, so the answers to "if not exists" stay true.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 3))`, l.channel); err != nil {
		return 0, err
	}
	var exists bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, l.schema).Scan(&exists); err != nil {
		return 0, err
	}
	if !exists {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{l.schema}.Sanitize()); err != nil {
			return 0, err
		}
	}
	if _, err := tx.Exec(ctx, sql.prepare); err != nil {
		return 0, err
	}
	if err := tx.QueryRow(ctx, sql.version).Scan(&v); err != nil {
		return 0, err
	}
	fresh := v == 0
	for v < version && (fresh || v+1 < onlineVersion) {
		step, err := l.step(v+1, "")
		if err != nil {
			return v, err
		}
		if _, err := tx.Conn().PgConn().Exec(ctx, step).ReadAll(); err != nil {
			return v, fmt.Errorf("migration %d: %w", v+1, err)
		}
		v++
		if _, err := tx.Exec(ctx, sql.stamp, v); err != nil {
			return v, err
		}
	}
	return v, nil
}

// step returns the SQL of a migration.
func (l *Log) step(v int, concurrently string) (string, error) {
	text, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", v))
	channel := "'" + strings.ReplaceAll(l.channel, "'", "''") + "'"
	fill := strings.NewReplacer("{schema}", pgx.Identifier{l.schema}.Sanitize(), "{channel}", channel, "{concurrently}", concurrently)
	return fill.Replace(string(text)), err
}

func checkEncoding(ctx context.Context, tx pgx.Tx) error {
	var encoding string
	err := tx.QueryRow(ctx, `SELECT getdatabaseencoding()`).Scan(&encoding)
	if err == nil && encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s and must be UTF8", encoding)
	}
	return err
}

// version returns the version of the schema's tables.
func (l *Log) version(ctx context.Context) (v int, err error) {
	err = l.withRetry(ctx, func(c dbConn) error {
		return c.QueryRow(ctx, c.sql.version).Scan(&v)
	})
	return v, err
}

// ready checks that the tables are there and as new as this package.
func (l *Log) ready(ctx context.Context) error {
	v, err := l.version(ctx)
	if err == nil && v < schemaVersion {
		return fmt.Errorf("pglog: schema %q has version %d, not %d: call Migrate first", l.schema, v, schemaVersion)
	}
	return err
}
