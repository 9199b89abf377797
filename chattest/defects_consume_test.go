package chattest

import (
	"context"
	"errors"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// A brokenTracker is the memory log with a defect in what consumers use. Nil functions change nothing.
type brokenTracker struct {
	chatlog.Log
	tracker chatlog.Tracker

	add       func(t chatlog.Tracker, name string, skip *bool)
	remove    func() (done bool)
	consumers func(c *chatlog.Consumer)
	behind    func(except *[]string, limit *int)
	hold      func(*time.Duration)
	claim     func(chatlog.Claim) chatlog.Claim
	grown     func() <-chan struct{}
}

func (l *brokenTracker) AddConsumer(ctx context.Context, name string, skip bool) error {
	if l.add != nil {
		l.add(l.tracker, name, &skip)
	}
	return l.tracker.AddConsumer(ctx, name, skip)
}

func (l *brokenTracker) RemoveConsumer(ctx context.Context, name string) error {
	if l.remove != nil && l.remove() {
		return nil
	}
	return l.tracker.RemoveConsumer(ctx, name)
}

func (l *brokenTracker) Consumers(ctx context.Context) ([]chatlog.Consumer, error) {
	all, err := l.tracker.Consumers(ctx)
	for i := range all {
		if l.consumers != nil {
			l.consumers(&all[i])
		}
	}
	return all, err
}

func (l *brokenTracker) Behind(ctx context.Context, name string, except []string, limit int) ([]string, error) {
	if l.behind != nil {
		l.behind(&except, &limit)
	}
	return l.tracker.Behind(ctx, name, except, limit)
}

func (l *brokenTracker) Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (chatlog.Claim, error) {
	if l.hold != nil {
		l.hold(&hold)
	}
	c, err := l.tracker.Claim(ctx, name, room, limit, hold)
	if c != nil && l.claim != nil {
		c = l.claim(c)
	}
	return c, err
}

func (l *brokenTracker) Grown() <-chan struct{} {
	if l.grown != nil {
		return l.grown()
	}
	return l.tracker.Grown()
}

func track(l *brokenTracker) func() func() chatlog.Log {
	return func() func() chatlog.Log {
		l.Log = chat.NewMemoryLog(chat.MemoryOptions{})
		l.tracker = l.Log.(chatlog.Tracker)
		return func() chatlog.Log { return l }
	}
}

// A brokenClaim ends in another way.
type brokenClaim struct {
	chatlog.Claim
	done, release func(context.Context, chatlog.Claim) error
}

func (c brokenClaim) Done(ctx context.Context) error {
	if c.done == nil {
		return c.Claim.Done(ctx)
	}
	return c.done(ctx, c.Claim)
}

func (c brokenClaim) Release(ctx context.Context) error {
	if c.release == nil {
		return c.Claim.Release(ctx)
	}
	return c.release(ctx, c.Claim)
}

func lastEvent(b *chatlog.Batch) { b.Events = b.Events[max(0, len(b.Events)-1):] }

// consumeDefects are the possible defects with consumers.
var consumeDefects = []defect{
	{"begins at the first events although it is to skip", "Consumer", track(&brokenTracker{add: func(_ chatlog.Tracker, _ string, skip *bool) { *skip = false }})},
	{"begins anew for a consumer that it knows", "Consumer", track(&brokenTracker{add: func(t chatlog.Tracker, name string, _ *bool) { t.RemoveConsumer(context.Background(), name) }})},
	{"forgets no consumer", "Consumer", track(&brokenTracker{remove: func() bool { return true }})},
	{"counts rooms and no events", "Consumer", track(&brokenTracker{consumers: func(c *chatlog.Consumer) { c.Events = uint64(c.Rooms) }})},
	{"ignores except", "Consumer", track(&brokenTracker{behind: func(except *[]string, _ *int) { *except = nil }})},
	{"ignores the limit of Behind", "Consumer", track(&brokenTracker{behind: func(_ *[]string, limit *int) { *limit = 100 }})},
	{"gives a claimed room to another caller", "Consumer", track(&brokenTracker{hold: func(d *time.Duration) { *d = 1 }})},
	{"never ends a claim", "Consumer", track(&brokenTracker{hold: func(d *time.Duration) { *d = time.Hour }})},
	{"stores the place of a claim that is released", "Consumer", track(&brokenTracker{claim: func(c chatlog.Claim) chatlog.Claim {
		return brokenClaim{Claim: c, release: func(ctx context.Context, c chatlog.Claim) error { return c.Done(ctx) }}
	}})},
	{"stores the place of a claim that is released, sometimes", "ConsumeConcurrently", track(&brokenTracker{claim: func(c chatlog.Claim) chatlog.Claim {
		return brokenClaim{Claim: c, release: func(ctx context.Context, c chatlog.Claim) error { return c.Done(ctx) }}
	}})},
	{"stores nothing", "Consumer", track(&brokenTracker{claim: func(c chatlog.Claim) chatlog.Claim {
		return brokenClaim{Claim: c, done: func(ctx context.Context, c chatlog.Claim) error { return c.Release(ctx) }}
	}})},
	{"does not tell of a claim that was lost", "Consumer", track(&brokenTracker{claim: func(c chatlog.Claim) chatlog.Claim {
		return brokenClaim{Claim: c, done: func(ctx context.Context, c chatlog.Claim) error {
			if err := c.Done(ctx); !errors.Is(err, chatlog.ErrClaimLost) {
				return err
			}
			return nil
		}}
	}})},
	{"leaves events out", "Consumer", track(&brokenTracker{claim: func(c chatlog.Claim) chatlog.Claim {
		lastEvent(c.Batch())
		return c
	}})},
	{"leaves events out of large batches", "ConsumeConcurrently", track(&brokenTracker{claim: func(c chatlog.Claim) chatlog.Claim {
		lastEvent(c.Batch())
		return c
	}})},
	{"does not tell that it has grown", "Consumer", track(&brokenTracker{grown: func() <-chan struct{} { return nil }})},
}
