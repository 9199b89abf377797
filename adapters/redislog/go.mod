module github.com/seed-08328bfd/chat/adapters/redislog

go 1.25.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/redis/go-redis/v9 v9.22.0
	github.com/seed-08328bfd/chat v0.0.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	golang.org/x/sys v0.30.0 // indirect
	golang.org/x/text v0.31.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	nhooyr.io/websocket v1.8.17 // indirect
)

replace github.com/seed-08328bfd/chat => ../..
