package pglog_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/logtest"
)

// The database is paused, for longer than one use of it may take, and then loses its
// connections.
func TestPresenceFaults(t *testing.T) {
	t.Parallel()
	for range 2 {
		c := freshCluster(t)
		end := func(where string) func() {
			return func() {
				c.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND `+where)
			}
		}
		logtest.PresenceFaults(t, func() chatlog.Log { return migrated(t, c.pool(t)) },
			func() { c.signal(stopSignal) },
			func() { c.signal(contSignal) },
			end(`query NOT LIKE 'LISTEN%'`),
			end(`true`),
			end(`query LIKE 'LISTEN%'`),
		)
	}
}
