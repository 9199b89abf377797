-- Version 8: readers of all rooms, and how far each has read.

CREATE TABLE IF NOT EXISTS {schema}.consumer (
    name text COLLATE "C" PRIMARY KEY
);

-- One row per consumer and room that it has read, or that it skips. A process that handles events
-- of the room is the holder until a time.
CREATE TABLE IF NOT EXISTS {schema}.consumed (
    consumer text COLLATE "C" NOT NULL REFERENCES {schema}.consumer ON DELETE CASCADE,
    room     bigint NOT NULL,   -- its id
    "offset" bigint NOT NULL,   -- everything up to it was handled
    holder   text COLLATE "C",  -- of the last claim
    until    timestamptz,       -- null: the room is not claimed
    PRIMARY KEY (consumer, room)
) WITH (fillfactor = 50);
