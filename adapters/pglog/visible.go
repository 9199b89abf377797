package pglog

import "strings"

// A room's public messages lie in stretches between hidden events: private messages, entries
// that amend a message, and the places of deleted ones. A page begins with a window of 25 times
// the limit. In the window, rows are read one by one, because that costs less than jumping over
// a few. These expressions find the stretches behind the window. For each stretch they return
// its first and last offset (low and high), the number of wanted messages found so far, counted
// up to the limit in each (n), and where the search continues (next).
//
// The cost does not depend on how much is hidden. An event that was hidden from the start has
// prev_public (migrations/0003.sql), which leads to the first and last event of a run. A deleted
// public message is in a range of the table hidden (migrations/0005.sql), with all hidden events
// around it at that time. So at most three steps lead from one public message to the next,
// unless somebody has deleted rows.
//
// With the condition prev_public = x, some plans look for the last row in the primary key. The
// greatest prev_public up to x is the same if a row has x, and avoids such plans.
//
// A stretch may contain private messages: those without a prev_public belong to no run. They are
// read and then left out.
const (
	stretchesBackward = `
		SELECT 1::bigint AS low, 0::bigint AS high, greatest(least({bound}, r.last + 1) - {window}, {first}) - 1 AS next, ({window n}) AS n
		UNION ALL
		SELECT b.low, s.next, b.next, s.n + public.n
		FROM stretch s
		LEFT JOIN LATERAL (
			SELECT i.first, i.last FROM (
				(SELECT e.prev_public + 1 AS first, e."offset" AS last FROM {schema}.event e
				WHERE e.room = r.id AND e.prev_public < s.next
				ORDER BY e.prev_public DESC, e."offset" DESC LIMIT 1)
				UNION ALL
				(SELECT h.first, h.last FROM {schema}.hidden h
				WHERE h.room = r.id AND h.first <= s.next
				ORDER BY h.first DESC LIMIT 1)) i
			ORDER BY least(i.last, s.next) DESC, i.first LIMIT 1) run ON true
		CROSS JOIN LATERAL (
			SELECT greatest(run.last + 1, {first}) AS low, coalesce(run.first, 1) - 1 AS next OFFSET 0) b
		CROSS JOIN LATERAL (
			SELECT count(*) AS n FROM (
				SELECT FROM {schema}.event e
				WHERE e.room = r.id AND e."offset" >= b.low AND e."offset" <= s.next AND e.type = 'message' AND {wanted}
				LIMIT {limit}) e) public
		WHERE s.n < {limit} AND s.next >= {first}`
	stretchesForward = `
		SELECT 1::bigint AS low, 0::bigint AS high, greatest(w.next, 1 + (
			SELECT e."offset" FROM {schema}.event e
			WHERE e.room = r.id AND e.prev_public < w.next
			ORDER BY e.prev_public DESC, e."offset" DESC LIMIT 1), 1 + (
			SELECT ` + hiddenTo + ` FROM {schema}.hidden h
			WHERE h.room = r.id AND h.first <= w.next
			ORDER BY h.first DESC LIMIT 1)) AS next, ({window n}) AS n
		FROM (SELECT least(greatest({bound}, {first}) + {window}, r.last + 1) AS next OFFSET 0) w
		UNION ALL
		SELECT s.next, b.high, b.next, s.n + public.n
		FROM stretch s
		LEFT JOIN LATERAL (
			SELECT i.first, i.last FROM (
				(SELECT f.first, (SELECT e."offset" FROM {schema}.event e
					WHERE e.room = r.id AND e.prev_public <= f.first - 1
					ORDER BY e.prev_public DESC, e."offset" DESC LIMIT 1) AS last
				FROM (SELECT e.prev_public + 1 AS first FROM {schema}.event e
					WHERE e.room = r.id AND e.prev_public >= s.next
					ORDER BY e.prev_public, e."offset" LIMIT 1) f)
				UNION ALL
				(SELECT h.first, ` + hiddenTo + ` FROM {schema}.hidden h
				WHERE h.room = r.id AND h.first >= s.next
				ORDER BY h.first LIMIT 1)) i
			ORDER BY i.first, i.last DESC LIMIT 1) run ON true
		CROSS JOIN LATERAL (
			SELECT least(run.first - 1, r.last) AS high, coalesce(run.last, r.last) + 1 AS next OFFSET 0) b
		CROSS JOIN LATERAL (
			SELECT count(*) AS n FROM (
				SELECT FROM {schema}.event e
				WHERE e.room = r.id AND e."offset" >= s.next AND e."offset" <= b.high AND e.type = 'message' AND {wanted}
				LIMIT {limit}) e) public
		WHERE s.n < {limit} AND s.next <= r.last`

	// The events in the window.
	windowBackward = `e."offset" < least({bound}, r.last + 1) AND e."offset" >= greatest(least({bound}, r.last + 1) - {window}, {first})`
	windowForward  = `e."offset" >= greatest({bound}, {first}) AND e."offset" < least(greatest({bound}, {first}) + {window}, r.last + 1)`

	// The range h does not grow when hidden entries are appended after it.
	hiddenTo = `coalesce((
				SELECT ends."offset" FROM {schema}.event l
				CROSS JOIN LATERAL (SELECT e."offset" FROM {schema}.event e
					WHERE e.room = l.room AND e.prev_public <= l.prev_public
					ORDER BY e.prev_public DESC, e."offset" DESC LIMIT 1) ends
				WHERE l.room = h.room AND l."offset" = h.last LIMIT 1), h.last)`
)

// A kind says which entries of a room a statement reads, and in which direction.
type kind struct{ visible, messages, forward bool }

// someStatements returns the statements for the events that the user $4 may see, for the
// messages, and for both.
func someStatements(in func(string) string) map[kind]string {
	m := map[kind]string{}
	for _, k := range []kind{{visible: true}, {messages: true}, {visible: true, messages: true}} {
		m[k] = in(k.sql())
		k.forward = true
		m[k] = in(k.sql())
	}
	return m
}

// sql returns the statement for k. It merges the public messages with events from indexes
// (migrations/0002.sql, 0005.sql and 0006.sql), each up to the limit.
func (k kind) sql() string {
	stretches, window, first, last, order := stretchesBackward, windowBackward, `>= {first}`, `< least({bound}, r.last + 1)`, "DESC"
	if k.forward {
		stretches, window, first, last, order = stretchesForward, windowForward, `>= greatest({bound}, {first})`, `<= r.last`, "ASC"
	}
	sql := `
SELECT coalesce(r.epoch, g.epoch), {database} || '/' || g.tableoid, coalesce({first}, 1), coalesce(r.last, 0), e.*
FROM {schema}.room g
LEFT JOIN {schema}.room r ON r.name = $1
LEFT JOIN LATERAL (
	SELECT * FROM (
		(WITH RECURSIVE near AS MATERIALIZED (
			SELECT {columns} FROM {schema}.event e
			WHERE e.room = r.id AND ` + window + ` AND e.type = 'message'
			ORDER BY e."offset" {order} LIMIT {limit}
		), stretch AS (` + stretches + `
		)
		SELECT * FROM near
		UNION ALL
		SELECT e.* FROM stretch s
		CROSS JOIN LATERAL (
			SELECT {columns} FROM {schema}.event e
			WHERE e.room = r.id AND e."offset" >= s.low AND e."offset" <= s.high AND e.type = 'message'
			ORDER BY e."offset" {order} LIMIT {limit}) e)`
	private, amendments := k.others()
	for _, which := range private {
		part := `
		UNION ALL
		(SELECT {columns} FROM {schema}.event e
		WHERE e.room = r.id AND e."offset" + 0 ` + first + ` AND e."offset" + 0 ` + last + ` AND e.type = 'private'` + which + `
		ORDER BY e."offset" + 0 {order} LIMIT {limit})`
		if !k.visible {
			part = strings.ReplaceAll(part, `"offset" + 0`, `"offset" - 0`)
		}
		sql += part
	}
	for _, which := range amendments {
		sql += `
		UNION ALL
		(SELECT e.* FROM (
			SELECT a."offset" FROM {schema}.amendment a
			WHERE a.room = r.id AND a."offset" ` + first + ` AND a."offset" ` + last + ` AND a.target >= r.first AND ` + which + `
			ORDER BY a."offset" {order} LIMIT {limit}) a
		CROSS JOIN LATERAL (
			SELECT {columns} FROM {schema}.event e WHERE e.room = r.id AND e."offset" = a."offset" LIMIT 1) e)`
	}
	sql += `
	) e ORDER BY "offset" {order} LIMIT {limit}) e ON true
WHERE g.name = chr(26)
ORDER BY e."offset" {order}`
	from, columns := `{entries}`, `{event}`
	if k.messages {
		from, columns = `r.first`, messageColumns
	}
	return strings.NewReplacer(
		"{bound}", "$2::bigint", "{limit}", "$3::bigint", "{wanted}", "true", "{window}", "25 * $3::bigint", "{window n}", "SELECT count(*) FROM near",
		"{order}", order, "{first}", from, "{columns}", columns,
	).Replace(sql)
}

// firstEntry is the smallest offset from which on the room r holds every entry.
const firstEntry = `greatest(r.first, r.first_entry)`

// others returns the conditions for the other events of k: private messages and entries that
// amend. Each has an index.
func (k kind) others() (private, amendments []string) {
	if !k.visible {
		return []string{``}, nil
	}
	private = []string{
		` AND e.user_id = $4 AND $4 <> ''`,
		` AND e.to_id = $4 AND e.to_id <> e.user_id AND $4 <> ''`,
	}
	if k.messages {
		return private, nil
	}
	return private, []string{
		`a.to_id = ''`,
		`a.to_id <> '' AND a.user_id = $4 AND $4 <> ''`,
		`a.to_id = $4 AND a.to_id <> a.user_id AND $4 <> ''`,
	}
}

// Rows from before version 3 of the schema get their prev_public room by room. unfilled finds
// the next room with such rows. fillLot fills some of its rows. Hidden rows are not filled,
// because they will be deleted.
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
