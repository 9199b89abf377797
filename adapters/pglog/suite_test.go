package pglog_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
)

// Every Log of the suite has its own pool, listening connection and memory, as if it were
// another process.
func TestLog(t *testing.T) {
	t.Parallel()
	schema := pglog.WithSchema(newSchema())
	chattest.TestLog(t, func(t *testing.T) chatlog.Log { return migrated(t, shared.pool(t, "pool_max_conns=4"), schema) })
}
