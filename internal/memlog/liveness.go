package memlog

import (
	"context"
	"math"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/lock"
)

// liveness is the table of the servers that have users here. Only its methods use it, under
// its lock. They may take this lock while they hold a shard's.
type liveness struct {
	mu      lock.Alive
	servers map[string]time.Duration // server to the time until which it counts as alive
	removed map[string]time.Duration // server to when it was removed
	beaten  time.Duration            // when any server last called Beat
}

const (
	firstTTL = 30 * time.Second // for a server that has entered a user but not called Beat yet
	graveTTL = time.Hour        // how long a removed server is remembered
)

// meet adds server if it is new. It reports false if server was removed. It is called under
// the lock of a shard: so a Beat that removes the server visits that shard later, and
// removes the users that are being entered.
func (v *liveness) meet(server string, clock func() time.Duration) bool {
	v.mu.RLock()
	_, ok := v.servers[server]
	v.mu.RUnlock()
	if ok {
		return true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.removed[server]; ok {
		return false
	}
	if _, ok := v.servers[server]; !ok {
		v.servers[server] = clock() + firstTTL
	}
	return true
}

// beat notes that server is alive for another ttl, unless it was removed. It removes the
// servers whose time is over, and returns them.
func (v *liveness) beat(server string, now, ttl time.Duration) (held bool, dead []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if gap := now - v.beaten; gap > ttl/2 { // no server has called Beat: the process was suspended
		for name, end := range v.servers {
			v.servers[name] = max(end, min(later(end, gap), later(now, ttl)))
		}
	}
	v.beaten = now
	if _, removed := v.removed[server]; !removed {
		held = true
		v.servers[server] = later(now, ttl)
	}
	for name, end := range v.servers {
		if end <= now && !(held && name == server) {
			dead = append(dead, name)
			delete(v.servers, name)
			v.removed[name] = now
		}
	}
	for name, at := range v.removed {
		if now-at >= graveTTL {
			delete(v.removed, name)
		}
	}
	return held, dead
}

// later returns t + d, or the largest duration if that overflows.
func later(t, d time.Duration) time.Duration {
	if d > 0 && t+d < t {
		return math.MaxInt64
	}
	return t + d
}

// Beat implements [chatlog.Presence]. A server that is late but was not removed yet is
// still held: its users were not removed either.
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (p chatlog.Pulse, err error) {
	if err := ctx.Err(); err != nil {
		return p, err
	}
	held, dead := l.live.beat(server, l.clock(), ttl)
	if len(dead) > 0 {
		p.Gone = l.removeServers(dead)
	}
	l.expire()
	l.shrink()
	p.Held = held
	return p, nil
}
