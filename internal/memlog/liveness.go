package memlog

import (
	"context"
	"math"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/lock"
)

// liveness is the servers that have users here. Only its methods touch it, under its
// lock, which they may take beside that of a shard.
type liveness struct {
	mu      lock.Alive
	servers map[string]time.Duration // server to the end of its promise
	removed map[string]time.Duration // server to when it was removed
	beaten  time.Duration            // when any server last called Beat
}

const (
	firstTTL = 30 * time.Second // of a server that has entered a user but not called Beat
	graveTTL = time.Hour        // how long a removed server is told so
)

// meet makes sure that server is known, unless it was removed. It is called under the
// lock of a shard: so a Beat that removes the server comes by later, and removes what
// it entered.
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

// beat notes that server lives for another ttl, unless it was removed. It removes the
// servers that have not kept their promise, and returns them.
func (v *liveness) beat(server string, now, ttl time.Duration) (held bool, dead []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if gap := now - v.beaten; gap > ttl/2 { // nobody could beat: the process stood still
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

// later returns t + d, or the latest time there is.
func later(t, d time.Duration) time.Duration {
	if d > 0 && t+d < t {
		return math.MaxInt64
	}
	return t + d
}

// Beat implements [chatlog.Presence]. A server that is late but was not removed yet is
// held: nobody has seen its users leave.
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (p chatlog.Pulse, err error) {
	if err := ctx.Err(); err != nil {
		return p, err
	}
	held, dead := l.live.beat(server, l.clock(), ttl)
	if len(dead) > 0 {
		p.Gone = l.bury(dead)
	}
	l.expire()
	l.shrink()
	p.Held = held
	return p, nil
}
