-- Version 6: all private messages in order, for users that may read them all. With "offset" - 0,
-- no plan uses this index for the messages of one reader, which would read all the others.

CREATE INDEX {concurrently} event_private_all ON {schema}.event (room, ("offset" - 0))
    WHERE type = 'private';
