package redislog

import (
	"strconv"
	"strings"
)

// buckets is how many buckets there are. Each room belongs to one. All keys of a bucket
// have the same hash tag, so a room's log, its users and the list of rooms are in one
// slot of a cluster, and one script can use all of them.
const buckets = 64

// tags are the buckets' hash tags. Bucket i stands for slots 256*i to 256*i+255, and tag
// i is the smallest number whose slot (CRC16 modulo 16384) is near the middle of them. If
// the masters of a cluster have equal shares of the slots, they therefore have equal
// shares of the buckets.
var tags = [buckets]int{
	14, 281, 117, 1189, 29, 21, 1091, 122, 184, 761, 87, 212, 679, 671, 227, 302,
	109, 101, 297, 472, 134, 1087, 37, 562, 99, 91, 777, 192, 239, 231, 667, 742,
	712, 637, 261, 269, 602, 727, 1, 9, 532, 67, 781, 164, 52, 507, 151, 159,
	352, 277, 621, 629, 242, 367, 731, 614, 172, 797, 71, 79, 1619, 147, 511, 44,
}

// bucketOf returns the bucket of a room, by its name's FNV-1a hash.
func bucketOf(room string) int {
	h := uint32(2166136261)
	for i := range len(room) {
		h = (h ^ uint32(room[i])) * 16777619
	}
	return int(h % buckets)
}

// The kinds of keys.
const (
	keyAge      = "age"      // string: changes when writes of the bucket were lost
	keyLeases   = "leases"   // sorted set: server to the end of its lease
	keyWrites   = "writes"   // hash: server to how many users it has entered or removed
	keyDead     = "dead"     // set: servers whose users are being removed
	keyRemoved  = "removed"  // sorted set: server to the time when its lease ended
	keyBeat     = "beat"     // string: when any server last called Beat
	keyRooms    = "rooms"    // hash: room to number of users
	keyVersions = "versions" // hash: room to a number that changes with its users
	keyPlaces   = "places:"  // set, by server: the rooms and users it has entered
	keyHead     = "head:"    // string, by room
	keyEntries  = "entries:" // list, by room: messages, see lua/lists.lua
	keyAmends   = "amends:"  // list, by room: the entries that amend messages
	keyStates   = "states:"  // hash, by room: offset of an amended message to its reactions
	keyIndex    = "index:"   // sorted set, by room: see lua/runs.lua
	keyIDs      = "ids:"     // hash, by room: hash of user and id to offset and time
	keyOlder    = "older:"   // hash, by room: the same for the previous window
	keyUsers    = "users:"   // hash, by room: user to servers, connections and names
	keyMarkers  = "markers:" // hash, by room: user to the epoch and offset read up to
	keyPace     = "pace:"    // string, by room and user: the user's last turn
	feedOfRoom  = "feed:"    // shard channel, by room

	// Keys of the previous version, see lua/takeover.lua.
	keyOldLog   = "log:"     // stream, by room
	keyOldIndex = "private:" // sorted set, by room
)

// roomKeys returns the keys of a room that all scripts with lua/lists.lua take, and then the
// keys of the kinds more.
func (l *Log) roomKeys(bucket int, room string, more ...string) []string {
	keys := make([]string, 0, 11)
	keys = append(keys, l.key(bucket, keyAge, ""))
	for _, kind := range roomKinds {
		keys = append(keys, l.key(bucket, kind, room))
	}
	for _, kind := range more {
		keys = append(keys, l.key(bucket, kind, room))
	}
	return keys
}

var roomKinds = [...]string{keyHead, keyEntries, keyAmends, keyStates, keyIndex, keyOldLog, keyOldIndex, keyUsers}

// key returns the name of a key in a bucket.
func (l *Log) key(bucket int, kind, name string) string {
	var b strings.Builder
	b.Grow(len(l.prefix) + 6 + len(kind) + len(name))
	b.WriteString(l.prefix)
	b.WriteByte('{')
	b.WriteString(strconv.Itoa(tags[bucket]))
	b.WriteByte('}')
	b.WriteString(kind)
	b.WriteString(name)
	return b.String()
}
