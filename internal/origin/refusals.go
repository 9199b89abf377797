package origin

import (
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
)

// What is remembered of origins that were refused.
const (
	refusalPause = time.Minute // between two lines about one of them
	maxRefusals  = 64          // at a time; of more, their number is logged
)

// Refusals says when the refusal of an origin was logged.
type Refusals struct {
	mu     lock.Leaf
	logged map[string]time.Duration // by the server's clock
	others int                      // requests refused since the last line about them
	told   time.Duration            // when that was; 0 for never
}

// Note reports whether to log that an origin is refused. If it is one of too many,
// others is how many requests of such to log, or 0 for no line.
func (f *Refusals) Note(from string, now time.Duration) (log bool, others int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.logged[from]; ok && now-at < refusalPause {
		return false, 0
	}
	if len(f.logged) >= maxRefusals {
		for o, at := range f.logged {
			if now-at >= refusalPause {
				delete(f.logged, o)
			}
		}
	}
	if len(f.logged) >= maxRefusals {
		if f.others++; f.told > 0 && now-f.told < refusalPause {
			return false, 0
		}
		others, f.others, f.told = f.others, 0, max(now, 1)
		return false, others
	}
	if f.logged == nil {
		f.logged = map[string]time.Duration{}
	}
	f.logged[from] = now
	return true, 0
}
