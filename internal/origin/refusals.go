package origin

import (
	"time"

	"github.com/seed-08328bfd/chat/internal/lock"
)

// Limits for the memory of refused origins.
const (
	refusalPause = time.Minute // between two log lines about one origin
	maxRefusals  = 64          // at a time; of more, their number is logged
)

// Refusals remembers when the refusal of each origin was logged last.
type Refusals struct {
	mu     lock.Leaf
	logged map[string]time.Duration // by the server's clock
	others int                      // requests refused since the last line about them
	told   time.Duration            // when that was; 0 for never
}

// Note reports whether to log the refusal of an origin. If too many origins are remembered,
// others is the number of such requests to log together, or 0 for no line.
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
