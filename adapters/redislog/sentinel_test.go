package redislog_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
)

// newSentinel starts a master, its replica and a sentinel, which end with the test.
func newSentinel(t testing.TB) (master, replica, sentinel *instance) {
	t.Helper()
	const secret = "secret"
	auth := []string{"--requirepass", secret, "--masterauth", secret}
	master = fresh(t, &instance{secret: secret, args: auth})
	replica = fresh(t, &instance{secret: secret, args: append(auth, "--replicaof", "127.0.0.1 "+master.port)})
	eventually(t, "the replica is in step", func() bool {
		return strings.Contains(replica.exec(t, "INFO", "replication").(string), "master_link_status:up")
	})
	conf := filepath.Join(master.dir, "sentinel.conf")
	if err := os.WriteFile(conf, []byte(strings.Join([]string{
		"sentinel monitor rooms 127.0.0.1 " + master.port + " 1",
		"sentinel auth-pass rooms " + secret,
		"sentinel down-after-milliseconds rooms 6000",
		"",
	}, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel = fresh(t, &instance{conf: conf})
	eventually(t, "the sentinel knows the replica", func() bool {
		return len(sentinel.exec(t, "SENTINEL", "REPLICAS", "rooms").([]any)) == 1
	})
	return master, replica, sentinel
}

// failoverClient returns a client that asks the sentinel, closed with the test.
func failoverClient(t testing.TB, sentinel *instance) redis.UniversalClient {
	t.Helper()
	c := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "rooms", SentinelAddrs: []string{sentinel.addr()}, Password: "secret", ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// The master dies, and the replica has everything: nothing is lost. Then that one's
// replica is not in step when it dies too: members are told of one gap, and have what
// the log has.
func TestFailover(t *testing.T) {
	t.Parallel()
	for _, lagging := range []bool{false, true} {
		name := "in step"
		if lagging {
			name = "lost tail"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master, replica, sentinel := newSentinel(t)
			_, members := crowd(t, 2, func(t testing.TB) redis.UniversalClient { return failoverClient(t, sentinel) })
			chatter(t, members, 10, 0)
			master.exec(t, "WAIT", 1, 0)
			if lagging {
				replica.exec(t, "CONFIG", "SET", "masterauth", "wrong")
				master.exec(t, "CLIENT", "KILL", "TYPE", "replica")
				eventually(t, "the replica is out of step", func() bool {
					return strings.Contains(replica.exec(t, "INFO", "replication").(string), "master_link_status:down")
				})
				chatter(t, members, 5, 0)
			}
			master.stop(syscall.SIGKILL)
			gaps := 0
			if lagging {
				gaps = 1
				told(t, members)
				forgive(members)
			}
			chatter(t, members, 10, 0)
			agree(t, redislog.New(failoverClient(t, sentinel)), members, gaps)
		})
	}
}
