-- Version 5: messages that carry data and can be amended, read markers, and turns. All columns
-- are added without rewriting rows. Rows that do not use them do not grow.

ALTER TABLE {schema}.event
    ADD COLUMN data        text,        -- of a message or an edit: JSON, verbatim
    ADD COLUMN reply_to    bigint,
    ADD COLUMN target      bigint,      -- of an entry that amends: the offset of its message
    ADD COLUMN reaction    text,        -- and what it adds or, if removed, takes away
    ADD COLUMN removed     boolean,
    ADD COLUMN new_message text,        -- of an edit: its text, which servers of version 4 must not see
    ADD COLUMN edited_at   timestamptz, -- of a message: the last edit,
    ADD COLUMN amended     bigint,      -- the last entry that has amended it,
    ADD COLUMN amended_at  timestamptz,
    ADD COLUMN reactions   text;        -- and its reactions in short (see amend)

-- All are NULL if nothing was amended in the room. "Others" are the entries that are no
-- messages: entries that amend, and the places of deleted messages.
ALTER TABLE {schema}.room
    ADD COLUMN first_entry bigint, -- the smallest offset from which on every entry is held, if above first
    ADD COLUMN swept       bigint, -- no rows of others are left below it
    ADD COLUMN others      bigint, -- the number of others from counted on
    ADD COLUMN recent      bigint, -- the number of others from first_entry on
    ADD COLUMN counted     bigint; -- the value of first when others was counted

-- The users of each reaction. The texts are stored as in the column reactions.
CREATE TABLE {schema}.reaction (
    room     bigint NOT NULL,
    target   bigint NOT NULL,
    reaction text COLLATE "C" NOT NULL,
    user_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (room, target, reaction, user_id)
);

-- The entries that amend, by their message and by reader. Public ones have an empty to_id.
-- Indexes of event for this would slow each append of a message. target is the target of the
-- entry. For a delete it is the delete's own offset, because the delete stays when its message
-- is gone.
CREATE TABLE {schema}.amendment (
    room     bigint NOT NULL,
    target   bigint NOT NULL,
    "offset" bigint NOT NULL,
    user_id  text COLLATE "C" NOT NULL,
    to_id    text COLLATE "C" NOT NULL,
    PRIMARY KEY (room, target, "offset")
);
CREATE INDEX amendment_to ON {schema}.amendment (room, to_id, "offset");
CREATE INDEX amendment_from ON {schema}.amendment (room, user_id, "offset") WHERE to_id <> '';

-- History leaves out deleted public messages, private messages and entries that amend. A row is
-- a range of offsets. All of them are hidden, and when the range last changed, its neighbours on
-- both sides were visible.
CREATE TABLE {schema}.hidden (
    room  bigint NOT NULL,
    first bigint NOT NULL,
    last  bigint NOT NULL,
    PRIMARY KEY (room, first)
);

-- How far each user has read a room, and in which epoch of it.
CREATE TABLE {schema}.marker (
    room     bigint NOT NULL,
    user_id  text COLLATE "C" NOT NULL,
    epoch    text NOT NULL,
    "offset" bigint NOT NULL,
    PRIMARY KEY (room, user_id)
) WITH (fillfactor = 50);

-- When users last sent to a room. A crash of the database may delete it.
CREATE UNLOGGED TABLE {schema}.turn (
    room    text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    turn    text NOT NULL,
    at      timestamptz NOT NULL,
    until   timestamptz NOT NULL,
    PRIMARY KEY (room, user_id)
) WITH (fillfactor = 50);

-- When a room's row is deleted, everything of the room is deleted with it.
CREATE OR REPLACE FUNCTION {schema}.room_deleted() RETURNS trigger LANGUAGE plpgsql AS $room_deleted$
BEGIN
    UPDATE {schema}.room SET epoch = replace(gen_random_uuid()::text, '-', '') WHERE name = chr(26);
    DELETE FROM {schema}.reaction x USING gone WHERE x.room = gone.id;
    DELETE FROM {schema}.amendment x USING gone WHERE x.room = gone.id;
    DELETE FROM {schema}.hidden x USING gone WHERE x.room = gone.id;
    DELETE FROM {schema}.marker x USING gone WHERE x.room = gone.id;
    RETURN NULL;
END $room_deleted$;

DROP TRIGGER deleted ON {schema}.room;
CREATE TRIGGER deleted AFTER DELETE ON {schema}.room REFERENCING OLD TABLE AS gone FOR EACH STATEMENT
    EXECUTE FUNCTION {schema}.room_deleted();

-- with_reaction returns a message's reactions after a user's reaction is added or removed, or
-- NULL if there would be more than 20. Each reaction has its text, the number of its users, and
-- at most 50 of them. U+001F separates these, and U+001E separates reactions.
CREATE FUNCTION {schema}.with_reaction(reactions text, given text, by_user text, removes boolean, of_room bigint, of_target bigint)
RETURNS text LANGUAGE plpgsql AS $with_reaction$
DECLARE
    list   text[] := string_to_array(coalesce(reactions, ''), chr(30));
    size   int := coalesce(array_length(list, 1), 0);
    i      int := 1;
    fields text[];
    users  text[];
    n      int;
BEGIN
    WHILE i <= size AND split_part(list[i], chr(31), 1) <> given LOOP
        i := i + 1;
    END LOOP;
    IF i > size THEN
        RETURN CASE WHEN size < 20 THEN array_to_string(list || concat_ws(chr(31), given, 1, by_user), chr(30)) END;
    END IF;
    fields := string_to_array(list[i], chr(31));
    users := fields[3:];
    IF NOT removes THEN
        n := fields[2]::int + 1;
        IF n <= 50 THEN
            users := users || by_user;
        END IF;
    ELSE
        n := fields[2]::int - 1;
        users := array_remove(users, by_user);
        IF n >= 50 AND array_length(users, 1) < 50 THEN
            users := ARRAY(SELECT x.user_id FROM {schema}.reaction x
                WHERE x.room = of_room AND x.target = of_target AND x.reaction = given ORDER BY x.reaction, x.user_id LIMIT 50);
        END IF;
    END IF;
    IF n = 0 THEN
        list := list[:i - 1] || list[i + 1:];
    ELSE
        list[i] := concat_ws(chr(31), given, n, array_to_string(users, chr(31)));
    END IF;
    RETURN array_to_string(list, chr(30));
END $with_reaction$;

-- erase deletes the message t of a room, and what has amended it. Each row becomes the place of
-- something deleted. It keeps its time, and its ids, so that the event is not stored again.
CREATE FUNCTION {schema}.erase(in_room bigint, at_offset bigint, had_reactions boolean)
RETURNS void LANGUAGE plpgsql AS $erase$
DECLARE
    near record;
    gap  record;
    pp   bigint := 0;
    lo   bigint := 1;
    hi   bigint := at_offset;
BEGIN
    -- Plans of these statements that were made while the tables were small would not use an
    -- index.
    EXECUTE $sql$UPDATE {schema}.event e
        SET type = 'erased', username = '', to_id = '', to_username = '', message = '', target = NULL, reaction = NULL, removed = NULL,
            new_message = NULL, data = NULL
        FROM {schema}.amendment a
        WHERE a.room = $1 AND a.target = $2 AND e.room = a.room AND e."offset" = a."offset"$sql$ USING in_room, at_offset;
    EXECUTE $sql$DELETE FROM {schema}.amendment a WHERE a.room = $1 AND a.target = $2$sql$ USING in_room, at_offset;
    IF had_reactions THEN
        EXECUTE $sql$DELETE FROM {schema}.reaction x WHERE x.room = $1 AND x.target = $2$sql$ USING in_room, at_offset;
    END IF;

    SELECT e."offset", e.prev_public INTO near FROM {schema}.event e
        WHERE e.room = in_room AND e."offset" < at_offset ORDER BY e."offset" DESC LIMIT 1;
    IF FOUND THEN
        pp := coalesce(near.prev_public, near."offset");
        lo := pp + 1;
    END IF;
    UPDATE {schema}.event e
        SET type = 'erased', username = '', to_id = '', to_username = '', message = '', data = NULL, reply_to = NULL,
            edited_at = NULL, amended = NULL, amended_at = NULL, reactions = NULL, prev_public = coalesce(e.prev_public, pp)
        WHERE e.room = in_room AND e."offset" = at_offset AND e.prev_public IS NOT NULL;
    IF FOUND THEN
        RETURN; -- it was hidden before
    END IF;
    UPDATE {schema}.event e
        SET type = 'erased', username = '', message = '', data = NULL, reply_to = NULL,
            edited_at = NULL, amended = NULL, amended_at = NULL, reactions = NULL, prev_public = pp
        WHERE e.room = in_room AND e."offset" = at_offset;

    -- The hidden events before and after it form one range with it.
    SELECT h.first, h.last INTO gap FROM {schema}.hidden h
        WHERE h.room = in_room AND h.first <= pp ORDER BY h.first DESC LIMIT 1;
    IF FOUND AND gap.last >= pp THEN
        lo := gap.first;
    END IF;
    SELECT e."offset", e.prev_public INTO near FROM {schema}.event e
        WHERE e.room = in_room AND e."offset" > at_offset ORDER BY e."offset" LIMIT 1;
    IF FOUND AND near.prev_public IS NULL THEN
        hi := near."offset" - 1;
    ELSIF FOUND THEN
        hi := near."offset";
        SELECT h.first, h.last INTO gap FROM {schema}.hidden h
            WHERE h.room = in_room AND h.first <= hi ORDER BY h.first DESC LIMIT 1;
        IF FOUND AND gap.last > hi THEN
            hi := gap.last;
        END IF;
        hi := {schema}.hidden_to(in_room, hi);
    END IF;
    DELETE FROM {schema}.hidden h WHERE h.room = in_room AND h.first >= lo AND h.first <= hi;
    INSERT INTO {schema}.hidden (room, first, last) VALUES (in_room, lo, hi);
END $erase$;

-- hidden_to returns the last offset of a run of hidden rows. A row of the table hidden does not
-- grow when hidden entries follow, so the run may be longer than the range.
CREATE FUNCTION {schema}.hidden_to(in_room bigint, at_offset bigint) RETURNS bigint STABLE LANGUAGE plpgsql AS $hidden_to$
DECLARE
    pp   bigint;
    ends bigint;
BEGIN
    SELECT e.prev_public INTO pp FROM {schema}.event e WHERE e.room = in_room AND e."offset" = at_offset;
    SELECT e."offset" INTO ends FROM {schema}.event e WHERE e.room = in_room AND e.prev_public <= pp
        ORDER BY e.prev_public DESC, e."offset" DESC LIMIT 1;
    RETURN greatest(at_offset, ends);
END $hidden_to$;

-- amend appends an entry that amends a message, and changes the message. result is 0 if the
-- entry was stored, 1 if an entry with the same id was already stored, 2 if there is nothing to
-- do, 3 if there is no such message, and 4 if there would be too many reactions. seen_... are as
-- for an append: the newest event that the caller has seen, and the new epoch for a log that has
-- lost it. mark and mark_user are the reaction and the user, encoded as in the table reaction.
CREATE FUNCTION {schema}.amend(
    of_room text, kind text, by_user text, by_name text, new_text text, new_data text, by_id text,
    at_target bigint, mark text, mark_user text, given text, removes boolean, moderates boolean,
    seen_epoch text, seen_origin text, seen_offset bigint, seen_at timestamptz, new_epoch text, database text,
    OUT result int, OUT now_epoch text, OUT origin text, OUT at_offset bigint, OUT at_time timestamptz, OUT other text
) LANGUAGE plpgsql AS $amend$
DECLARE
    r  record;
    t  record;
    pp bigint;
    summary text;
BEGIN
    result := 3;
    other := '';
    SELECT x.id, x.epoch, x.tableoid, x.first, x.last, x.last_at INTO r
        FROM {schema}.room x WHERE x.name = of_room LIMIT 1 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    now_epoch := r.epoch;
    origin := database || '/' || r.tableoid;
    IF by_id <> '' THEN
        SELECT e."offset", e.at INTO at_offset, at_time FROM {schema}.event e
            WHERE e.room = r.id AND e.user_id = by_user AND e.client_id = by_id AND e.client_id <> '' LIMIT 1;
        IF FOUND THEN
            result := 1;
            RETURN;
        END IF;
    END IF;
    SELECT e.type, e.at, e.user_id, e.to_id, e.amended, e.amended_at, e.reactions INTO t
        FROM {schema}.event e WHERE e.room = r.id AND e."offset" = at_target LIMIT 1;
    IF NOT FOUND OR at_target < r.first OR at_target > r.last OR t.type NOT IN ('message', 'private')
        OR t.type = 'private' AND (by_user = '' OR by_user <> t.user_id AND by_user <> t.to_id)
        OR kind = 'edit' AND by_user <> t.user_id
        OR kind = 'delete' AND by_user <> t.user_id AND NOT moderates THEN
        RETURN;
    END IF;
    IF t.type = 'private' THEN
        other := CASE WHEN by_user <> t.user_id THEN t.user_id ELSE t.to_id END;
        IF other = '' THEN
            other := by_user;
        END IF;
    END IF;

    IF kind = 'reaction' THEN
        IF removes THEN
            DELETE FROM {schema}.reaction x
                WHERE x.room = r.id AND x.target = at_target AND x.reaction = mark AND x.user_id = mark_user;
        ELSE
            INSERT INTO {schema}.reaction (room, target, reaction, user_id)
                VALUES (r.id, at_target, mark, mark_user) ON CONFLICT DO NOTHING;
        END IF;
        IF NOT FOUND THEN
            result := 2;
            at_offset := coalesce(t.amended, at_target);
            at_time := coalesce(t.amended_at, t.at);
            RETURN;
        END IF;
        summary := {schema}.with_reaction(t.reactions, mark, mark_user, removes, r.id, at_target);
        IF summary IS NULL THEN
            DELETE FROM {schema}.reaction x
                WHERE x.room = r.id AND x.target = at_target AND x.reaction = mark AND x.user_id = mark_user;
            result := 4;
            RETURN;
        END IF;
    ELSIF kind = 'delete' THEN
        PERFORM {schema}.erase(r.id, at_target, t.reactions IS NOT NULL);
    END IF;

    result := 0;
    at_offset := r.last + 1;
    at_time := greatest(r.last_at, date_trunc('milliseconds', clock_timestamp()));
    IF r.epoch = seen_epoch AND origin = seen_origin AND (CASE
        WHEN r.last <= seen_offset THEN r.last < seen_offset OR r.last_at <> seen_at
        ELSE EXISTS (SELECT FROM {schema}.event e WHERE e.room = r.id AND e."offset" = seen_offset AND e.at <> seen_at) END) THEN
        now_epoch := new_epoch;
    END IF;
    UPDATE {schema}.room x
        SET epoch = now_epoch, last = at_offset, last_at = at_time, counted = coalesce(x.counted, x.first),
            others = coalesce(x.others, 0) + CASE kind WHEN 'delete' THEN 2 ELSE 1 END,
            recent = coalesce(x.recent, 0) + CASE WHEN kind = 'delete' AND at_target >= coalesce(x.first_entry, 0) THEN 2 ELSE 1 END
        WHERE x.id = r.id;
    SELECT e.prev_public INTO pp FROM {schema}.event e WHERE e.room = r.id AND e."offset" = r.last LIMIT 1;
    INSERT INTO {schema}.event (room, "offset", at, type, user_id, username, to_id, to_username, message, client_id,
            prev_public, target, reaction, removed, new_message, data)
        VALUES (r.id, at_offset, at_time, kind, by_user, by_name, other, '', '', by_id, coalesce(pp, r.last), at_target,
            CASE kind WHEN 'reaction' THEN given END, CASE WHEN kind = 'reaction' AND removes THEN true END,
            CASE kind WHEN 'edit' THEN new_text END, CASE kind WHEN 'edit' THEN new_data END);
    INSERT INTO {schema}.amendment (room, target, "offset", user_id, to_id)
        VALUES (r.id, CASE kind WHEN 'delete' THEN at_offset ELSE at_target END, at_offset, by_user, other);
    IF kind = 'edit' THEN
        UPDATE {schema}.event e
            SET message = new_text, data = new_data, edited_at = at_time, amended = at_offset, amended_at = at_time
            WHERE e.room = r.id AND e."offset" = at_target;
    ELSIF kind = 'reaction' THEN
        UPDATE {schema}.event e SET reactions = nullif(summary, ''), amended = at_offset, amended_at = at_time
            WHERE e.room = r.id AND e."offset" = at_target;
    END IF;
END $amend$;

-- trim hides the oldest messages of a room in which something was amended. It leaves at most
-- keep messages, none of them older than age. It also keeps the newest 256 of the other entries,
-- or keep of them if that is more. NULL means no limit. It looks at no more than lot rows, and
-- returns whether there is more to do.
CREATE FUNCTION {schema}.trim_room(in_room bigint, keep bigint, age interval, lot bigint) RETURNS boolean LANGUAGE plpgsql AS $trim_room$
<<now>>
DECLARE
    r        record;
    start    bigint; -- of the entries
    others   bigint;
    recent   bigint;
    excess   bigint;
    seen     bigint;
    passed   bigint; -- messages
    fewer    bigint; -- others
    upto     bigint;
    first    bigint;
    more     boolean := false;
BEGIN
    SELECT x.first, x.last, x.first_entry, x.others, x.recent, x.counted INTO r
        FROM {schema}.room x WHERE x.id = in_room FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    first := r.first;
    start := greatest(r.first, r.first_entry);
    others := r.others;
    recent := r.recent;
    IF r.counted <> r.first THEN -- a server of the previous version has hidden some
        SELECT r.last + 1 - r.first - count(*) INTO others FROM {schema}.event e
            WHERE e.room = in_room AND e."offset" >= r.first AND e.type IN ('message', 'private');
        SELECT count(*) INTO recent FROM {schema}.event e
            WHERE e.room = in_room AND e."offset" >= start AND e.type NOT IN ('message', 'private');
    END IF;
    excess := coalesce(r.last + 1 - r.first - others - keep, 0);
    IF excess > 0 OR age IS NOT NULL THEN
        SELECT count(*), max(w."offset") FILTER (WHERE w.goes), count(*) FILTER (WHERE w.goes AND w.message)
            INTO seen, upto, passed
            FROM (SELECT e."offset", e.message, coalesce(e.at < clock_timestamp() - age, false)
                    OR excess > 0 AND count(*) FILTER (WHERE e.message) OVER (ORDER BY e."offset") <= excess AS goes
                FROM (SELECT e."offset", e.at, e.type IN ('message', 'private') AS message FROM {schema}.event e
                    WHERE e.room = in_room AND e."offset" >= r.first ORDER BY e."offset" LIMIT lot) e) w;
        IF upto IS NOT NULL THEN
            first := upto + 1;
            others := greatest(others - (first - r.first - passed), 0);
            more := seen = lot;
        ELSIF seen = 0 AND r.first <= r.last THEN -- somebody has deleted all rows
            first := r.last + 1;
            others := 0;
        END IF;
    END IF;
    IF first >= start THEN
        start := first;
        recent := others;
    END IF;
    IF recent > greatest(keep, 256) AND keep IS NOT NULL THEN
        SELECT max(w."offset"), count(*) INTO upto, fewer
            FROM (SELECT e."offset", e.message, count(*) FILTER (WHERE NOT e.message) OVER (ORDER BY e."offset") AS n
                FROM (SELECT e."offset", e.type IN ('message', 'private') AS message FROM {schema}.event e
                    WHERE e.room = in_room AND e."offset" >= start ORDER BY e."offset" LIMIT lot) e) w
            WHERE NOT w.message AND w.n <= recent - greatest(keep, 256);
        IF fewer > 0 THEN
            more := more OR fewer < recent - greatest(keep, 256);
            recent := recent - fewer;
            start := upto + 1;
        END IF;
    END IF;
    IF (first, start, others, recent) IS DISTINCT FROM (r.first, greatest(r.first, r.first_entry), r.others, r.recent) THEN
        UPDATE {schema}.room x SET first = now.first, first_entry = start, others = now.others,
            recent = now.recent, counted = now.first WHERE x.id = in_room;
    END IF;
    RETURN more;
END $trim_room$;
