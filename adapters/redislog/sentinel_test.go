package redislog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// newSentinel starts a master, its replica and a sentinel, which end with the test.
func newSentinel(t testing.TB) (master, replica, sentinel *instance) {
	t.Helper()
	const secret = "secret"
	auth := []string{"--requirepass", secret, "--masterauth", secret}
	master = fresh(t, &instance{secret: secret, args: auth})
	replica = fresh(t, &instance{secret: secret, args: append(auth, "--replicaof", "127.0.0.1 "+master.port)})
	eventually(t, "the replica follows the master", func() bool {
		return strings.Contains(replica.exec(t, "INFO", "replication").(string), "master_link_status:up")
	})
	conf := filepath.Join(master.dir, "sentinel.conf")
	if err := os.WriteFile(conf, []byte(strings.Join([]string{
		"sentinel monitor rooms 127.0.0.1 " + master.port + " 1",
		"sentinel auth-pass rooms " + secret,
		"sentinel down-after-milliseconds rooms 6000",
		"sentinel failover-timeout rooms 10000",
		"",
	}, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel = fresh(t, &instance{conf: conf})
	// By default Sentinel promotes only a replica that has sent its state in the last five
	// seconds, but it asks every ten. When the master is down it asks again, and waits a tenth
	// of a second for the answer. Without an answer it tries again after twice the failover
	// timeout. It does nothing for half a minute after the machine was paused.
	sentinel.exec(t, "SENTINEL", "DEBUG", "info-period", "1000", "tilt-period", "3000")
	eventually(t, "the sentinel knows the replica", func() bool {
		return len(sentinel.exec(t, "SENTINEL", "REPLICAS", "rooms").([]any)) == 1
	})
	return master, replica, sentinel
}

// failoverClient returns a client that asks the sentinel. It is closed with the test.
func failoverClient(t testing.TB, sentinel *instance) redis.UniversalClient {
	t.Helper()
	c := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "rooms", SentinelAddrs: []string{sentinel.addr()}, Password: "secret", ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// The master dies. If the replica has everything, nothing is lost. If the replica lacks the last
// messages, members are told of one gap, and then have the events of the log.
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
			_, members := newMembers(t, 2, func(t testing.TB) redis.UniversalClient { return failoverClient(t, sentinel) })
			sayAll(t, members, 10, 0)
			inStep(t, master, replica)
			if lagging {
				replica.exec(t, "CONFIG", "SET", "masterauth", "wrong")
				master.exec(t, "CLIENT", "KILL", "TYPE", "replica")
				eventually(t, "the replica does not follow the master", func() bool {
					return strings.Contains(replica.exec(t, "INFO", "replication").(string), "master_link_status:down")
				})
				sayAll(t, members, 5, 0)
			}
			master.stop(syscall.SIGKILL)
			gaps := 0
			if lagging {
				gaps = 1
				waitForGap(t, members)
				forgetAcknowledged(members)
			}
			sayAll(t, members, 10, 0)
			checkAgreement(t, redislog.New(failoverClient(t, sentinel)), members, gaps)
		})
	}
}

// inStep waits until the replica has everything that the master has written so far. WAIT cannot
// do that: it waits only for the writes of its own connection.
func inStep(t testing.TB, master, replica *instance) {
	t.Helper()
	offset := func(i *instance, name string) int {
		for line := range strings.Lines(i.exec(t, "INFO", "replication").(string)) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
				n, err := strconv.Atoi(v)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
		t.Fatalf("no %s", name)
		return 0
	}
	written := offset(master, "master_repl_offset")
	eventually(t, "the replica has everything", func() bool {
		return offset(replica, "slave_repl_offset") >= written
	})
}

// is reports whether a server has a role. Sentinel ends the server's connections when it changes
// the role, so an error is no answer.
func is(t testing.TB, i *instance, role string) bool {
	c := redis.NewClient(&redis.Options{Addr: i.addr(), Password: i.secret, MaxRetries: -1})
	defer c.Close()
	info, err := c.Info(within(t), "replication").Result()
	return err == nil && strings.Contains(info, "role:"+role)
}

// failover makes the sentinel promote the replica.
func failover(t testing.TB, replica, sentinel *instance) {
	t.Helper()
	eventually(t, "the sentinel begins a failover", func() bool {
		c := redis.NewClient(&redis.Options{Addr: sentinel.addr()})
		defer c.Close()
		return c.Do(within(t), "SENTINEL", "FAILOVER", "rooms").Err() == nil
	})
	eventually(t, "the replica is promoted", func() bool {
		return is(t, replica, "master")
	})
}

// The sentinel fails over while members of two servers talk. One failover is by command, one
// because the master is killed. The replica has not received the last entries. No position ever
// belongs to two events, and every member is told of a gap.
func TestFailoverWhileTalking(t *testing.T) {
	t.Parallel()
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprint("kill=", kill), func(t *testing.T) {
			t.Parallel()
			rng := seed(t)
			master, replica, sentinel := newSentinel(t)
			_, members := newMembers(t, 2, func(t testing.TB) redis.UniversalClient { return failoverClient(t, sentinel) })
			sayAll(t, members, 10, 0)
			during(t, members, func() {
				replica.exec(t, "CONFIG", "SET", "masterauth", "wrong")
				master.exec(t, "CLIENT", "KILL", "TYPE", "replica")
				time.Sleep(time.Duration(100+rng.IntN(200)) * time.Millisecond)
				if kill {
					master.stop(syscall.SIGKILL)
					eventually(t, "the replica is promoted", func() bool {
						return is(t, replica, "master")
					})
				} else {
					failover(t, replica, sentinel)
					eventually(t, "the old master follows the new one", func() bool {
						return is(t, master, "slave")
					})
				}
			})
			sayAll(t, members, 10, 0)
			l := redislog.New(failoverClient(t, sentinel))
			var page chatlog.Page
			for _, m := range members {
				eventually(t, m.name+" has the last entry of the log", func() bool {
					page = read(t, l, room, chatlog.Range{From: 1, Limit: 1 << 20})
					return m.last() == page.Position.Offset
				})
			}
			kept := map[string]uint64{}
			for _, e := range page.Events {
				if kept[e.ID] != 0 {
					t.Errorf("%s is in the log twice", e.ID)
				}
				kept[e.ID] = e.Offset
			}
			lost := 0
			places := map[string]string{}
			for _, m := range members {
				m.mu.Lock()
				defer m.mu.Unlock()
				for id, o := range m.acked {
					if kept[id] != o {
						lost++
					}
				}
				for at, id := range m.shown {
					at = at[:strings.LastIndex(at, ":")] // without the time
					if was, ok := places[at]; ok && was != id {
						t.Errorf("%s is %s and %s", at, was, id)
					}
					places[at] = id
				}
			}
			for _, m := range members {
				if lost > 0 && len(m.gaps) == 0 {
					t.Errorf("%s was told of no gap, but %d acknowledged messages are lost", m.name, lost)
				}
			}
			if lost == 0 {
				t.Error("nothing was lost")
			}
			t.Logf("%d entries, %d acknowledged and lost", len(page.Events), lost)
		})
	}
}

// With min-replicas-to-write, a master without its replica acknowledges nothing. It refuses the
// messages that it would have lost, and clients send them again after the failover.
func TestFailoverWithMinReplicas(t *testing.T) {
	t.Parallel()
	master, replica, sentinel := newSentinel(t)
	master.exec(t, "CONFIG", "SET", "min-replicas-to-write", "1")
	_, members := newMembers(t, 2, func(t testing.TB) redis.UniversalClient { return failoverClient(t, sentinel) })
	sayAll(t, members, 10, 0)
	inStep(t, master, replica) // otherwise the master may acknowledge entries that the replica lacks
	replica.exec(t, "CONFIG", "SET", "masterauth", "wrong")
	master.exec(t, "CLIENT", "KILL", "TYPE", "replica")
	eventually(t, "the replica does not follow the master", func() bool {
		return strings.Contains(replica.exec(t, "INFO", "replication").(string), "master_link_status:down")
	})
	during(t, members, func() {
		time.Sleep(500 * time.Millisecond)
		master.stop(syscall.SIGKILL)
	})
	sayAll(t, members, 10, 0)
	checkAgreement(t, redislog.New(failoverClient(t, sentinel)), members, 0)
}
