//go:build lockcheck

package lock

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// The locks, in their order.
type (
	Order     = mutex[order]
	Conn      = mutex[conn]
	Room      = mutex[room]
	Set       = mutex[set]
	Server    = mutex[server]
	Consumers = mutex[consumers]
	Shard     = mutex[shard]
	Alive     = rwMutex[alive]
	Idle      = mutex[idle]
	Leaf      = mutex[leaf]
)

type kind interface{ rank() int }

type (
	order     struct{}
	conn      struct{}
	room      struct{}
	set       struct{}
	server    struct{}
	consumers struct{}
	shard     struct{}
	alive     struct{}
	idle      struct{}
	leaf      struct{}
)

var names = []string{"Order", "Conn", "Room", "Set", "Server", "Consumers", "Shard", "Alive", "Idle", "Leaf"}

func (order) rank() int     { return 0 }
func (conn) rank() int      { return 1 }
func (room) rank() int      { return 2 }
func (set) rank() int       { return 3 }
func (server) rank() int    { return 4 }
func (consumers) rank() int { return 5 }
func (shard) rank() int     { return 6 }
func (alive) rank() int     { return 7 }
func (idle) rank() int      { return 8 }
func (leaf) rank() int      { return 9 }

type mutex[K kind] struct{ mu sync.Mutex }

func (m *mutex[K]) Lock() {
	take(rankOf[K]())
	m.mu.Lock()
}

func (m *mutex[K]) Unlock() {
	m.mu.Unlock()
	leave(rankOf[K]())
}

type rwMutex[K kind] struct{ mu sync.RWMutex }

func (m *rwMutex[K]) Lock() {
	take(rankOf[K]())
	m.mu.Lock()
}

func (m *rwMutex[K]) Unlock() {
	m.mu.Unlock()
	leave(rankOf[K]())
}

func (m *rwMutex[K]) RLock() {
	take(rankOf[K]())
	m.mu.RLock()
}

func (m *rwMutex[K]) RUnlock() {
	m.mu.RUnlock()
	leave(rankOf[K]())
}

func rankOf[K kind]() int {
	var k K
	return k.rank()
}

// held has the ranks of the locks that each goroutine holds.
var held = struct {
	mu sync.Mutex
	by map[string][]int
}{by: map[string][]int{}}

func take(rank int) {
	id := goroutine()
	held.mu.Lock()
	defer held.mu.Unlock()
	for _, r := range held.by[id] {
		if r >= rank {
			panic(fmt.Sprintf("lock: %s is taken under %s", names[rank], names[r]))
		}
	}
	held.by[id] = append(held.by[id], rank)
}

func leave(rank int) {
	id := goroutine()
	held.mu.Lock()
	defer held.mu.Unlock()
	ranks := held.by[id]
	i := slices.Index(ranks, rank)
	if i < 0 {
		panic(fmt.Sprintf("lock: %s is unlocked by a goroutine that does not hold it", names[rank]))
	}
	if ranks = slices.Delete(ranks, i, i+1); len(ranks) == 0 {
		delete(held.by, id)
		return
	}
	held.by[id] = ranks
}

// goroutine returns the number of the calling goroutine. Only a stack trace contains it.
func goroutine() string {
	var b [64]byte
	line := b[:runtime.Stack(b[:], false)]
	line, _, _ = bytes.Cut(bytes.TrimPrefix(line, []byte("goroutine ")), []byte(" "))
	return string(line)
}
