package redislog_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
)

// Every Log of the suite has its own client, subscription and memory, as if it were another
// process.
func TestLog(t *testing.T) {
	t.Parallel()
	prefix := newPrefix()
	chattest.TestLog(t, func(t *testing.T) chatlog.Log {
		return redislog.New(shared.client(t), prefix, redislog.WithHistory(3000))
	})
}
