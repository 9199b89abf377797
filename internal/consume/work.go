package consume

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/lock"
)

// errEnded is the error of a handler that has ended its goroutine.
var errEnded = errors.New("chat: the handler did not return")

// work handles batches of a room until there are none, one fails, or its turn is over.
func (r *runner) work(room string) {
	res := result{room: room, err: errEnded}
	defer func() { r.results <- res }()
	for range turn {
		if r.over() != nil {
			break
		}
		claim, err := r.Log.Claim(r.ctx, r.Name, room, batchSize, hold)
		if err != nil {
			res.err = err
			return
		}
		if claim == nil {
			break // another process has it, or nothing is left
		}
		err = r.handle(claim)
		switch {
		case errors.Is(err, chatlog.ErrClaimLost):
			res.err = nil // the other process goes on
			return
		case err != nil:
			res.err = err
			return
		}
		res.some = true
	}
	res.err = nil
}

// handle handles what was claimed, and stores the place. What the handler has done is not
// undone if ctx ends meanwhile: then its place is stored all the same, so that nothing is handled
// twice.
func (r *runner) handle(claim chatlog.Claim) (err error) {
	after := context.WithoutCancel(r.ctx)
	handled := false
	defer func() {
		if !handled {
			claim.Release(after) // or the claim ends by itself
		}
	}()
	b := *claim.Batch()
	b.Events = slices.DeleteFunc(slices.Clone(b.Events), func(e chatlog.Event) bool { return e.Erased() })
	if len(b.Events) > 0 || b.Missed {
		ctx, cancel := context.WithCancelCause(r.ctx)
		k := keeper{claim: claim, ctx: after, lost: cancel}
		k.start()
		defer cancel(nil)
		defer k.stop()
		if err := r.Handle(claim.Context(ctx), &b); err != nil {
			if errors.Is(context.Cause(ctx), chatlog.ErrClaimLost) {
				return chatlog.ErrClaimLost
			}
			return err
		}
		k.stop()
	}
	handled = true // Done lets go of the room, whatever it returns
	return claim.Done(after)
}

// A keeper renews a claim while its events are handled.
type keeper struct {
	claim chatlog.Claim
	ctx   context.Context
	lost  context.CancelCauseFunc

	mu    lock.Leaf
	timer *time.Timer
	ended bool
}

func (k *keeper) start() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timer = time.AfterFunc(hold/3, k.renew)
}

func (k *keeper) renew() {
	err := k.claim.Renew(k.ctx, hold)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.ended:
	case errors.Is(err, chatlog.ErrClaimLost):
		k.lost(err)
	default: // after another error, Done finds out whether the claim still holds
		k.timer.Reset(hold / 3)
	}
}

func (k *keeper) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	k.timer.Stop()
}
