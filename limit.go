package chat

import (
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxIdleAccounts is how many users who are not connected have their rate limit
// remembered.
const maxIdleAccounts = 1 << 16

// limits counts connections and messages.
type limits struct {
	cfg *config

	mu    sync.Mutex
	conns int
	addrs map[counted]int
	users map[string]*account
	idle  int // accounts without connections
}

// account is what one user, over all connections to this server, uses up.
type account struct {
	user    string
	conns   int // guarded by limits.mu
	limiter *rate.Limiter
}

// connect counts a connection from addr; disconnect undoes it.
func (l *limits) connect(addr counted) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cfg.maxConns > 0 && l.conns >= l.cfg.maxConns {
		return fmt.Errorf("%w: connections", ErrTooMany)
	}
	if l.cfg.maxPerAddr > 0 && !addr.none {
		if l.addrs[addr] >= l.cfg.maxPerAddr {
			return fmt.Errorf("%w: connections from one address", ErrTooMany)
		}
		if l.addrs == nil {
			l.addrs = map[counted]int{}
		}
		l.addrs[addr]++
	}
	l.conns++
	return nil
}

func (l *limits) disconnect(addr counted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns--
	if l.cfg.maxPerAddr > 0 && !addr.none {
		if l.addrs[addr]--; l.addrs[addr] <= 0 {
			delete(l.addrs, addr)
		}
	}
}

// open returns the account of a user for one more connection; close undoes it.
func (l *limits) open(user string) (*account, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.users[user]
	if a == nil {
		a = &account{user: user}
		if l.cfg.rate > 0 {
			a.limiter = rate.NewLimiter(rate.Limit(l.cfg.rate), l.cfg.burst)
		}
		if l.users == nil {
			l.users = map[string]*account{}
		}
		l.users[user] = a
		l.idle++
	}
	if l.cfg.maxPerUser > 0 && a.conns >= l.cfg.maxPerUser {
		return nil, fmt.Errorf("%w: connections of one user", ErrTooMany)
	}
	if a.conns++; a.conns == 1 {
		l.idle--
	}
	return a, nil
}

func (l *limits) close(a *account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.conns--; a.conns > 0 {
		return
	}
	l.idle++
	if l.idle > maxIdleAccounts || a.full() {
		l.forgetLocked(a)
	}
}

func (l *limits) forgetLocked(a *account) {
	delete(l.users, a.user)
	l.idle--
}

// sweep forgets the users who are not connected and whose limit is full again.
func (l *limits) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle == 0 {
		return
	}
	for _, a := range l.users {
		if a.conns == 0 && a.full() {
			l.forgetLocked(a)
		}
	}
}

func (a *account) full() bool {
	return a.limiter == nil || a.limiter.Tokens() >= float64(a.limiter.Burst())
}

// take spends one message, or says how long until there is one to spend.
func (a *account) take() (wait time.Duration) {
	if a.limiter == nil {
		return 0
	}
	now := time.Now()
	if a.limiter.AllowN(now, 1) {
		return 0
	}
	missing := 1 - a.limiter.TokensAt(now)
	ms := min(math.Ceil(missing/float64(a.limiter.Limit())*1000), math.MaxInt32)
	return max(1, time.Duration(ms)) * time.Millisecond
}
