// Package redislog keeps the rooms of package chat in Redis, for any number of
// servers: a [chat.Log] over a go-redis client of any kind.
//
//	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{"127.0.0.1:6379"}})
//	srv := chat.New(chat.WithLog(redislog.New(client)))
//
// # What it promises
//
// A room is a stream whose entries are numbered from 1 without holes. One script
// appends an event, remembers its id, trims the stream and announces the event, so
// no other client sees half of it. An append is idempotent by user and ID for five
// minutes at least.
//
// An appended event is as durable as Redis is configured to be. With an append-only
// file it outlives a crash of the process; a crash of the machine may lose the last
// second, and a failover what the replica had not got yet. What Redis cannot know it
// has lost, the servers notice by what they have seen: members and clients that come
// back are told of a gap, never shown other events in the place of theirs.
//
// The epoch of a room changes when its state is gone (FLUSHALL, eviction, expiry, a
// restart without persistence), when a server finds that the log contradicts what it
// has delivered, and, for a room that nobody was in, when something of its part of
// Redis was lost and the room's own last entries may have been among it.
//
// Redis 7 is needed: single, with Sentinel or as a Cluster.
package redislog
