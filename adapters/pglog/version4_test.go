package pglog

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
)

// AsVersion4 makes l use the statements of version 4 of the schema for events. Such a Log acts
// as a server of the previous version, unless it amends or asks for messages.
func AsVersion4(ctx context.Context, l *Log) error {
	return l.with(ctx, func(c dbConn) error {
		sql := *newStatements(l.schema, databaseName)
		of := func(s string) string {
			s = strings.ReplaceAll(s, "{event}", columns4)
			s = strings.ReplaceAll(s, "{database}", databaseName)
			return strings.ReplaceAll(s, "{schema}", pgx.Identifier{l.schema}.Sanitize())
		}
		now := of(strings.ReplaceAll(eventColumns, "{event}", ""))
		for _, s := range []*string{&sql.append, &sql.lookup, &sql.forward, &sql.backward, &sql.fetch} {
			*s = strings.ReplaceAll(*s, now, of(columns4))
			*s = strings.ReplaceAll(*s, firstEntry, "r.first")
		}
		sql.some = map[kind]string{
			{visible: true}:                of(visible4(backward4, `>= r.first`, `< least($2::bigint, r.last + 1)`, "DESC")),
			{visible: true, forward: true}: of(visible4(forward4, `>= greatest($2::bigint, r.first)`, `<= r.last`, "ASC")),
		}
		sql.retain, sql.clean = of(retain4), of(clean4)
		sql.sweep = `SELECT count(*) FROM (SELECT $1::bigint, $2::bigint, $3::interval, $4::bigint LIMIT 0) none`
		l.sql.Store(&sql)
		return nil
	})
}

// columns4 has NULL for the newer columns.
const columns4 = `e."offset", e.at, e.type, e.user_id, e.username, e.to_id, e.to_username, e.client_id,
	NULL::bigint AS reply_to, NULL::bigint AS target, NULL::text AS reaction, NULL::boolean AS removed, e.message, NULL::text AS data`

const (
	backward4 = `
		SELECT 0::bigint AS low, 0::bigint AS high, least($2::bigint, r.last + 1) - 1 AS next, 0::bigint AS n
		UNION ALL
		SELECT b.low, s.next, b.next, s.n + public.n
		FROM stretch s
		LEFT JOIN LATERAL (
			SELECT e.prev_public, e."offset" FROM {schema}.event e
			WHERE e.room = r.id AND e.prev_public < s.next
			ORDER BY e.prev_public DESC, e."offset" DESC LIMIT 1) run ON true
		CROSS JOIN LATERAL (
			SELECT greatest(run."offset" + 1, r.first) AS low, coalesce(run.prev_public, 0) AS next OFFSET 0) b
		CROSS JOIN LATERAL (
			SELECT count(*) AS n FROM (
				SELECT FROM {schema}.event e
				WHERE e.room = r.id AND e."offset" >= b.low AND e."offset" <= s.next AND e.type <> 'private'
				LIMIT $3::bigint) e) public
		WHERE s.n < $3::bigint AND s.next >= r.first`
	forward4 = `
		SELECT 0::bigint AS low, 0::bigint AS high, greatest($2::bigint, r.first, 1 + (
			SELECT e."offset" FROM {schema}.event e
			WHERE e.room = r.id AND e.prev_public < greatest($2::bigint, r.first)
			ORDER BY e.prev_public DESC, e."offset" DESC LIMIT 1)) AS next, 0::bigint AS n
		UNION ALL
		SELECT s.next, b.high, b.next, s.n + public.n
		FROM stretch s
		LEFT JOIN LATERAL (
			SELECT e.prev_public FROM {schema}.event e
			WHERE e.room = r.id AND e.prev_public >= s.next
			ORDER BY e.prev_public, e."offset" LIMIT 1) run ON true
		LEFT JOIN LATERAL (
			SELECT e."offset" FROM {schema}.event e
			WHERE e.room = r.id AND e.prev_public = run.prev_public
			ORDER BY e.prev_public DESC, e."offset" DESC LIMIT 1) ends ON true
		CROSS JOIN LATERAL (
			SELECT least(run.prev_public, r.last) AS high, coalesce(ends."offset", r.last) + 1 AS next OFFSET 0) b
		CROSS JOIN LATERAL (
			SELECT count(*) AS n FROM (
				SELECT FROM {schema}.event e
				WHERE e.room = r.id AND e."offset" >= s.next AND e."offset" <= b.high AND e.type <> 'private'
				LIMIT $3::bigint) e) public
		WHERE s.n < $3::bigint AND s.next <= r.last`
)

func visible4(stretches, first, last, order string) string {
	private := func(which string) string {
		return `
		(SELECT {event} FROM {schema}.event e
		WHERE e.room = r.id AND e."offset" + 0 ` + first + ` AND e."offset" + 0 ` + last + ` AND e.type = 'private' AND ` + which + `
		ORDER BY e."offset" + 0 ` + order + ` LIMIT $3::bigint)`
	}
	return `
SELECT coalesce(r.epoch, g.epoch), {database} || '/' || g.tableoid, coalesce(r.first, 1), coalesce(r.last, 0), e.*
FROM {schema}.room g
LEFT JOIN {schema}.room r ON r.name = $1
LEFT JOIN LATERAL (
	SELECT * FROM (
		(WITH RECURSIVE stretch AS (` + stretches + `
		)
		SELECT e.* FROM stretch s
		CROSS JOIN LATERAL (
			SELECT {event} FROM {schema}.event e
			WHERE e.room = r.id AND e."offset" >= s.low AND e."offset" <= s.high AND e.type <> 'private'
			ORDER BY e."offset" ` + order + ` LIMIT $3::bigint) e)
		UNION ALL` + private(`e.user_id = $4 AND $4 <> ''`) + `
		UNION ALL` + private(`e.to_id = $4 AND e.to_id <> e.user_id AND $4 <> ''`) + `
	) e ORDER BY "offset" ` + order + ` LIMIT $3::bigint) e ON true
WHERE g.name = chr(26)
ORDER BY e."offset" ` + order
}

const (
	retain4 = `
WITH lock AS MATERIALIZED (
	SELECT pg_try_advisory_xact_lock(hashtextextended($1, 2)) AS got
), seen AS (
	SELECT r.id, r.first, r.last FROM lock, {schema}.room r WHERE lock.got AND r.id > $2 ORDER BY r.id LIMIT $3
), want AS (
	SELECT id, greatest(first, last + 1 - $4::bigint, CASE WHEN $5::interval IS NOT NULL THEN
		coalesce((SELECT e."offset" FROM {schema}.event e
			WHERE e.room = id AND e."offset" >= first AND e."offset" < first + $6 AND e.at >= clock_timestamp() - $5::interval
			ORDER BY e."offset" LIMIT 1), least(first + $6, last + 1)) END) AS first
	FROM seen WHERE first <= last
), moved AS (
	UPDATE {schema}.room r SET first = want.first FROM want WHERE r.id = want.id AND r.first < want.first RETURNING 1
)
SELECT coalesce(max(id), 0), count(*), (SELECT count(*) FROM moved), 0::bigint FROM seen`
	clean4 = `
WITH cut AS (
	SELECT r.id, o."offset" FROM {schema}.room r
	CROSS JOIN LATERAL (SELECT e."offset" FROM {schema}.event e
		WHERE e.room = r.id AND e."offset" >= r.stored AND e."offset" < r.first AND e.at < clock_timestamp() - $3::interval
		ORDER BY e."offset" LIMIT $4) o
	WHERE r.id > $1 AND r.id <= $2 AND r.stored < r.first
	LIMIT $4
), gone AS (
	DELETE FROM {schema}.event e USING cut WHERE e.room = cut.id AND e."offset" = cut."offset"
), moved AS (
	UPDATE {schema}.room r SET stored = c.next
	FROM (SELECT id, max("offset") + 1 AS next FROM cut GROUP BY id) c WHERE r.id = c.id
)
SELECT count(*) FROM cut`
)
