-- Version 3: private messages know where their run of private messages begins, and a deleted
-- room never gets an epoch again that it had. Triggers do both, so it also holds for servers of
-- older versions.

-- If a private message has prev_public, all rows of the room between prev_public and "offset"
-- are private messages too. NULL promises nothing.
ALTER TABLE {schema}.event ADD COLUMN prev_public bigint;

-- The room's row is locked, so all rows before are committed. A public row has no prev_public. A
-- condition on its type could give a bad plan: if made while the table was small, it would
-- search an index of private messages.
CREATE FUNCTION {schema}.event_prev_public() RETURNS trigger LANGUAGE plpgsql AS $event_prev_public$
BEGIN
    NEW.prev_public := coalesce((SELECT e.prev_public FROM {schema}.event e
        WHERE e.room = NEW.room AND e."offset" = NEW."offset" - 1), NEW."offset" - 1);
    RETURN NEW;
END $event_prev_public$;

CREATE TRIGGER prev_public BEFORE INSERT ON {schema}.event FOR EACH ROW
    WHEN (NEW.type = 'private' AND NEW.prev_public IS NULL)
    EXECUTE FUNCTION {schema}.event_prev_public();

CREATE FUNCTION {schema}.room_deleted() RETURNS trigger LANGUAGE plpgsql AS $room_deleted$
BEGIN
    UPDATE {schema}.room SET epoch = replace(gen_random_uuid()::text, '-', '') WHERE name = chr(26);
    RETURN NULL;
END $room_deleted$;

CREATE TRIGGER deleted AFTER DELETE ON {schema}.room FOR EACH STATEMENT
    EXECUTE FUNCTION {schema}.room_deleted();
