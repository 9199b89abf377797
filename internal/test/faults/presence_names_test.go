package faults

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/internal/test/faultlog"
)

// TestNameOfWhoStays has a user on three servers, on the last one under another name. The user
// leaves that one in every possible way. Then the list must have the name of a connection that
// still exists, although no other server has anything to report to the log.
func TestNameOfWhoStays(t *testing.T) {
	for _, end := range []struct {
		how   string
		do    func(*cluster)
		after time.Duration
	}{
		{"leaves", func(c *cluster) { c.LeaveServer(2) }, 0},
		{"is cut off", func(c *cluster) { c.Lose(2) }, clusterGrace},
		{"is on a server that dies", func(c *cluster) {
			c.ways[2].Set(faultlog.Cut)
			c.Lose(2)
			c.servers[2].Close()
		}, 20 * time.Second},
	} {
		t.Run(end.how, func(t *testing.T) {
			inCluster(t, 3, 1, func(c *cluster) {
				for server, name := range []string{"old", "old", "new"} {
					if !c.Come("u1", name, server, time.Minute) {
						t.Fatal("the user cannot join")
					}
					synctest.Wait()
				}
				time.Sleep(5 * time.Second)
				end.do(c)
				time.Sleep(end.after + 5*time.Second)
				synctest.Wait()
				for _, s := range append(c.Wrong(), c.Differ(0, 1)...) {
					t.Error(s)
				}
			})
		})
	}
}
