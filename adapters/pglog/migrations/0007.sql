-- Version 7: messages that are appended in a transaction of the application. Only functions are
-- added, so nothing waits for a lock.

-- append_in appends a message in the transaction of its caller. The texts are in the form in
-- which they are stored. It locks the room's row before it looks for the id: each statement of a
-- function sees what was committed before it, so it finds a message that another transaction has
-- stored while it waited. result is 0 if the message was stored, 1 if a message with the same id
-- was already stored, and 2 if it replies to an entry that does not exist.
CREATE FUNCTION {schema}.append_in(
    of_room text, by_user text, by_name text, to_user text, new_text text, by_id text, new_data text, reply bigint,
    OUT result int, OUT at_offset bigint, OUT at_time timestamptz, OUT to_name text
) LANGUAGE plpgsql AS $append_in$
DECLARE
    r record;
BEGIN
    result := 0;
    to_name := '';
    SELECT x.id, x.last, x.last_at INTO r FROM {schema}.room x WHERE x.name = of_room LIMIT 1 FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO {schema}.room (name, epoch) SELECT chr(26), replace(gen_random_uuid()::text, '-', '')
            WHERE NOT EXISTS (SELECT FROM {schema}.room g WHERE g.name = chr(26)) ON CONFLICT DO NOTHING;
        INSERT INTO {schema}.room (name, epoch) SELECT of_room, g.epoch FROM {schema}.room g WHERE g.name = chr(26)
            ON CONFLICT DO NOTHING;
        SELECT x.id, x.last, x.last_at INTO r FROM {schema}.room x WHERE x.name = of_room LIMIT 1 FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the room was deleted concurrently' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;
    IF by_id <> '' THEN
        SELECT e."offset", e.at INTO at_offset, at_time FROM {schema}.event e
            WHERE e.room = r.id AND e.user_id = by_user AND e.client_id = by_id AND e.client_id <> '' LIMIT 1;
        IF FOUND THEN
            result := 1;
            RETURN;
        END IF;
    END IF;
    IF reply > r.last THEN
        result := 2;
        RETURN;
    END IF;
    IF to_user <> '' THEN
        SELECT p.username INTO to_name FROM {schema}.presence p
            WHERE p.room = of_room AND p.user_id = to_user ORDER BY p.at DESC LIMIT 1;
        to_name := coalesce(to_name, to_user);
    END IF;
    at_offset := r.last + 1;
    at_time := greatest(r.last_at, date_trunc('milliseconds', clock_timestamp()));
    UPDATE {schema}.room x SET last = at_offset, last_at = at_time WHERE x.id = r.id;
    INSERT INTO {schema}.event (room, "offset", at, type, user_id, username, to_id, to_username, message, client_id, data, reply_to)
        VALUES (r.id, at_offset, at_time, CASE to_user WHEN '' THEN 'message' ELSE 'private' END, by_user, by_name,
            to_user, to_name, new_text, by_id, new_data, nullif(reply, 0));
END $append_in$;

-- append is for SQL. It appends a message in the current transaction, and returns its offset. If
-- the user has already stored a message with that id, it returns the offset of that message. If
-- tells is true, the servers are told of the message when the transaction commits. Otherwise they
-- find it within about a second.
CREATE FUNCTION {schema}.append(
    room text, message text, user_id text DEFAULT '', username text DEFAULT '', id text DEFAULT '',
    to_id text DEFAULT '', data jsonb DEFAULT NULL, reply_to bigint DEFAULT NULL, tells boolean DEFAULT true
) RETURNS bigint LANGUAGE plpgsql AS $append$
DECLARE
    done record;
    kept text := replace(replace(replace(append.data::text, '<', '\u003c'), chr(8232), '\u2028'), chr(8233), '\u2029');
BEGIN
    IF coalesce(append.room, '') = '' THEN
        RAISE EXCEPTION 'the name of the room is empty' USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(append.room) > 256 OR octet_length(append.user_id) > 128 OR octet_length(append.to_id) > 128
        OR octet_length(append.id) > 64 OR octet_length(append.username) > 1024 THEN
        RAISE EXCEPTION 'a name is too long' USING ERRCODE = 'invalid_parameter_value';
    ELSIF kept IS NULL AND coalesce(append.message, '') ~ '^\s*$' THEN
        RAISE EXCEPTION 'a message needs a text or data' USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(append.message) > 131072 OR octet_length(kept) > 65536 THEN
        RAISE EXCEPTION 'the text has more than 128 KiB, or the data more than 64 KiB' USING ERRCODE = 'invalid_parameter_value';
    ELSIF jsonb_typeof(append.data) <> 'object' OR jsonb_path_exists(append.data,
        'strict $.**{32 to last} ? (@.type() == "object" || @.type() == "array")') THEN
        RAISE EXCEPTION 'data must be an object of at most 32 levels' USING ERRCODE = 'invalid_parameter_value';
    ELSIF append.reply_to < 0 THEN
        RAISE EXCEPTION 'reply_to is negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT a.result, a.at_offset INTO done FROM {schema}.append_in(
        replace(append.room, chr(26), chr(26) || chr(26)),
        replace(coalesce(append.user_id, ''), chr(26), chr(26) || chr(26)),
        replace(coalesce(nullif(append.username, ''), 'Anonymous'), chr(26), chr(26) || chr(26)),
        replace(coalesce(append.to_id, ''), chr(26), chr(26) || chr(26)),
        replace(coalesce(append.message, ''), chr(26), chr(26) || chr(26)),
        replace(coalesce(append.id, ''), chr(26), chr(26) || chr(26)),
        kept, append.reply_to) a;
    IF done.result = 2 THEN
        RAISE EXCEPTION 'reply_to names no entry of the room' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF append.tells AND done.result = 0 THEN
        PERFORM pg_notify({channel}, E'sql\n' || translate(encode(substr(sha256(convert_to(append.room, 'UTF8')), 1, 16), 'base64'), '+/=', '-_')
            || ' ' || done.at_offset || ' ' || done.at_offset || E'\n');
    END IF;
    RETURN done.at_offset;
END $append$;
