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
	append, appendMore, newRooms, generation        string
	amend, lookup, compareSeen                      string
	forward, backward                               string
	some                                            map[kind]string
	positions, renew, renewNew                      string
	fetch                                           string
	beat, addServer, overdue, removeDead            string
	addBeatRow, lockBeatRow, extendLeases, noteBeat string
	enter, leave, members, count                    string
	present, rooms, versions                        string
	retain, clean, sweep                            string
	mark, marked, unread                            string
	take, taken, forgetTurns                        string
	prepare, version, stamp                         string
	unfilled, fill                                  string
	consume                                         consumeStatements
}

// eventColumns are the columns of the event e in the room r, in the order of row.columns. An
// entry that amends a message is hidden when its message is.
const eventColumns = `e."offset", e.at, CASE WHEN e.target < r.first AND e.type <> 'delete' THEN 'erased' ELSE e.type END AS type,
	e.user_id, e.username, e.to_id, e.to_username, e.client_id, e.reply_to, e.target, e.reaction, e.removed,
	coalesce(e.new_message, e.message) AS message, e.data`

// messageColumns are the columns of the message e with its current state, in the order of
// row.messageColumns.
const messageColumns = `e."offset", e.at, e.type, e.user_id, e.username, e.to_id, e.to_username, e.client_id, e.reply_to, e.message, e.data,
	e.edited_at, e.amended, e.reactions`

var arrays = regexp.MustCompile(`\{(\$\d+)\}`)

// filler returns a function that fills in the names and the common parts of a statement.
// database is an expression that names the database (see databaseName).
//
// {$1} is the array $1 with its length hidden from the planner. If the planner knew the
// length, a plan for one room or event would seem cheaper than the general one. It would
// then make a new plan for each execution, which takes longer than all the rest.
func filler(schema, database string) func(sql string) string {
	return func(sql string) string {
		sql = strings.ReplaceAll(sql, "{event}", eventColumns)
		sql = strings.ReplaceAll(sql, "{entries}", firstEntry)
		sql = strings.ReplaceAll(sql, "{database}", database)
		sql = arrays.ReplaceAllString(sql, "(SELECT ${1}::text[])")
		return strings.ReplaceAll(sql, "{schema}", pgx.Identifier{schema}.Sanitize())
	}
}

// newStatements returns the statements. PostgreSQL may make a plan while the tables are
// empty, and keep it when they are full. LATERAL with LIMIT makes it use the right index
// with any statistics of the tables.
func newStatements(schema, database string) *statements {
	in := filler(schema, database)
	return &statements{
		append:     in(appending("", "")),
		appendMore: in(appending(", data, reply_to", ", {$16}, (SELECT $17::bigint[])")),
		amend:      in(amending),
		compareSeen: in(`
SELECT coalesce(` + lost("$2", "$3", "$4", "$5") + `, false), r.epoch, {database} || '/' || r.tableoid FROM {schema}.room r WHERE r.name = $1`),
		lookup: in(`
SELECT r.epoch, {database} || '/' || r.tableoid, e.*
FROM {schema}.room r
CROSS JOIN LATERAL (
	SELECT {event} FROM {schema}.event e
	WHERE e.room = r.id AND e.user_id = $2 AND e.client_id = $3 AND e.client_id <> ''
	LIMIT 1) e
WHERE r.name = $1`),
		newRooms: in(`
INSERT INTO {schema}.room (name, epoch)
SELECT u.name, g.epoch FROM unnest(` + lockTimeout + `) u (name) CROSS JOIN {schema}.room g WHERE g.name = chr(26)
ON CONFLICT DO NOTHING`),
		generation: in(`
INSERT INTO {schema}.room (name, epoch) VALUES (chr(26), $1) ON CONFLICT DO NOTHING`),
		forward: in(`
SELECT coalesce(r.epoch, g.epoch), {database} || '/' || g.tableoid, coalesce({entries}, 1), coalesce(r.last, 0), e.*
FROM {schema}.room g
LEFT JOIN {schema}.room r ON r.name = $1
LEFT JOIN LATERAL (
	SELECT {event} FROM {schema}.event e
	WHERE e.room = r.id AND e."offset" <= r.last
		AND e."offset" >= greatest($2::bigint, {entries}) AND e."offset" < greatest($2::bigint, {entries}) + $3::bigint
	ORDER BY e."offset" LIMIT $3::bigint) e ON true
WHERE g.name = chr(26)
ORDER BY e."offset"`),
		backward: in(`
SELECT coalesce(r.epoch, g.epoch), {database} || '/' || g.tableoid, coalesce({entries}, 1), coalesce(r.last, 0), e.*
FROM {schema}.room g
LEFT JOIN {schema}.room r ON r.name = $1
LEFT JOIN LATERAL (
	SELECT {event} FROM {schema}.event e
	WHERE e.room = r.id AND e."offset" >= {entries}
		AND e."offset" < least($2::bigint, r.last + 1) AND e."offset" >= least($2::bigint, r.last + 1) - $3::bigint
	ORDER BY e."offset" DESC LIMIT $3::bigint) e ON true
WHERE g.name = chr(26)
ORDER BY e."offset"`),
		some: someStatements(in),
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
CROSS JOIN LATERAL (SELECT id, epoch, first, tableoid FROM {schema}.room r WHERE r.name = u.name LIMIT 1) r
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
		// The sum is 0 for a room without users. Any difference changes the sum.
		versions: in(`
SELECT coalesce((SELECT nullif(bit_xor(hashtextextended(
		concat_ws(chr(26), p.user_id, p.server, p.username, p.connections::text, extract(epoch FROM p.at)::text), 0)), 0)
	FROM {schema}.presence p WHERE p.room = u.name), 0)
FROM unnest({$1}) WITH ORDINALITY AS u (name, n)
ORDER BY u.n`),
		retain: in(retaining), clean: in(cleaning), sweep: in(sweeping),
		mark: in(marking), marked: in(markedSQL), unread: in(unreading()),
		take: in(taking), taken: in(takenSQL), forgetTurns: in(forgettingTurns),
		prepare:  in(`CREATE TABLE IF NOT EXISTS {schema}.version (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`),
		version:  in(`SELECT coalesce(max(version), 0) FROM {schema}.version`),
		stamp:    in(`INSERT INTO {schema}.version (version) VALUES ($1)`),
		unfilled: in(unfilled),
		consume:  newConsumeStatements(in),
		fill:     in(fillLot),
	}
}
