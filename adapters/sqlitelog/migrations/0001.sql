-- Names of the file: its identity for epochs (origin), and the present run (session).
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A room that was ever written to. first is the first offset of messages that are held, and
-- first_entry that of all entries; messages and others count what is held of each.
CREATE TABLE room (
	id          INTEGER PRIMARY KEY CHECK (id < 1 << 27),
	name        TEXT    NOT NULL UNIQUE,
	epoch       TEXT    NOT NULL DEFAULT '',
	last        INTEGER NOT NULL DEFAULT 0,
	time        INTEGER NOT NULL DEFAULT 0,
	first       INTEGER NOT NULL DEFAULT 1,
	first_entry INTEGER NOT NULL DEFAULT 1,
	messages    INTEGER NOT NULL DEFAULT 0,
	others      INTEGER NOT NULL DEFAULT 0
) STRICT;

-- An entry. pos is the room's id << 36 | offset. lane is the room's id << 3 | kind, where kind
-- is 0 for a message, 1 for what amends one, 2 and 3 for the same in private, and 4 for the
-- place of something deleted. target is what an entry replies to or amends. amended, amended_at
-- and edited tell of a message when it was changed; prev leads from an entry that amends to
-- the one before it of the same message. Times are in milliseconds since 1970.
CREATE TABLE event (
	pos        INTEGER PRIMARY KEY,
	lane       INTEGER NOT NULL,
	time       INTEGER NOT NULL,
	type       TEXT    NOT NULL,
	user       TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	dest       TEXT    NOT NULL,
	dest_name  TEXT    NOT NULL,
	id         TEXT    NOT NULL,
	text       TEXT    NOT NULL,
	data       TEXT,
	target     INTEGER NOT NULL DEFAULT 0,
	removed    INTEGER NOT NULL DEFAULT 0,
	amended    INTEGER NOT NULL DEFAULT 0,
	amended_at INTEGER NOT NULL DEFAULT 0,
	edited     INTEGER NOT NULL DEFAULT 0,
	prev       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX event_lane ON event (lane);
CREATE UNIQUE INDEX event_id ON event (pos >> 36, user, id) WHERE id <> '';

-- The private entries of each of their two users.
CREATE TABLE party (
	lane INTEGER NOT NULL,
	user TEXT    NOT NULL,
	pos  INTEGER NOT NULL,
	PRIMARY KEY (lane, user, pos)
) STRICT, WITHOUT ROWID;

-- The reactions to a message in the order in which they were first given, and who gave them.
CREATE TABLE reaction (
	pos   INTEGER NOT NULL,
	n     INTEGER NOT NULL,
	text  TEXT    NOT NULL,
	count INTEGER NOT NULL,
	PRIMARY KEY (pos, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE reacted (
	pos  INTEGER NOT NULL,
	n    INTEGER NOT NULL,
	user TEXT    NOT NULL,
	PRIMARY KEY (pos, n, user)
) STRICT, WITHOUT ROWID;

-- How far a user has read a room in the epoch.
CREATE TABLE marker (
	room  INTEGER NOT NULL,
	user  TEXT    NOT NULL,
	epoch TEXT    NOT NULL,
	read  INTEGER NOT NULL,
	PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER event_erased AFTER UPDATE OF lane ON event WHEN NEW.lane & 7 = 4 BEGIN
	DELETE FROM party WHERE lane = OLD.lane AND user IN (OLD.user, OLD.dest) AND pos = OLD.pos;
	DELETE FROM reaction WHERE pos = OLD.pos;
	DELETE FROM reacted WHERE pos = OLD.pos;
END;

CREATE TRIGGER event_deleted AFTER DELETE ON event WHEN OLD.lane & 7 <> 4 AND (OLD.lane & 2 OR OLD.amended) BEGIN
	DELETE FROM party WHERE lane = OLD.lane AND user IN (OLD.user, OLD.dest) AND pos = OLD.pos;
	DELETE FROM reaction WHERE pos = OLD.pos;
	DELETE FROM reacted WHERE pos = OLD.pos;
END;

CREATE TRIGGER room_deleted AFTER DELETE ON room BEGIN
	DELETE FROM event WHERE pos BETWEEN OLD.id << 36 AND OLD.id << 36 | (1 << 36) - 1;
	DELETE FROM marker WHERE room = OLD.id;
END;

-- The entries as people read them.
CREATE VIEW history AS
	SELECT room.name AS room, pos & (1 << 36) - 1 AS offset, strftime('%F %T', event.time / 1000.0, 'unixepoch') AS time,
		type, user, event.name AS name, dest AS "to", text, data, target
	FROM event JOIN room ON room.id = pos >> 36;
