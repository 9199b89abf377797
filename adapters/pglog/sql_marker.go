package pglog

import "strings"

// A marker is valid in the epoch that servers see. These expressions are for the room r.
const roomEpoch = `r.epoch || ' ' || {database} || '/' || r.tableoid`

const (
	// marking raises a marker. It returns the marker if it has raised it.
	marking = `
INSERT INTO {schema}.marker AS m (room, user_id, epoch, "offset")
SELECT r.id, $2, ` + roomEpoch + `, least($3::bigint, r.last) FROM {schema}.room r
WHERE r.name = $1 AND least($3::bigint, r.last) > 0
ON CONFLICT (room, user_id) DO UPDATE SET epoch = excluded.epoch, "offset" = excluded."offset"
WHERE m.epoch <> excluded.epoch OR m."offset" < excluded."offset"
RETURNING m."offset"`

	markedSQL = `
SELECT coalesce(max(m."offset"), 0) FROM {schema}.room r
JOIN {schema}.marker m ON m.room = r.id AND m.user_id = $2 AND m.epoch = ` + roomEpoch + `
WHERE r.name = $1`

	// taking takes a turn if it is free. A turn in the future is from before the clock was set
	// back.
	taking = `
INSERT INTO {schema}.turn AS t (room, user_id, turn, at, until)
VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp() + $4::interval)
ON CONFLICT (room, user_id) DO UPDATE SET turn = excluded.turn, at = excluded.at, until = excluded.until
WHERE (t.turn <> excluded.turn OR t.turn = '') AND (t.at <= excluded.at - $4::interval OR t.at > excluded.at + $4::interval)`

	takenSQL = `
SELECT t.turn = $3 AND $3 <> '', (extract(epoch FROM t.at + $4::interval - clock_timestamp()) * 1000000)::bigint
FROM {schema}.turn t WHERE t.room = $1 AND t.user_id = $2`

	// The result says whether there are more turns.
	forgettingTurns = `
WITH gone AS (DELETE FROM {schema}.turn WHERE until < clock_timestamp() RETURNING 1)
SELECT (SELECT count(*) FROM {schema}.turn) > (SELECT count(*) FROM gone)`
)

// unreading returns the statement that counts the events that the user $2 has not read in the
// rooms $1. It reads public messages of others from the stretches between hidden events, and
// private ones from their index. It reads up to $3 in each room.
func unreading() string {
	stretches := strings.NewReplacer(
		"{bound}", "m.read + 1", "{first}", "r.first", "{limit}", "$3::bigint", "{wanted}", "e.user_id <> $2", "{window}", "2 * $3::bigint",
		"{window n}", `SELECT count(*) FROM (
			SELECT FROM {schema}.event e
			WHERE e.room = r.id AND e."offset" >= greatest(m.read + 1, r.first)
				AND e."offset" < least(greatest(m.read + 1, r.first) + 2 * $3::bigint, r.last + 1)
				AND e.type = 'message' AND e.user_id <> $2
			ORDER BY e."offset" LIMIT $3::bigint) e`,
	).Replace(stretchesForward)
	return `
SELECT coalesce(m.read, 0), coalesce(r.last, 0), least(coalesce(public.n + private.n, 0), $3::bigint)
FROM unnest({$1}) WITH ORDINALITY AS u (name, n)
LEFT JOIN LATERAL (SELECT id, epoch, tableoid, first, last FROM {schema}.room r WHERE r.name = u.name LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT coalesce((SELECT m."offset" FROM {schema}.marker m
	WHERE m.room = r.id AND m.user_id = $2 AND m.epoch = ` + roomEpoch + ` LIMIT 1), 0) AS read) m ON r.id IS NOT NULL
LEFT JOIN LATERAL (
	WITH RECURSIVE stretch AS (` + stretches + `
	)
	SELECT max(n) AS n FROM stretch) public ON r.id IS NOT NULL
LEFT JOIN LATERAL (
	SELECT count(*) AS n FROM (
		SELECT FROM {schema}.event e
		WHERE e.room = r.id AND e."offset" + 0 >= greatest(m.read + 1, r.first) AND e."offset" + 0 <= r.last
			AND e.type = 'private' AND e.to_id = $2 AND e.to_id <> e.user_id AND $2 <> ''
		ORDER BY e."offset" + 0 LIMIT $3::bigint) e) private ON r.id IS NOT NULL
ORDER BY u.n`
}
