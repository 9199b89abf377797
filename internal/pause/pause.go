// Package pause waits.
//
// In a bubble of testing/synctest with the race detector, two goroutines that look at timers
// that have run out already crash Go's race detector (seen with Go 1.26.8: both use the one
// context of the bubble's timers). A timer that a goroutine waits for is fired by the bubble,
// one at a time. So no timer here starts with a time that is over.
package pause

import (
	"context"
	"time"
)

// For waits for d, and reports false if ctx ended first. It does not wait if d is zero or less.
func For(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Timer returns a timer for d, or for a nanosecond if d is less.
func Timer(d time.Duration) *time.Timer {
	return time.NewTimer(max(d, 1))
}
