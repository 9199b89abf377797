//go:build linux

package load

import (
	"math/bits"
	"time"
)

// A Histogram counts times in steps of about 3 %, from a microsecond up. The zero
// value is empty.
type Histogram struct {
	counts [32 * 40]uint32
	total  int64
	max    int64
}

func bucket(ns int64) int {
	v := uint64(max(ns, 0)) >> 10
	if v < 32 {
		return int(v)
	}
	shift := bits.Len64(v) - 6
	return min(32*(shift+1)+int(v>>shift)-32, 32*40-1)
}

func (h *Histogram) add(ns int64) {
	h.counts[bucket(ns)]++
	h.total++
	h.max = max(h.max, ns)
}

// Max returns the longest time.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }

// Quantile returns the time that a share q of all times does not exceed, or 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	left := int64(q * float64(h.total))
	for i, n := range h.counts {
		if left -= int64(n); left < 0 {
			v := uint64(i)
			if i >= 32 {
				shift := i/32 - 1
				v = uint64(32+i%32) << shift
			}
			return time.Duration(v << 10)
		}
	}
	return h.Max()
}
