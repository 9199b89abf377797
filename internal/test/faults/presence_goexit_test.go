package faults

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestLogEndsSettling lets a log end, several times, the goroutine that reports a user to it.
// The report is repeated, and at the end the log has the right users.
func TestLogEndsSettling(t *testing.T) {
	for _, method := range []string{"Enter", "Leave"} {
		t.Run(method, func(t *testing.T) {
			inCluster(t, 2, 1, func(c *cluster) {
				bad := &harness.BadLog{Log: c.log, Wrong: runtime.Goexit}
				bad.Set("")
				c.ways[0].Log = bad
				c.come(t, 0, "u1", "u2")
				c.come(t, 1, "u3")
				time.Sleep(5 * time.Second)
				bad.Set(method)
				if method == "Leave" {
					c.Leave("u1")
				} else {
					go c.Come("u1", "another", 0, time.Minute)
				}
				time.Sleep(3 * time.Second)
				synctest.Wait()
				if n := bad.Met.Load(); n < 2 {
					t.Errorf("%s was called %d times", method, n)
				}
				bad.Set("")
				time.Sleep(5 * time.Second)
				c.agree(t)
			})
		})
	}
}
