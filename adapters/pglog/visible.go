package pglog

// A room's public events lie in stretches between runs of private ones. These say where
// the stretches are, from where a page begins: the offsets low to high have public events,
// n of them up to here and at most the limit counted, and next is where the search goes
// on. What one costs does not hang on how long a run is: its first and last event are
// looked up by prev_public (migrations/0003.sql). Each stretch but the first has a public
// event, unless somebody has deleted it, so there are no more of them than the limit, and
// two.
//
// That no private event is in a stretch does not follow: one without a prev_public is in
// no run. It is left out all the same, and costs the look at it.
const (
	stretchesBackward = `
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
	stretchesForward = `
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

// visible is forward or backward for what the user $4 may see. It merges the public
// events and what two indexes have in order (migrations/0002.sql), each to the limit.
func visible(stretches, first, last, order string) string {
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

// Rows of before version 3 of the schema get their prev_public room by room: unfilled
// finds the next room that has any, and fillLot takes a lot of its rows, which say where the
// private ones among them begin. What is hidden already will be deleted.
const (
	unfilled = `
SELECT r.id, r.first FROM {schema}.room r
CROSS JOIN LATERAL (
	SELECT FROM {schema}.event e
	WHERE e.room = r.id AND e.type = 'private' AND e.prev_public IS NULL
	ORDER BY e.user_id, e."offset" + 0 LIMIT 1) e
WHERE r.id > $1 ORDER BY r.id LIMIT 1`
	fillLot = `
WITH lot AS (
	SELECT e."offset", e.type, max(e."offset") FILTER (WHERE e.type <> 'private')
		OVER (ORDER BY e."offset" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS prev_public
	FROM (SELECT "offset", type FROM {schema}.event e
		WHERE e.room = $1 AND e."offset" >= $2 ORDER BY e."offset" LIMIT $3) e
), before AS (
	SELECT CASE WHEN e.type = 'private' THEN coalesce(e.prev_public, e."offset") ELSE e."offset" END AS prev_public
	FROM {schema}.event e WHERE e.room = $1 AND e."offset" < $2 ORDER BY e."offset" DESC LIMIT 1
), filled AS (
	UPDATE {schema}.event e
	SET prev_public = coalesce(lot.prev_public, (SELECT prev_public FROM before), 0)
	FROM lot WHERE e.room = $1 AND e."offset" = lot."offset" AND lot.type = 'private' AND e.prev_public IS NULL
)
SELECT max("offset") FROM lot`
)
