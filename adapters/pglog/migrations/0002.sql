-- Version 2: indexes for the private messages of one reader, newest or oldest first, without
-- reading those of others. {concurrently} is CONCURRENTLY if the table is already in use.
--
-- The planner does not take "offset" + 0 for "offset", so it cannot use the order of the primary
-- key. So no plan reads a room's rows one by one until it has found enough of them.

CREATE INDEX {concurrently} event_private_from ON {schema}.event (room, user_id, ("offset" + 0))
    WHERE type = 'private';

CREATE INDEX {concurrently} event_private_to ON {schema}.event (room, to_id, ("offset" + 0))
    WHERE type = 'private' AND to_id <> user_id;
