// Package expiry has a timer for credentials that run out.
package expiry

import (
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
)

// Warning is how long before the end the warning comes.
const Warning = time.Minute

// A Timer calls functions shortly before credentials run out, and when they do. The zero
// Timer is ready to use.
type Timer struct {
	mu      lock.Leaf
	timer   *time.Timer
	stopped bool
}

// Set sets the time when the credentials run out, in place of the one set before. warn is
// called one minute before, or now, and end at that time, each in a goroutine of its own;
// for a time that has passed only end is. The zero time means never. After Stop, Set does
// nothing.
func (t *Timer) Set(at time.Time, warn, end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopLocked()
	if at.IsZero() || t.stopped {
		return
	}
	left := max(time.Until(at), 0) - Warning
	var timer *time.Timer
	timer = time.AfterFunc(max(left, 0), func() {
		t.mu.Lock()
		if t.timer != timer { // fresh credentials have arrived in the meantime
			t.mu.Unlock()
			return
		}
		// Before the warning, because the answer to it stops this timer.
		t.timer = time.AfterFunc(max(0, time.Until(at)), end)
		t.mu.Unlock()
		if left > 0 || time.Until(at) > 0 {
			warn()
		}
	})
	t.timer = timer
}

// Stop ends the timer for good.
func (t *Timer) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopLocked()
	t.stopped = true
}

func (t *Timer) stopLocked() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}
