// Package faultlog makes the presence and the signals of a log unreliable, like a network or a
// store with faults. Calls fail, succeed although their answers are lost, take long, hang, or
// take effect after the caller has given up. Entries are not affected.
package faultlog

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/pause"
)

// ErrFault is the error of a call that must fail.
var ErrFault = errors.New("faultlog: made to fail")

// Late is the longest time for which a call may take effect after its caller has given up.
const Late = 3 * time.Second

// A Log is one server's connection to a log.
type Log struct {
	chatlog.Log

	mu    sync.Mutex
	rng   *rand.Rand
	rate  float64
	state int
	moved chan struct{} // closed when state changes
}

// The states of the connection.
const (
	Open    = iota // calls go through, but for Faults
	Cut            // every call fails
	Stopped        // every call hangs until its context ends or the state is Open
)

// New returns a reliable connection to l.
func New(l chatlog.Log, seed uint64) *Log {
	return &Log{Log: l, rng: rand.New(rand.NewPCG(seed, 0)), moved: make(chan struct{})}
}

// Faults sets the share of calls with a fault, from 0 to 1.
func (l *Log) Faults(rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate = rate
}

// Set sets the state.
func (l *Log) Set(state int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state
	close(l.moved)
	l.moved = make(chan struct{})
}

// The kinds of faults.
const (
	well = iota
	fail
	loseAnswer
	slow
	hang
	late
	ways
)

func (l *Log) fate() (fate int, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rng.Float64() >= l.rate {
		return well, 0
	}
	return 1 + l.rng.IntN(ways-1), time.Duration(l.rng.Int64N(int64(Late)))
}

// pass waits while the state is Stopped.
func (l *Log) pass(ctx context.Context) error {
	for {
		l.mu.Lock()
		state, moved := l.state, l.moved
		l.mu.Unlock()
		switch state {
		case Cut:
			return ErrFault
		case Open:
			return ctx.Err()
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func do[T any](l *Log, ctx context.Context, f func(context.Context) (T, error)) (v T, err error) {
	if err := l.pass(ctx); err != nil {
		return v, err
	}
	fate, rest := l.fate()
	switch fate {
	case fail:
		return v, ErrFault
	case loseAnswer:
		f(context.WithoutCancel(ctx))
		return v, ErrFault
	case slow:
		if !pause.For(ctx, rest) {
			return v, ctx.Err()
		}
	case hang:
		<-ctx.Done()
		return v, ctx.Err()
	case late:
		<-ctx.Done()
		go func() {
			time.Sleep(rest)
			f(context.WithoutCancel(ctx))
		}()
		return v, ctx.Err()
	}
	return f(ctx)
}

// Signal implements [chatlog.Feed].
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) error {
	_, err := do(l, ctx, func(ctx context.Context) (struct{}, error) {
		if fate, _ := l.fate(); fate != well {
			return struct{}{}, nil // lost, which a feed is allowed to do
		}
		return struct{}{}, l.Log.Signal(ctx, room, e)
	})
	return err
}

// Enter implements [chatlog.Presence].
func (l *Log) Enter(ctx context.Context, server, room string, m chatlog.Member) (bool, error) {
	return do(l, ctx, func(ctx context.Context) (bool, error) { return l.Log.Enter(ctx, server, room, m) })
}

// Leave implements [chatlog.Presence].
func (l *Log) Leave(ctx context.Context, server, room, userID string) (bool, error) {
	return do(l, ctx, func(ctx context.Context) (bool, error) { return l.Log.Leave(ctx, server, room, userID) })
}

// Members implements [chatlog.Presence].
func (l *Log) Members(ctx context.Context, room string, limit int) (chatlog.MemberList, error) {
	return do(l, ctx, func(ctx context.Context) (chatlog.MemberList, error) { return l.Log.Members(ctx, room, limit) })
}

// Versions implements [chatlog.Presence].
func (l *Log) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	return do(l, ctx, func(ctx context.Context) ([]uint64, error) { return l.Log.Versions(ctx, rooms) })
}

// Beat implements [chatlog.Presence].
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (chatlog.Pulse, error) {
	return do(l, ctx, func(ctx context.Context) (chatlog.Pulse, error) { return l.Log.Beat(ctx, server, ttl) })
}
