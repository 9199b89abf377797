package redislog

// Key returns a key of a room, for its slot.
func Key(room string) string { return (&Log{prefix: defaultPrefix}).key(bucketOf(room), keyHead, room) }
