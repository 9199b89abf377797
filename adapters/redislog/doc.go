// Package redislog keeps the rooms of package chat in Redis, for any number of
// servers: a [chat.Log] over a go-redis client of any kind.
//
//	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{"127.0.0.1:6379"}})
//	srv := chat.New(chat.WithLog(redislog.New(client)))
//
// # What it promises
//
// The entries of a room are numbered from 1 without holes. One script appends an event,
// stores its id, trims the room and publishes the event. The
// script is atomic: no other client sees a part of it. An append is idempotent by user
// and ID for at least five minutes.
//
// An appended event is as durable as the configuration of Redis. With an append-only
// file it survives a crash of the process. A crash of the machine may lose the last
// second. A failover may lose what the replica had not received. Redis does not report
// such a loss, so the servers compare Redis with the events that they have seen.
// Members, and clients that reconnect, then get a gap. They never get other events in
// place of the lost ones.
//
// The epoch of a room changes in three cases:
//   - The room's state is gone: FLUSHALL, eviction, expiry, a restart without
//     persistence.
//   - A server finds that the log contradicts what it has delivered.
//   - The room was not in use, and Redis lost writes of the room's bucket. The room's
//     own last entries may be among them.
//
// Redis 7 or newer is required: a single server, Sentinel or Redis Cluster.
// Configuration, sizing and operation:
// https://github.com/seed-08328bfd/chat/blob/main/adapters/redislog/README.md
package redislog
