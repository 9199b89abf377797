// Package claim has the claims of consumers on rooms, for logs that only one process uses. The
// logs store the places of consumers themselves.
package claim

import (
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
)

// A Key names what is claimed.
type Key struct{ Consumer, Room string }

// A Table holds claims. The zero Table is empty. Its methods may be called concurrently.
type Table struct {
	mu   lock.Leaf
	last uint64
	held map[Key]held
}

type held struct {
	token uint64
	until time.Time
}

// Take claims k for the time hold. It returns a token that is not 0, or 0 if k is claimed.
func (t *Table) Take(k Key, hold time.Duration) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Before(t.held[k].until) {
		return 0
	}
	if t.held == nil {
		t.held = map[Key]held{}
	}
	t.last++
	t.held[k] = held{t.last, now.Add(hold)}
	return t.last
}

// Taken reports whether k is claimed.
func (t *Table) Taken(k Key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Before(t.held[k].until)
}

// Renew claims k for the time hold from now on. It reports false if another call has claimed k
// after the one that returned token.
func (t *Table) Renew(k Key, token uint64, hold time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[k].token != token {
		return false
	}
	t.held[k] = held{token, time.Now().Add(hold)}
	return true
}

// Keep makes the claim of token last until it is dropped, or reports false as Renew does. Use it
// before what no other claim may come between.
func (t *Table) Keep(k Key, token uint64) bool { return t.Renew(k, token, time.Hour) }

// Drop ends the claim of token. It reports false if that had been taken over.
func (t *Table) Drop(k Key, token uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[k].token != token {
		return false
	}
	delete(t.held, k)
	return true
}
