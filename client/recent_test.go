package client

import (
	"testing"

	"github.com/seed-08328bfd/chat"
)

// TestRecent adds more entries than are recognised: the latest are.
func TestRecent(t *testing.T) {
	for _, n := range []int{0, 1, maxMarks - 1, maxMarks, maxMarks + 1, 3*maxMarks - 1} {
		var r recent
		entry := func(i int) *chat.Event {
			return &chat.Event{Type: chat.TypeMessage, Offset: uint64(i + 1), Text: "x"}
		}
		for i := range n {
			r.add(r.mark(entry(i)))
		}
		known := r.all()
		for i := range n + 1 {
			if got, want := known.has(entry(i), r.mark(entry(i))), i < n && i >= n-maxMarks; got != want {
				t.Errorf("entry %d of %d: recognised %t", i, n, got)
			}
		}
	}
}
