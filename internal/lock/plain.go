//go:build !lockcheck

package lock

import "sync"

// The locks, in their order.
type (
	Order     = sync.Mutex
	Conn      = sync.Mutex
	Room      = sync.Mutex
	Set       = sync.Mutex
	Server    = sync.Mutex
	Consumers = sync.Mutex
	Shard     = sync.Mutex
	Alive     = sync.RWMutex
	Idle      = sync.Mutex
	Leaf      = sync.Mutex
)
