package pglog

// appending returns the statement that appends. columns and params add more columns of the
// events, and their parameters.
//
// An event that was already stored is read in a second statement. One statement with the columns
// for it would make each append a tenth slower.
//
// "had" does not see an event that another transaction commits concurrently. Then the unique
// index refuses the whole statement, and the next try finds the event.
func appending(columns, params string) string {
	return `
WITH input AS (
	SELECT * FROM unnest({$2}, {$3}, {$4}, {$5}, {$6}, {$7}, {$8}` + params + `)
		WITH ORDINALITY AS t (type, user_id, username, to_id, to_username, message, client_id` + columns + `, n)
), had AS (
	SELECT i.n, r.epoch, {database} || '/' || r.tableoid AS origin, e.*
	FROM {schema}.room r
	CROSS JOIN input i
	CROSS JOIN LATERAL (
		SELECT e."offset", e.at FROM {schema}.event e
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
	INSERT INTO {schema}.event (room, "offset", at, type, user_id, username, to_id, to_username, message, client_id` + columns + `)
	SELECT room.id, room.base + k, room.last_at, type, user_id, username, to_id, to_username, message, client_id` + columns + `
	FROM room, fresh
)
SELECT n, epoch, origin, false, base + k, last_at FROM room, fresh
UNION ALL
SELECT n, epoch, origin, true, "offset", at FROM had`
}

// amending amends messages in the order of the arrays. A repeated entry is read in a second
// statement.
const amending = `
SELECT i.n, a.result, a.now_epoch, a.origin, a.at_offset, a.at_time, a.other
FROM unnest({$2}, {$3}, {$4}, {$5}, {$6}, {$7}, (SELECT $8::bigint[]), {$9}, {$10}, {$11}, (SELECT $12::boolean[]), (SELECT $13::boolean[]))
	WITH ORDINALITY AS i (type, user_id, username, message, data, client_id, target, mark, mark_user, reaction, removed, moderator, n)
CROSS JOIN LATERAL {schema}.amend($1, i.type, i.user_id, i.username, i.message, i.data, i.client_id,
	i.target, i.mark, i.mark_user, i.reaction, i.removed, i.moderator, $14, $15, $16, $17, $18, {database}) a`
