package pglog

import (
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// statements are the SQL texts that the Log executes, with the schema's name filled in.
// They never change after newStatements. The struct has many fields because it has one per
// statement.
type statements struct {
	append, newRoom, generation                     string
	lookup, compareSeen                             string
	forward, backward                               string
	visibleForward                                  string
	visibleBackward                                 string
	positions, renew, renewNew                      string
	fetch                                           string
	beat, addServer, overdue, removeDead            string
	addBeatRow, lockBeatRow, extendLeases, noteBeat string
	enter, leave, members, count                    string
	present, rooms, versions                        string
	retain, clean                                   string
	prepare, version, stamp                         string
	unfilled, fill                                  string
}

// eventColumns are the columns of a row, in the order of row.columns.
const eventColumns = `e."offset", e.at, e.type, e.user_id, e.username, e.to_id, e.to_username, e.message, e.client_id`

var arrays = regexp.MustCompile(`\{(\$\d)\}`)

// newStatements returns the statements. PostgreSQL may make a plan while the tables are
// empty, and keep it when they are full. LATERAL with LIMIT makes it use the right index
// with any statistics of the tables.
//
// {$1} is the array $1 with its length hidden from the planner. If the planner knew the
// length, a plan for one room or event would seem cheaper than the general one. It would
// then make a new plan for each execution, which takes longer than all the rest.
//
// database is an expression that names the database (see databaseName).
func newStatements(schema, database string) *statements {
	in := func(sql string) string {
		sql = strings.ReplaceAll(sql, "{event}", eventColumns)
		sql = strings.ReplaceAll(sql, "{database}", database)
		sql = arrays.ReplaceAllString(sql, "(SELECT ${1}::text[])")
		return strings.ReplaceAll(sql, "{schema}", pgx.Identifier{schema}.Sanitize())
	}
	return &statements{
		// "had" does not see an event that another transaction commits concurrently.
		// Then the unique index refuses the whole statement, and the next try finds
		// the event.
		append: in(`
WITH input AS (
	SELECT * FROM unnest({$2}, {$3}, {$4}, {$5}, {$6}, {$7}, {$8})
		WITH ORDINALITY AS t (type, user_id, username, to_id, to_username, message, client_id, n)
), had AS (
	SELECT i.n, r.epoch, {database} || '/' || r.tableoid AS origin, e.*
	FROM {schema}.room r
	CROSS JOIN input i
	CROSS JOIN LATERAL (
		SELECT {event} FROM {schema}.event e
		WHERE e.room = r.id AND e.user_id = i.user_id AND e.client_id = i.client_id AND e.client_id <> ''
		LIMIT 1) e
	WHERE r.name = $1
), fresh AS (
	SELECT i.*, row_number() OVER (ORDER BY i.n) AS k
	FROM input i WHERE NOT EXISTS (SELECT FROM had WHERE had.n = i.n)
), room AS (
	UPDATE {schema}.room r
	SET epoch = CASE WHEN ` + lostAt(9) + ` THEN $13 ELSE r.epoch END,
		last = r.last + c.n, last_at = greatest(r.last_at, date_trunc('milliseconds', clock_timestamp()))
	FROM (SELECT count(*) AS n FROM fresh) c
	WHERE r.name = $1 AND c.n > 0
	RETURNING r.id, r.epoch, {database} || '/' || r.tableoid AS origin, r.last - c.n AS base, r.last_at
), stored AS (
	INSERT INTO {schema}.event (room, "offset", at, type, user_id, username, to_id, to_username, message, client_id)
	SELECT room.id, room.base + k, room.last_at, type, user_id, username, to_id, to_username, message, client_id
	FROM room, fresh
)
SELECT n, epoch, origin, false, base + k, last_at, '', '', '', '', '', '', '' FROM room, fresh
UNION ALL
SELECT n, epoch, origin, true, "offset", at, type, user_id, username, to_id, to_username, message, client_id FROM had`),
		compareSeen: in(`
SELECT coalesce(` + lostAt(2) + `, false), r.epoch, {database} || '/' || r.tableoid FROM {schema}.room r WHERE r.name = $1`),
		lookup: in(`
SELECT r.epoch, {database} || '/' || r.tableoid, e.*
FROM {schema}.room r
CROSS JOIN LATERAL (
	SELECT {event} FROM {schema}.event e
	WHERE e.room = r.id AND e.user_id = $2 AND e.client_id = $3 AND e.client_id <> ''
	LIMIT 1) e
WHERE r.name = $1`),
		newRoom: in(`
INSERT INTO {schema}.room (name, epoch) SELECT $1, g.epoch FROM {schema}.room g WHERE g.name = chr(26)
ON CONFLICT DO NOTHING`),
		generation: in(`
INSERT INTO {schema}.room (name, epoch) VALUES (chr(26), $1) ON CONFLICT DO NOTHING`),
		forward: in(`
SELECT coalesce(r.epoch, g.epoch), {database} || '/' || g.tableoid, coalesce(r.first, 1), coalesce(r.last, 0), e.*
FROM {schema}.room g
LEFT JOIN {schema}.room r ON r.name = $1
LEFT JOIN LATERAL (
	SELECT {event} FROM {schema}.event e
	WHERE e.room = r.id AND e."offset" <= r.last
		AND e."offset" >= greatest($2::bigint, r.first) AND e."offset" < greatest($2::bigint, r.first) + $3::bigint
	ORDER BY e."offset" LIMIT $3::bigint) e ON true
WHERE g.name = chr(26)
ORDER BY e."offset"`),
		backward: in(`
SELECT coalesce(r.epoch, g.epoch), {database} || '/' || g.tableoid, coalesce(r.first, 1), coalesce(r.last, 0), e.*
FROM {schema}.room g
LEFT JOIN {schema}.room r ON r.name = $1
LEFT JOIN LATERAL (
	SELECT {event} FROM {schema}.event e
	WHERE e.room = r.id AND e."offset" >= r.first
		AND e."offset" < least($2::bigint, r.last + 1) AND e."offset" >= least($2::bigint, r.last + 1) - $3::bigint
	ORDER BY e."offset" DESC LIMIT $3::bigint) e ON true
WHERE g.name = chr(26)
ORDER BY e."offset"`),
		visibleForward:  in(visible(stretchesForward, `>= greatest($2::bigint, r.first)`, `<= r.last`, "ASC")),
		visibleBackward: in(visible(stretchesBackward, `>= r.first`, `< least($2::bigint, r.last + 1)`, "DESC")),
		positions: in(`
SELECT coalesce(r.epoch, g.epoch), {database} || '/' || g.tableoid, coalesce(r.last, 0)
FROM {schema}.room g
CROSS JOIN unnest({$1}) WITH ORDINALITY AS u (name, n)
LEFT JOIN LATERAL (SELECT epoch, last FROM {schema}.room r WHERE r.name = u.name LIMIT 1) r ON true
WHERE g.name = chr(26)
ORDER BY u.n`),
		renew: in(`
UPDATE {schema}.room SET epoch = $3 WHERE name = $1 AND epoch = $2`),
		renewNew: in(`
INSERT INTO {schema}.room (name, epoch) SELECT $1, $3 FROM {schema}.room g WHERE g.name = chr(26) AND g.epoch = $2
ON CONFLICT DO NOTHING`),
		fetch: in(`
SELECT u.n, r.epoch, {database} || '/' || r.tableoid, e.*
FROM unnest({$1}, (SELECT $2::bigint[]), (SELECT $3::bigint[])) WITH ORDINALITY AS u (name, first, last, n)
CROSS JOIN LATERAL (SELECT id, epoch, tableoid FROM {schema}.room r WHERE r.name = u.name LIMIT 1) r
CROSS JOIN LATERAL (
	SELECT {event} FROM {schema}.event e
	WHERE e.room = r.id AND e."offset" BETWEEN u.first AND u.last
	ORDER BY e."offset" LIMIT $4) e
ORDER BY u.n, e."offset"`),
		// The result says whether this statement has created the row. There is no
		// result if the server was removed.
		beat: in(`
INSERT INTO {schema}.server AS s (id, ttl, deadline) VALUES ($1, $2, clock_timestamp() + $2)
ON CONFLICT (id) DO UPDATE SET ttl = $2, deadline = clock_timestamp() + $2 WHERE s.removed_at IS NULL
RETURNING xmax = 0`),
		addServer: in(`
INSERT INTO {schema}.server (id, ttl, deadline) VALUES ($1, $2, clock_timestamp() + $2)
ON CONFLICT DO NOTHING`),
		// One row belongs to no server, and counts as removed. It has the time of the
		// last beat of any server, and its lock puts beats in an order. No lease runs
		// while no server could beat: servers beat three times per ttl, so while one
		// lives, the time between two beats is below half of ttl. A longer gap extends
		// all leases, at most to ttl from now. If the clock was set back, all leases
		// move with it.
		addBeatRow: in(`
INSERT INTO {schema}.server (id, ttl, deadline, removed_at) VALUES (chr(26), '0', clock_timestamp(), 'infinity')
ON CONFLICT DO NOTHING`),
		lockBeatRow: in(`
SELECT FROM {schema}.server WHERE id = chr(26) FOR UPDATE`),
		extendLeases: in(`
UPDATE {schema}.server s
SET deadline = CASE WHEN b.gap < '0' THEN s.deadline + b.gap
	ELSE greatest(s.deadline, least(s.deadline + b.gap, clock_timestamp() + $1::interval)) END
FROM (SELECT clock_timestamp() - deadline AS gap FROM {schema}.server WHERE id = chr(26)) b
WHERE s.removed_at IS NULL AND (b.gap < '0' OR b.gap > $1::interval / 2)`),
		noteBeat: in(`
UPDATE {schema}.server SET deadline = clock_timestamp() WHERE id = chr(26)`),
		// While the database was down, no server could extend its lease.
		overdue: in(`
SELECT EXISTS (SELECT FROM {schema}.server
	WHERE removed_at IS NULL AND greatest(deadline, pg_postmaster_start_time() + ttl) < clock_timestamp())`),
		removeDead: in(`
WITH dead AS (
	UPDATE {schema}.server SET removed_at = clock_timestamp()
	WHERE removed_at IS NULL AND greatest(deadline, pg_postmaster_start_time() + ttl) < clock_timestamp()
	RETURNING id
), buried AS (
	DELETE FROM {schema}.server WHERE removed_at < clock_timestamp() - $1::interval
), gone AS (
	DELETE FROM {schema}.presence p USING dead WHERE p.server = dead.id
	RETURNING p.room, p.user_id, p.username, p.at
)
SELECT DISTINCT ON (g.room, g.user_id) g.room, g.user_id, g.username
FROM gone g
WHERE NOT EXISTS (SELECT FROM {schema}.presence p
	WHERE p.room = g.room AND p.user_id = g.user_id AND p.server NOT IN (SELECT id FROM dead))
ORDER BY g.room, g.user_id, g.at DESC`),
		enter: in(`
WITH known AS (
	SELECT EXISTS (SELECT FROM {schema}.presence WHERE room = $2 AND user_id = $3) AS yes
), stored AS (
	INSERT INTO {schema}.presence (server, room, user_id, username, connections, at)
	SELECT s.id, $2, $3, $4, $5, clock_timestamp() FROM {schema}.server s WHERE s.id = $1 AND s.removed_at IS NULL
	ON CONFLICT (room, user_id, server) DO UPDATE
	SET username = excluded.username, connections = excluded.connections, at = excluded.at
)
SELECT NOT yes AND EXISTS (SELECT FROM {schema}.server WHERE id = $1 AND removed_at IS NULL) FROM known`),
		leave: in(`
WITH was AS (
	DELETE FROM {schema}.presence WHERE server = $1 AND room = $2 AND user_id = $3 RETURNING 1
)
SELECT EXISTS (SELECT FROM was)
	AND NOT EXISTS (SELECT FROM {schema}.presence WHERE room = $2 AND user_id = $3 AND server <> $1)`),
		members: in(`
SELECT user_id, (array_agg(username ORDER BY at DESC))[1], sum(connections)
FROM {schema}.presence WHERE room = $1 GROUP BY user_id ORDER BY user_id LIMIT $2`),
		count: in(`
SELECT count(*) FROM (SELECT FROM {schema}.presence WHERE room = $1 GROUP BY user_id) u`),
		present: in(`
SELECT user_id, (array_agg(username ORDER BY at DESC))[1], sum(connections)
FROM {schema}.presence WHERE room = $1 AND user_id = $2 GROUP BY user_id`),
		rooms: in(`
SELECT room, count(DISTINCT user_id) FROM {schema}.presence GROUP BY room`),
		// 0 is for a room without users. Any difference changes the sum.
		versions: in(`
SELECT coalesce((SELECT nullif(bit_xor(hashtextextended(
		concat_ws(chr(26), p.user_id, p.server, p.username, p.connections::text, extract(epoch FROM p.at)::text), 0)), 0)
	FROM {schema}.presence p WHERE p.room = u.name), 0)
FROM unnest({$1}) WITH ORDINALITY AS u (name, n)
ORDER BY u.n`),
		// The times of a room's events rise with their offsets, so the events that are
		// too old are the first ones. NULL means no limit.
		retain: in(`
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
SELECT coalesce(max(id), 0), count(*), (SELECT count(*) FROM moved) FROM seen`),
		clean: in(`
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
SELECT count(*) FROM cut`),
		prepare:  in(`CREATE TABLE IF NOT EXISTS {schema}.version (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`),
		version:  in(`SELECT coalesce(max(version), 0) FROM {schema}.version`),
		stamp:    in(`INSERT INTO {schema}.version (version) VALUES ($1)`),
		unfilled: in(unfilled),
		fill:     in(fillLot),
	}
}
