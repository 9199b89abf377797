-- The tables of version 1. {schema} stands for the quoted name of the schema.

-- One row per room. Its lock orders the room's events. A transaction that appends takes offsets
-- from it and holds it until the commit, so events become readable in the order of their
-- offsets, without a hole.
CREATE TABLE {schema}.room (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text COLLATE "C" NOT NULL UNIQUE,
    epoch   text NOT NULL,
    last    bigint NOT NULL DEFAULT 0, -- the newest offset
    first   bigint NOT NULL DEFAULT 1, -- the smallest offset that is still shown
    stored  bigint NOT NULL DEFAULT 1, -- the smallest offset that may have a row
    last_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

-- No room has the name that is a single U+001A. The epoch of this row is the epoch of rooms
-- without a row.
INSERT INTO {schema}.room (name, epoch)
    VALUES (chr(26), replace(gen_random_uuid()::text, '-', ''));

CREATE TABLE {schema}.event (
    room        bigint NOT NULL, -- its id; a foreign key would double the work of an insert
    "offset"    bigint NOT NULL,
    at          timestamptz NOT NULL,
    type        text NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    username    text NOT NULL,
    to_id       text COLLATE "C" NOT NULL,
    to_username text NOT NULL,
    message     text NOT NULL,
    client_id   text COLLATE "C" NOT NULL,
    PRIMARY KEY (room, "offset")
);

-- This index makes appending idempotent.
CREATE UNIQUE INDEX event_client_id ON {schema}.event (room, user_id, client_id)
    WHERE client_id <> '';

-- The servers, the end of each lease, and the time when a server was removed as dead.
CREATE TABLE {schema}.server (
    id         text COLLATE "C" PRIMARY KEY,
    ttl        interval NOT NULL,
    deadline   timestamptz NOT NULL,
    removed_at timestamptz
) WITH (fillfactor = 50);

-- The users of each room, by server.
CREATE TABLE {schema}.presence (
    room        text COLLATE "C" NOT NULL,
    user_id     text COLLATE "C" NOT NULL,
    server      text COLLATE "C" NOT NULL,
    username    text NOT NULL,
    connections integer NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (room, user_id, server)
);
CREATE INDEX presence_server ON {schema}.presence (server);
