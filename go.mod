module github.com/seed-08328bfd/chat

go 1.25.0

require (
	github.com/google/go-cmp v0.7.0
	golang.org/x/text v0.31.0
	golang.org/x/time v0.15.0
	nhooyr.io/websocket v1.8.17
)
