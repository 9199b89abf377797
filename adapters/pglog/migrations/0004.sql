-- Version 4: the first and last message of each run of private messages. With it, public
-- messages are read in order from the primary key, without reading the private ones between.
-- Rows from before version 3 have got their prev_public already.

CREATE INDEX {concurrently} event_private_run ON {schema}.event (room, prev_public, "offset")
    WHERE prev_public IS NOT NULL;

-- An index of public events would slow each append. An early version 2 had it.
DROP INDEX {concurrently} IF EXISTS {schema}.event_public;
