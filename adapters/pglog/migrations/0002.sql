-- Version 2: indexes for the private messages of one reader, newest or oldest first,
-- without a look at those of others. {concurrently} is CONCURRENTLY where the table is in
-- use already.
--
-- "offset" + 0 is not "offset" to the planner: the primary key does not have it in
-- order, so no plan reads a room's rows one by one until it has found enough of a kind.

CREATE INDEX {concurrently} event_private_from ON {schema}.event (room, user_id, ("offset" + 0))
    WHERE type = 'private';

CREATE INDEX {concurrently} event_private_to ON {schema}.event (room, to_id, ("offset" + 0))
    WHERE type = 'private' AND to_id <> user_id;
