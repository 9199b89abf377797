package redislog_test

import (
	"testing"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
)

// Every Log of the suite is a process of its own as far as it can tell: with its
// own client, subscription and memory.
func TestLog(t *testing.T) {
	t.Parallel()
	prefix := newPrefix()
	chattest.TestLog(t, func(t *testing.T) chatlog.Log {
		return redislog.New(shared.client(t), prefix, redislog.WithHistory(3000))
	})
}
