-- Version 6: all private messages in order, for who may read them all. "offset" - 0 has no plan
-- take this index for those of one reader, and look at all the others.

CREATE INDEX {concurrently} event_private_all ON {schema}.event (room, ("offset" - 0))
    WHERE type = 'private';
