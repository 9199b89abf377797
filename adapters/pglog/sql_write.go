package pglog

// lockTimeout has the database wait for a lock for at most the time in the first parameter, in
// this statement only. Its value is the array in the second parameter, so it takes effect before
// the statement locks the rooms that the array names.
const lockTimeout = `(SELECT CASE WHEN set_config('lock_timeout', $1::text, true) <> '' THEN $2::text[] END)`

// appending returns the statement that appends to one room or to several. columns and params add
// more columns of the events, and their parameters.
//
// $2 are the names of the rooms, in order. The statement locks the rooms one after the other in
// this order, so two such statements never wait for each other. A room without a row is left out.
//
// An event that was already stored is read in a second statement. One statement with the columns
// for it would make each append a tenth slower.
//
// "had" does not see an event that another transaction commits concurrently. Then the unique
// index refuses the whole statement, and the next try finds the event.
func appending(columns, params string) string {
	return `
WITH target AS MATERIALIZED (
	SELECT u.k, u.seen_epoch, u.seen_origin, u.seen_offset, u.seen_at, u.new_epoch, r.*
	FROM unnest(` + lockTimeout + `, {$3}, {$4}, (SELECT $5::bigint[]), (SELECT $6::timestamptz[]), {$7})
		WITH ORDINALITY AS u (name, seen_epoch, seen_origin, seen_offset, seen_at, new_epoch, k)
	CROSS JOIN LATERAL (
		SELECT r.id, r.epoch, r.tableoid AS oid, r.last, r.last_at FROM {schema}.room r
		WHERE r.name = u.name LIMIT 1 FOR NO KEY UPDATE) r
), input AS (
	SELECT * FROM unnest((SELECT $8::bigint[]), {$9}, {$10}, {$11}, {$12}, {$13}, {$14}, {$15}` + params + `)
		WITH ORDINALITY AS t (k, type, user_id, username, to_id, to_username, message, client_id` + columns + `, n)
), had AS (
	SELECT i.n, t.epoch, t.oid, e.*
	FROM input i
	JOIN target t ON t.k = i.k
	CROSS JOIN LATERAL (
		SELECT e."offset", e.at FROM {schema}.event e
		WHERE e.room = t.id AND e.user_id = i.user_id AND e.client_id = i.client_id AND e.client_id <> ''
		LIMIT 1) e
	WHERE i.client_id <> ''
), fresh AS (
	SELECT i.*, row_number() OVER (PARTITION BY i.k ORDER BY i.n) AS place
	FROM input i WHERE NOT EXISTS (SELECT FROM had WHERE had.n = i.n)
), room AS (
	UPDATE {schema}.room r
	SET epoch = CASE WHEN ` + lost("t.seen_epoch", "t.seen_origin", "t.seen_offset", "t.seen_at") + ` THEN t.new_epoch ELSE r.epoch END,
		last = t.last + c.n, last_at = greatest(t.last_at, date_trunc('milliseconds', clock_timestamp()))
	FROM target t JOIN (SELECT k, count(*) AS n FROM fresh GROUP BY k) c ON c.k = t.k
	WHERE r.id = t.id
	RETURNING t.k, r.id, r.epoch, t.oid, t.last AS base, r.last_at
), stored AS (
	INSERT INTO {schema}.event (room, "offset", at, type, user_id, username, to_id, to_username, message, client_id` + columns + `)
	SELECT room.id, room.base + place, room.last_at, type, user_id, username, to_id, to_username, message, client_id` + columns + `
	FROM room JOIN fresh ON fresh.k = room.k
	ORDER BY fresh.n
)
SELECT n, epoch, {database} || '/' || oid, false, base + place, last_at FROM room JOIN fresh ON fresh.k = room.k
UNION ALL
SELECT n, epoch, {database} || '/' || oid, true, "offset", at FROM had`
}

// amending amends messages in the order of the arrays, which is the order of the rooms' names. A
// repeated entry is read in a second statement.
const amending = `
SELECT i.n, a.result, a.now_epoch, a.origin, a.at_offset, a.at_time, a.other
FROM unnest(` + lockTimeout + `, {$3}, {$4}, (SELECT $5::bigint[]), (SELECT $6::timestamptz[]), {$7},
	{$8}, {$9}, {$10}, {$11}, {$12}, {$13}, (SELECT $14::bigint[]), {$15}, {$16}, {$17}, (SELECT $18::boolean[]), (SELECT $19::boolean[]))
	WITH ORDINALITY AS i (room, seen_epoch, seen_origin, seen_offset, seen_at, new_epoch,
		type, user_id, username, message, data, client_id, target, mark, mark_user, reaction, removed, moderator, n)
CROSS JOIN LATERAL {schema}.amend(i.room, i.type, i.user_id, i.username, i.message, i.data, i.client_id,
	i.target, i.mark, i.mark_user, i.reaction, i.removed, i.moderator,
	i.seen_epoch, i.seen_origin, i.seen_offset, i.seen_at, i.new_epoch, {database}) a`
