-- Readers of all rooms, and the offset up to which each has handled a room.
CREATE TABLE consumer (
	name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE consumed (
	consumer TEXT    NOT NULL,
	room     INTEGER NOT NULL,
	offset   INTEGER NOT NULL,
	PRIMARY KEY (consumer, room)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER consumer_deleted AFTER DELETE ON consumer BEGIN
	DELETE FROM consumed WHERE consumer = OLD.name;
END;

CREATE TRIGGER room_deleted_consumed AFTER DELETE ON room BEGIN
	DELETE FROM consumed WHERE room = OLD.id;
END;
