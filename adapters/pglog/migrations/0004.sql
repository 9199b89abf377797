-- Version 4: where the private messages between two public ones begin and end, so that
-- public ones are read in order from the primary key without a look at the private ones
-- between. Rows of before version 3 have got their prev_public meanwhile.

CREATE INDEX {concurrently} event_private_run ON {schema}.event (room, prev_public, "offset")
    WHERE prev_public IS NOT NULL;

-- An index over public events costs each append of one, and was in version 2 for a while.
DROP INDEX {concurrently} IF EXISTS {schema}.event_public;
