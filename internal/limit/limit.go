// Package limit counts the connections of a server, of an address and of a user, and
// the messages that a user sends.
package limit

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-08328bfd/chat/internal/lock"
	"github.com/seed-08328bfd/chat/internal/proto"
)

// maxIdleAccounts is the largest number of users without connections whose rate limit is
// remembered.
const maxIdleAccounts = 1 << 16

// ErrReached is returned when a limit is reached.
var ErrReached = errors.New("chat: limit reached")

// A Config says what the limits are. Zero is no limit.
type Config struct {
	Connections int
	PerAddress  int
	PerUser     int
	Rate        float64 // messages per second of one user
	Burst       int     // messages of one user immediately one after the other
}

// Limits counts connections and messages. Make one with New.
type Limits struct {
	cfg Config // immutable

	mu    lock.Leaf
	conns int
	addrs map[Place]int
	users map[string]*Account
	idle  int // accounts without connections
}

// New returns Limits that have counted nothing yet.
func New(cfg Config) *Limits { return &Limits{cfg: cfg} }

// Account counts the use of one user, over all connections to this server.
type Account struct {
	user    string
	conns   int // guarded by Limits.mu
	visits  int // guarded by Limits.mu
	limiter *rate.Limiter
	signals atomic.Pointer[rate.Limiter] // nil until the first signal
}

// Connect counts a connection from addr; Disconnect undoes it.
func (l *Limits) Connect(addr Place) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cfg.Connections > 0 && l.conns >= l.cfg.Connections {
		return fmt.Errorf("%w: connections", ErrReached)
	}
	if l.cfg.PerAddress > 0 && !addr.none {
		if l.addrs[addr] >= l.cfg.PerAddress {
			return fmt.Errorf("%w: connections from one address", ErrReached)
		}
		if l.addrs == nil {
			l.addrs = map[Place]int{}
		}
		l.addrs[addr]++
	}
	l.conns++
	return nil
}

// Disconnect undoes Connect.
func (l *Limits) Disconnect(addr Place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns--
	if l.cfg.PerAddress > 0 && !addr.none {
		if l.addrs[addr]--; l.addrs[addr] <= 0 {
			delete(l.addrs, addr)
		}
	}
}

// Open returns the account of a user for one more connection; Close undoes it.
func (l *Limits) Open(user string) (*Account, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(user)
	if l.cfg.PerUser > 0 && a.conns >= l.cfg.PerUser {
		return nil, fmt.Errorf("%w: connections of one user", ErrReached)
	}
	if a.conns++; a.conns+a.visits == 1 {
		l.idle--
	}
	return a, nil
}

// Connected reports whether a user has a connection that Open has counted.
func (l *Limits) Connected(user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.users[user]
	return a != nil && a.conns > 0
}

// Visit returns the account of a user for a request that is no connection. Their number has no
// limit. Left undoes it.
func (l *Limits) Visit(user string) *Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accountLocked(user)
	if a.visits++; a.conns+a.visits == 1 {
		l.idle--
	}
	return a
}

// Left undoes Visit.
func (l *Limits) Left(a *Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.visits--
	l.restLocked(a)
}

// accountLocked returns the account of a user. It makes one if there is none.
func (l *Limits) accountLocked(user string) *Account {
	a := l.users[user]
	if a == nil {
		a = &Account{user: user}
		if l.cfg.Rate > 0 {
			a.limiter = rate.NewLimiter(rate.Limit(l.cfg.Rate), l.cfg.Burst)
		}
		if l.users == nil {
			l.users = map[string]*Account{}
		}
		l.users[user] = a
		l.idle++
	}
	return a
}

// Close undoes Open.
func (l *Limits) Close(a *Account) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.conns--
	l.restLocked(a)
}

// restLocked notes that a may be idle now.
func (l *Limits) restLocked(a *Account) {
	if a.conns+a.visits > 0 {
		return
	}
	l.idle++
	if l.idle > maxIdleAccounts || a.full() {
		l.forgetLocked(a)
	}
}

func (l *Limits) forgetLocked(a *Account) {
	delete(l.users, a.user)
	l.idle--
}

// Sweep forgets the users who are not connected and whose limit is full again.
func (l *Limits) Sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.idle == 0 {
		return
	}
	for _, a := range l.users {
		if a.conns+a.visits == 0 && a.full() {
			l.forgetLocked(a)
		}
	}
}

func (a *Account) full() bool { return full(a.limiter) && full(a.signals.Load()) }

func full(l *rate.Limiter) bool { return l == nil || l.Tokens() >= float64(l.Burst()) }

// Take counts one message and returns 0; if the user is over the rate limit it counts
// nothing and returns how long to wait.
func (a *Account) Take() (wait time.Duration) {
	if a.limiter == nil {
		return 0
	}
	return take(a.limiter)
}

// TakeSignal is Take for a signal, of which each user may send proto.SignalsPerSecond.
func (a *Account) TakeSignal() (wait time.Duration) {
	l := a.signals.Load()
	if l == nil {
		a.signals.CompareAndSwap(nil, rate.NewLimiter(proto.SignalsPerSecond, proto.SignalsPerSecond))
		l = a.signals.Load()
	}
	return take(l)
}

func take(l *rate.Limiter) (wait time.Duration) {
	now := time.Now()
	if l.AllowN(now, 1) {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	ms := min(math.Ceil(missing/float64(l.Limit())*1000), math.MaxInt32)
	return max(1, time.Duration(ms)) * time.Millisecond
}
