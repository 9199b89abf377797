package redislog

import (
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Key returns a key of a room. Tests use it for the slot.
func Key(room string) string {
	return (&Log{settings: settings{prefix: defaultPrefix}}).key(bucketOf(room), keyHead, room)
}

// KeysOf returns the head, entries, ids and older ids of a room.
func (l *Log) KeysOf(room string) (head, log, ids, older string) {
	b := bucketOf(room)
	return l.key(b, keyHead, room), l.key(b, keyEntries, room), l.key(b, keyIDs, room), l.key(b, keyOlder, room)
}

// IndexKey returns the key of the index of a room's private entries.
func (l *Log) IndexKey(room string) string { return l.key(bucketOf(room), keyIndex, room) }

// RoomKeys returns all keys of a room.
func (l *Log) RoomKeys(room string) []string {
	return l.roomKeys(bucketOf(room), room, keyIDs, keyOlder, keyMarkers)[1:]
}

// PaceKey returns the key of a user's turn.
func (l *Log) PaceKey(room, user string) string { return l.paceKey(room, user) }

// KeysBefore returns the keys that the scripts of the previous version take for a room: age,
// head, log, ids, older ids, index, users. It also returns the room's channel.
func (l *Log) KeysBefore(room string) (keys []string, channel string) {
	b := bucketOf(room)
	keys = append(keys, l.key(b, keyAge, ""))
	for _, kind := range []string{keyHead, keyOldLog, keyIDs, keyOlder, keyOldIndex, keyUsers} {
		keys = append(keys, l.key(b, kind, room))
	}
	return keys, l.key(b, feedOfRoom, room)
}

// HashID returns the key of a message's user and id.
func HashID(e *chatlog.Event) string { return hashID(e) }

// SplitElement and DecodeElement take an element of a room's lists.
var SplitElement, DecodeElement = splitElement, decodeElement

// WritesKey returns the key of the servers' writes to the bucket of a room.
func (l *Log) WritesKey(room string) string { return l.key(bucketOf(room), keyWrites, "") }

// Prefix returns the prefix that opt sets.
func Prefix(o Option) string {
	l := &Log{}
	o(l)
	return l.prefix
}

// SameBucket returns the names of n rooms in the bucket of room.
func SameBucket(room string, n int) (rooms []string) {
	for i := 0; len(rooms) < n; i++ {
		if name := "room" + strconv.Itoa(i); bucketOf(name) == bucketOf(room) {
			rooms = append(rooms, name)
		}
	}
	return rooms
}

// Tags are the buckets' hash tags.
var Tags = tags

// Window sets the shortest time for which ids are known.
func Window(d time.Duration) Option { return func(l *Log) { l.window = d } }

// Expiry sets how long Redis keeps rooms with entries, and rooms without.
func Expiry(d, unwritten time.Duration) Option {
	return func(l *Log) { l.expiry, l.unwritten = d, unwritten }
}

// Lease sets the lease of a server that has entered a user but not called Beat.
func Lease(d time.Duration) Option { return func(l *Log) { l.lease = d } }

// Age acts as if d had passed since the Log last told Redis which rooms are watched.
func (l *Log) Age(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.rooms {
		w.keptAliveAt = w.keptAliveAt.Add(-d)
	}
}
