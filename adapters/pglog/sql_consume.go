package pglog

// consumeStatements are those for consumers. $1 is the consumer's name, and $2, except in add and
// behind, the name of the room.
type consumeStatements struct {
	add, remove, list, behind  string
	claim, renew, done, unhold string
}

func newConsumeStatements(in func(string) string) consumeStatements {
	return consumeStatements{
		// The places of a consumer that begins at the start are stored too, so that it knows
		// later what it has missed.
		add: in(`
WITH k AS (INSERT INTO {schema}.consumer (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING name)
INSERT INTO {schema}.consumed (consumer, room, "offset")
SELECT k.name, r.id, CASE WHEN $2 THEN r.last ELSE {entries} - 1 END FROM k, {schema}.room r WHERE r.name <> chr(26)`),
		remove: in(`
DELETE FROM {schema}.consumer WHERE name = $1`),
		list: in(`
SELECT k.name, count(b.events), coalesce(sum(b.events), 0)::bigint
FROM {schema}.consumer k
LEFT JOIN LATERAL (
	SELECT r.last - greatest(coalesce(c."offset", 0), {entries} - 1) AS events
	FROM {schema}.room r LEFT JOIN {schema}.consumed c ON c.consumer = k.name AND c.room = r.id
	WHERE r.name <> chr(26) AND r.last > greatest(coalesce(c."offset", 0), {entries} - 1)) b ON true
GROUP BY k.name ORDER BY k.name`),
		// A place after the room's last event is one of events that were lost.
		behind: in(`
SELECT r.name FROM {schema}.consumer k
CROSS JOIN {schema}.room r
LEFT JOIN {schema}.consumed c ON c.consumer = k.name AND c.room = r.id
WHERE k.name = $1 AND r.name <> chr(26) AND r.last <> coalesce(c."offset", 0)
	AND coalesce(c.until < clock_timestamp(), true) AND r.name <> ALL ($2::text[])
LIMIT $3`),
		claim: in(`
INSERT INTO {schema}.consumed AS c (consumer, room, "offset", holder, until)
SELECT k.name, r.id, 0, $3, clock_timestamp() + $4::interval FROM {schema}.consumer k, {schema}.room r
WHERE k.name = $1 AND r.name = $2
ON CONFLICT (consumer, room) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE coalesce(c.until < clock_timestamp(), true) OR c.holder = excluded.holder
RETURNING c."offset"`),
		renew: in(holding(`until = clock_timestamp() + $4::interval`)),
		// The holder stays, so that a repetition is known.
		done:   in(holding(`"offset" = $4, until = NULL`)),
		unhold: in(holding(`until = NULL`)),
	}
}

// holding returns an update of a room that the holder $3 has claimed last.
func holding(set string) string {
	return `
UPDATE {schema}.consumed c SET ` + set + ` FROM {schema}.room r
WHERE c.consumer = $1 AND r.name = $2 AND c.room = r.id AND c.holder = $3`
}
