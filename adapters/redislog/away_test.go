package redislog_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/internal/test/logtest"
)

// TestAwayAtStart starts while Redis is paused, does not answer, or does not run.
func TestAwayAtStart(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	i.signal(stopSignal)
	logtest.RefusedWhileAway(t, "stopped", redislog.New(i.client(t)))
	i.signal(contSignal)
	for what, addr := range map[string]string{"silent": logtest.Silent(t), "refused": "127.0.0.1:1"} {
		c := redis.NewClient(&redis.Options{Addr: addr})
		logtest.RefusedWhileAway(t, what, redislog.New(c))
		c.Close()
	}
}
