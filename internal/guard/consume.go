package guard

import (
	"context"
	"errors"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

var _ chatlog.Tracker = (*Log)(nil)

// AddConsumer implements [chatlog.Tracker]. Its error, and those of the next four methods, may
// also be ErrUnsupported.
func (l *Log) AddConsumer(ctx context.Context, name string, skip bool) (err error) {
	if l.optional.tracker == nil {
		return ErrUnsupported
	}
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("AddConsumer", "", &err)
	return l.optional.tracker.AddConsumer(ctx, name, skip)
}

// RemoveConsumer implements [chatlog.Tracker].
func (l *Log) RemoveConsumer(ctx context.Context, name string) (err error) {
	if l.optional.tracker == nil {
		return ErrUnsupported
	}
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("RemoveConsumer", "", &err)
	return l.optional.tracker.RemoveConsumer(ctx, name)
}

// Consumers implements [chatlog.Tracker].
func (l *Log) Consumers(ctx context.Context) (all []chatlog.Consumer, err error) {
	if l.optional.tracker == nil {
		return nil, ErrUnsupported
	}
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Consumers", "", &err)
	return l.optional.tracker.Consumers(ctx)
}

// Behind implements [chatlog.Tracker].
func (l *Log) Behind(ctx context.Context, name string, except []string, limit int) (rooms []string, err error) {
	if l.optional.tracker == nil {
		return nil, ErrUnsupported
	}
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Behind", "", &err)
	return l.optional.tracker.Behind(ctx, name, except, limit)
}

// Claim implements [chatlog.Tracker]. The claim is guarded too.
func (l *Log) Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (c chatlog.Claim, err error) {
	if l.optional.tracker == nil {
		return nil, ErrUnsupported
	}
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Claim", room, &err)
	if c, err = l.optional.tracker.Claim(ctx, name, room, limit, hold); c == nil || err != nil {
		return nil, err
	}
	return claim{l, c, c.Batch()}, nil
}

// Grown implements [chatlog.Tracker].
func (l *Log) Grown() (c <-chan struct{}) {
	if l.optional.tracker == nil {
		return nil
	}
	var err error
	l.enter()
	defer l.end("Grown", "", &err)
	return l.optional.tracker.Grown()
}

// claim guards a claim.
type claim struct {
	log   *Log
	claim chatlog.Claim
	batch *chatlog.Batch
}

func (c claim) Batch() *chatlog.Batch { return c.batch }

// Context returns ctx without additions if the log panics.
func (c claim) Context(ctx context.Context) (with context.Context) {
	var err error
	with = ctx
	c.log.enter()
	defer c.log.end("Claim.Context", c.batch.Room, &err)
	return c.claim.Context(ctx)
}

func (c claim) Renew(ctx context.Context, hold time.Duration) error {
	return c.use(ctx, "Claim.Renew", func(ctx context.Context) error { return c.claim.Renew(ctx, hold) })
}

func (c claim) Done(ctx context.Context) error { return c.use(ctx, "Claim.Done", c.claim.Done) }

func (c claim) Release(ctx context.Context) error {
	return c.use(ctx, "Claim.Release", c.claim.Release)
}

// use calls f. That a claim is lost is no failure of the log.
func (c claim) use(ctx context.Context, method string, f func(context.Context) error) (err error) {
	lost := false
	func() {
		ctx, cancel := c.log.begin(ctx)
		defer cancel()
		defer c.log.end(method, c.batch.Room, &err)
		if err = f(ctx); errors.Is(err, chatlog.ErrClaimLost) {
			lost, err = true, nil
		}
	}()
	if lost {
		return chatlog.ErrClaimLost
	}
	return err
}
