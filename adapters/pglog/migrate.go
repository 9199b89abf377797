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

// schemaVersion is the number of the newest file of migrations.
const schemaVersion = 1

// Migrate creates the schema and its tables, or brings those of an older version
// of this package up to date. It does nothing if they are, and may be called by
// many servers at once. It needs the right to create the schema, or to create in
// it; everything else a Log does needs USAGE on the schema, SELECT, INSERT, UPDATE
// and DELETE on its tables.
//
// Steps only add to a schema, so that servers of the version before run on.
func (l *Log) Migrate(ctx context.Context) error {
	if v, err := l.version(ctx); err == nil && v >= schemaVersion {
		return nil
	}
	return l.with(ctx, func(c link) error {
		return pgx.BeginFunc(ctx, c.Conn, func(tx pgx.Tx) error { return l.migrate(ctx, tx, c.sql) })
	})
}

func (l *Log) migrate(ctx context.Context, tx pgx.Tx, sql *statements) error {
	if err := checkEncoding(ctx, tx); err != nil {
		return err
	}
	// Everything else waits here, so "if not exists" is true until the end.
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 3))`, l.channel); err != nil {
		return err
	}
	var exists bool
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)`, l.schema).Scan(&exists); err != nil {
		return err
	}
	schema := pgx.Identifier{l.schema}.Sanitize()
	if !exists {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+schema); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, sql.prepare); err != nil {
		return err
	}
	var v int
	if err := tx.QueryRow(ctx, sql.version).Scan(&v); err != nil {
		return err
	}
	for v++; v <= schemaVersion; v++ {
		step, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", v))
		if err != nil {
			return err
		}
		filled := strings.ReplaceAll(string(step), "{schema}", schema)
		if _, err := tx.Conn().PgConn().Exec(ctx, filled).ReadAll(); err != nil {
			return fmt.Errorf("migration %d: %w", v, err)
		}
		if _, err := tx.Exec(ctx, sql.stamp, v); err != nil {
			return err
		}
	}
	return nil
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
	err = l.withAny(ctx, func(c link) error {
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
