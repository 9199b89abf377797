package pglog

const (
	// The times of a room's events grow with their offsets, so the events that are too old are
	// the first ones. NULL means no limit. If something was amended in a room, not every entry
	// is a message. Then trim_room counts (migrations/0005.sql).
	//
	// A statement for many rooms leaves out rooms that are locked, for the next one. It would hold
	// the locks of other rooms while it waits, for example for a transaction of the application.
	retaining = `
WITH lock AS MATERIALIZED (
	SELECT pg_try_advisory_xact_lock(hashtextextended($1, 2)) AS got
), seen AS (
	SELECT r.id, r.first, r.last, r.others, r.recent, r.counted FROM lock, {schema}.room r
	WHERE lock.got AND r.id > $2 ORDER BY r.id LIMIT $3
), want AS (
	SELECT id, greatest(first, last + 1 - $4::bigint, CASE WHEN $5::interval IS NOT NULL THEN
		coalesce((SELECT e."offset" FROM {schema}.event e
			WHERE e.room = id AND e."offset" >= first AND e."offset" < first + $6 AND e.at >= clock_timestamp() - $5::interval
			ORDER BY e."offset" LIMIT 1), least(first + $6, last + 1)) END) AS first
	FROM seen WHERE first <= last AND others IS NULL
), free AS MATERIALIZED (
	SELECT r.id, want.first FROM want JOIN {schema}.room r ON r.id = want.id AND r.first < want.first
	FOR NO KEY UPDATE OF r SKIP LOCKED
), moved AS (
	UPDATE {schema}.room r SET first = free.first FROM free
	WHERE r.id = free.id AND r.first < free.first AND r.others IS NULL RETURNING 1
), due AS MATERIALIZED (
	SELECT r.id FROM seen s JOIN {schema}.room r ON r.id = s.id
	WHERE s.others IS NOT NULL AND (s.counted <> s.first OR s.recent > greatest($4::bigint, 256) OR s.last + 1 - s.first - s.others > $4::bigint
		OR EXISTS (SELECT FROM (SELECT e.at FROM {schema}.event e
			WHERE e.room = s.id AND e."offset" >= s.first ORDER BY e."offset" LIMIT 1) e WHERE e.at < clock_timestamp() - $5::interval))
	FOR NO KEY UPDATE OF r SKIP LOCKED
), trimmed AS MATERIALIZED (
	SELECT {schema}.trim_room(id, $4::bigint, $5::interval, $6) AS more FROM due
)
SELECT coalesce(max(id), 0), count(*), (SELECT count(*) FROM moved), (SELECT count(*) FROM trimmed WHERE more) FROM seen`

	// Rows are deleted when their ids need not be known.
	cleaning = `
WITH cut AS (
	SELECT r.id, o."offset" FROM {schema}.room r
	CROSS JOIN LATERAL (SELECT e."offset" FROM {schema}.event e
		WHERE e.room = r.id AND e."offset" >= r.stored AND e."offset" < r.first AND e.at < clock_timestamp() - $3::interval
		ORDER BY e."offset" LIMIT $4) o
	WHERE r.id > $1 AND r.id <= $2 AND r.stored < r.first
	LIMIT $4
	FOR NO KEY UPDATE OF r SKIP LOCKED
), gone AS (
	DELETE FROM {schema}.event e USING cut WHERE e.room = cut.id AND e."offset" = cut."offset"
), ends AS (
	SELECT id, max("offset") + 1 AS next FROM cut GROUP BY id
), given AS (
	DELETE FROM {schema}.reaction x USING ends WHERE x.room = ends.id AND x.target < ends.next
), amendments AS (
	DELETE FROM {schema}.amendment x USING ends WHERE x.room = ends.id AND x.target < ends.next
), ranges AS (
	DELETE FROM {schema}.hidden x USING ends WHERE x.room = ends.id AND x.first < ends.next AND x.last < ends.next
), moved AS (
	UPDATE {schema}.room r SET stored = c.next FROM ends c WHERE r.id = c.id
)
SELECT count(*) FROM cut`

	// No reader gets amending entries, or places of deleted messages, from below first_entry. So
	// their rows may be deleted while messages before and after them stay.
	sweeping = `
WITH cut AS (
	SELECT r.id, o.* FROM {schema}.room r
	CROSS JOIN LATERAL (SELECT e."offset", e.type, CASE e.type WHEN 'delete' THEN e."offset" ELSE e.target END AS target FROM {schema}.event e
		WHERE e.room = r.id AND e."offset" >= greatest(r.swept, r.stored) AND e."offset" < r.first_entry AND e.at < clock_timestamp() - $3::interval
		ORDER BY e."offset" LIMIT $4) o
	WHERE r.id > $1 AND r.id <= $2 AND greatest(r.swept, r.stored) < r.first_entry
	LIMIT $4
	FOR NO KEY UPDATE OF r SKIP LOCKED
), gone AS (
	DELETE FROM {schema}.event e USING cut
	WHERE e.room = cut.id AND e."offset" = cut."offset" AND cut.type NOT IN ('message', 'private')
		AND e.type NOT IN ('message', 'private')
), amendments AS (
	DELETE FROM {schema}.amendment x USING cut
	WHERE x.room = cut.id AND x.target = cut.target AND x."offset" = cut."offset"
), moved AS (
	UPDATE {schema}.room r SET swept = c.next
	FROM (SELECT id, max("offset") + 1 AS next FROM cut GROUP BY id) c WHERE r.id = c.id
)
SELECT count(*) FROM cut`
)
