package pglog

// A room's public events lie in stretches between runs of private events. These
// expressions find the stretches, from the beginning of the page on. Of each stretch they
// return: low and high, its first and last offset; n, how many public events were found so
// far, counted up to the limit; and next, where the search continues. The cost does not
// depend on the length of a run: prev_public (migrations/0003.sql) leads to its first and
// last event. Each stretch except the first has a public event, unless somebody has
// deleted it. So there are at most two stretches more than the limit.
//
// A stretch may contain private events: those without a prev_public belong to no run. They
// are read, and then left out.
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

// visible returns the statement forward or backward for the events that the user $4 may
// see. It merges the public events with the events from two indexes (migrations/0002.sql),
// each up to the limit.
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

// Rows from before version 3 of the schema get their prev_public room by room: unfilled
// finds the next room with such rows, and fillLot fills a number of its rows. Hidden rows
// are not filled, because they will be deleted.
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
