package guard

import (
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
)

// maxTurns is the largest number of turns that are remembered.
const maxTurns = 1 << 16

// turns keeps when users last sent a message to a room, for a server whose log is no
// chatlog.Pacer. The zero turns is ready to use.
type turns struct {
	mu    lock.Leaf
	taken map[turnOf]turn
	swept time.Time
}

type turnOf struct{ room, user string }

type turn struct {
	at time.Time
	id string
}

// take takes the turn of user in room, if the last one was taken at least every ago or with
// the same id, which is not empty, and returns 0; otherwise it returns the time that is left.
func (t *turns) take(room, user, id string, every time.Duration) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, of := time.Now(), turnOf{room, user}
	if last, ok := t.taken[of]; ok {
		if left := every - now.Sub(last.at); left > 0 {
			if id != "" && id == last.id {
				left = 0
			}
			return left
		}
	}
	t.sweepLocked(now, every)
	t.taken[of] = turn{now, id}
	return 0
}

// sweepLocked forgets the turns that were taken at least every ago, not more often than
// that, and makes room for one more.
func (t *turns) sweepLocked(now time.Time, every time.Duration) {
	if t.taken == nil {
		t.taken = map[turnOf]turn{}
	}
	if now.Sub(t.swept) >= every {
		t.swept = now
		for of, last := range t.taken {
			if now.Sub(last.at) >= every {
				delete(t.taken, of)
			}
		}
	}
	for of := range t.taken {
		if len(t.taken) < maxTurns {
			return
		}
		delete(t.taken, of) // any one
	}
}
