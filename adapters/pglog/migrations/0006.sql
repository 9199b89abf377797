-- Version 6: indexes for what version 5 stores. None of them has public messages.
--
-- All private messages in order: "offset" - 0 has no plan take this index for those of one
-- reader and look at all the others. And the entries that amend: by their message, and for one
-- reader as the private messages have them. Public ones have an empty to_id.

CREATE INDEX {concurrently} event_private_all ON {schema}.event (room, ("offset" - 0))
    WHERE type = 'private';

CREATE INDEX {concurrently} event_amends ON {schema}.event (room, target)
    WHERE target IS NOT NULL;

CREATE INDEX {concurrently} event_amends_to ON {schema}.event (room, to_id, ("offset" + 0))
    WHERE target IS NOT NULL;

CREATE INDEX {concurrently} event_amends_from ON {schema}.event (room, user_id, ("offset" + 0))
    WHERE target IS NOT NULL AND to_id <> '';
