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

// migrateOnline takes a step beside servers that write. One server does so at a time;
// the others ask again, because whoever waits for a lock in a statement holds up the
// making of an index.
func (l *Log) migrateOnline(ctx context.Context, v int) error {
	for {
		err := l.with(ctx, func(c link) error {
			var got bool
			if err := c.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 4))`, l.channel).Scan(&got); err != nil {
				return err
			}
			if !got {
				return errMigrating
			}
			defer unlockMigration(c, l.channel)
			return l.takeStep(ctx, c, v)
		})
		if !errors.Is(err, errMigrating) {
			return err
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// takeStep takes a step unless that was done meanwhile.
func (l *Log) takeStep(ctx context.Context, c link, v int) error {
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

// alter takes a step that needs a table for itself. While it waits for whoever uses the
// table, all others wait for it: so it gives up soon, and tries again. An autovacuum
// makes way only after a second, which the servers' log timeout allows for.
func alter(ctx context.Context, c link, step string) error {
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
func fillRows(ctx context.Context, c link) error {
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
		if sqlState(err) == codeDeadlock { // with whoever deletes rows
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

// unlockMigration gives the lock back, if need be with the connection.
func unlockMigration(c link, channel string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := c.Exec(ctx, `SELECT pg_advisory_unlock(hashtextextended($1, 4))`, channel); err != nil {
		c.Close(ctx)
	}
}

var indexName = regexp.MustCompile(`(CREATE|DROP) INDEX CONCURRENTLY (?:IF EXISTS )?(\S+)`)

// makeIndexes makes those that are missing, or were left unfinished by somebody whose
// connection was lost, and drops what is to go.
func (l *Log) makeIndexes(ctx context.Context, c link, step string) error {
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
