package pglog

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

var errMigrating = errors.New("another server is migrating")

// migrateOnline runs a step while servers write. One server does so; the others try again
// later. They must not wait for the lock in a statement, because CREATE INDEX CONCURRENTLY
// waits for such statements.
func (l *Log) migrateOnline(ctx context.Context, v int) error {
	for {
		err := l.with(ctx, func(c dbConn) error {
			var got bool
			if err := c.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 4))`, l.channel).Scan(&got); err != nil {
				return err
			}
			if !got {
				return errMigrating
			}
			defer unlockMigration(c, l.channel)
			return l.applyStep(ctx, c, v)
		})
		if !errors.Is(err, errMigrating) {
			return err
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// applyStep runs a step, unless another server has done that meanwhile.
func (l *Log) applyStep(ctx context.Context, c dbConn, v int) error {
	var now int
	if err := c.QueryRow(ctx, c.sql.version).Scan(&now); err != nil || now >= v {
		return err
	}
	step, err := l.step(v, "CONCURRENTLY")
	if err != nil {
		return err
	}
	if v == filledVersion {
		if err := fillRows(ctx, c); err != nil {
			return fmt.Errorf("migration %d: %w", v, err)
		}
	}
	if strings.Contains(step, "CONCURRENTLY") {
		err = l.makeIndexes(ctx, c, step)
	} else {
		err = alter(ctx, c, step)
	}
	if err != nil {
		return fmt.Errorf("migration %d: %w", v, err)
	}
	_, err = c.Exec(ctx, c.sql.stamp, v)
	return err
}

// alter runs a step that needs an exclusive lock of a table. While it waits for that lock,
// all other users of the table wait too. So it gives up after 50 ms, and tries again. An
// autovacuum releases its lock only after a second, so every 20th try waits for 1.5 s,
// which is shorter than the servers' log timeout.
func alter(ctx context.Context, c dbConn, step string) error {
	for tries := 1; ; tries++ {
		timeout := "50ms"
		if tries%20 == 0 {
			timeout = "1500ms"
		}
		err := pgx.BeginFunc(ctx, c.Conn, func(tx pgx.Tx) error {
			_, err := tx.Conn().PgConn().Exec(ctx, "SET LOCAL lock_timeout = '"+timeout+"';"+step).ReadAll()
			return err
		})
		if code := sqlState(err); code != codeLockTimeout && code != codeDeadlock {
			return err
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// fillRows sets prev_public where it is missing.
func fillRows(ctx context.Context, c dbConn) error {
	const lot = 5000
	for room, next := int64(0), int64(0); ; {
		if next == 0 {
			err := c.QueryRow(ctx, c.sql.unfilled, room).Scan(&room, &next)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		var last *int64
		err := c.QueryRow(ctx, c.sql.fill, room, next, lot).Scan(&last)
		if sqlState(err) == codeDeadlock { // with a transaction that deletes rows: try again
			continue
		}
		if err != nil {
			return err
		}
		if next = 0; last != nil {
			next = *last + 1
		}
	}
}

// unlockMigration releases the lock. If that fails, it closes the connection.
func unlockMigration(c dbConn, channel string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := c.Exec(ctx, `SELECT pg_advisory_unlock(hashtextextended($1, 4))`, channel); err != nil {
		c.Close(ctx)
	}
}

var indexName = regexp.MustCompile(`(CREATE|DROP) INDEX CONCURRENTLY (?:IF EXISTS )?(\S+)`)

// makeIndexes runs the statements of step that create or drop indexes. It skips indexes
// that exist, and creates an index again if it is invalid, because the connection that
// created it was lost.
func (l *Log) makeIndexes(ctx context.Context, c dbConn, step string) error {
	for _, sql := range strings.SplitAfter(step, ";\n") {
		name := indexName.FindStringSubmatch(sql)
		if name == nil {
			continue
		}
		if name[1] == "CREATE" {
			var exists, valid bool
			if err := c.QueryRow(ctx, `
SELECT count(*) > 0, coalesce(bool_and(i.indisvalid), false)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`, l.schema, name[2]).Scan(&exists, &valid); err != nil {
				return err
			}
			if exists && valid {
				continue
			}
			if exists {
				if _, err := c.PgConn().Exec(ctx, "DROP INDEX CONCURRENTLY "+pgx.Identifier{l.schema, name[2]}.Sanitize()).ReadAll(); err != nil {
					return err
				}
			}
		}
		if _, err := c.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}
