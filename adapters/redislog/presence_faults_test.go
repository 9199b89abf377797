package redislog_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/logtest"
)

// Redis is paused, for longer than one use of it may take, and then loses its connections.
func TestPresenceFaults(t *testing.T) {
	t.Parallel()
	for range 2 {
		i := freshInstance(t)
		admin := i.client(t)
		logtest.PresenceFaults(t, func() chatlog.Log { return redislog.New(i.client(t)) },
			func() { i.signal(stopSignal) },
			func() { i.signal(contSignal) },
			func() { admin.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal") },
			func() { admin.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub") },
		)
	}
}
