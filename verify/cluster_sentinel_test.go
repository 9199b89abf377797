//go:build unix

package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/internal/test/ports"
)

const sentinelName = "rooms"

// sentinels is a master, a replica, and a sentinel that watches them.
type sentinels struct {
	t     *testing.T
	at    [2]*program
	ports [2]string
	ctl   [2]*redis.Client
	guard *program
	watch *redis.Client
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// startProgram starts redis-server with a port.
func (s *sentinels) startProgram(port string, args ...string) (*program, *redis.Client) {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, MaxRetries: -1, ContextTimeoutEnabled: true})
	s.t.Cleanup(func() { c.Close() })
	p := &program{t: s.t, path: find(s.t, "redis-server"), args: args}
	p.ready = func(ctx context.Context) error { return c.Ping(ctx).Err() }
	p.start()
	p.wait()
	return p, c
}

func (s *sentinels) args(i int, master string) []string {
	args := []string{"--bind", "127.0.0.1", "--port", s.ports[i], "--dir", temporary(s.t), "--save", "", "--appendonly", "no",
		"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--loglevel", "warning"}
	if master != "" {
		args = append(args, "--replicaof", "127.0.0.1 "+master)
	}
	return args
}

// sentinelCluster is Redis with Sentinel. If careful is true, the master acknowledges nothing
// while it has no replica.
func sentinelCluster(t *testing.T, careful bool) *clusterLog {
	s := &sentinels{t: t, ports: [2]string{freePort(t), freePort(t)}}
	s.at[0], s.ctl[0] = s.startProgram(s.ports[0], s.args(0, "")...)
	s.at[1], s.ctl[1] = s.startProgram(s.ports[1], s.args(1, s.ports[0])...)
	s.until("the replica follows the master", func() bool { return s.inStep() })
	if careful {
		for _, c := range s.ctl {
			c.ConfigSet(t.Context(), "min-replicas-to-write", "1")
			c.ConfigSet(t.Context(), "min-replicas-max-lag", "10")
		}
	}
	conf := filepath.Join(temporary(t), "sentinel.conf")
	port := freePort(t)
	if err := os.WriteFile(conf, fmt.Appendf(nil, "bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor %s 127.0.0.1 %s 1\nsentinel down-after-milliseconds %[3]s 1500\nsentinel failover-timeout %[3]s 5000\n",
		port, filepath.Dir(conf), sentinelName, s.ports[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	s.guard, s.watch = s.startProgram(port, conf, "--sentinel")
	s.until("the sentinel knows the replica", func() bool {
		v, err := s.watch.Do(t.Context(), "SENTINEL", "REPLICAS", sentinelName).Slice()
		return err == nil && len(v) == 1
	})
	config := logConfig{Sentinel: "127.0.0.1:" + port}
	log, end, err := config.open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	c := &clusterLog{config: config, log: log, strict: careful, heal: s.heal}
	c.faults = append(clientKills(func() *redis.Client { return s.ctl[s.master()] }),
		clusterFault{"failover by command", !careful, func(r *clusterRun, rng *rand.Rand) { s.failover(r, rng, careful, false) }},
		clusterFault{"the master is killed", !careful, func(r *clusterRun, rng *rand.Rand) { s.failover(r, rng, careful, true) }},
		clusterFault{"the master is paused", !careful, func(r *clusterRun, rng *rand.Rand) {
			from, m := time.Now(), s.master()
			s.at[m].signal(syscall.SIGSTOP)
			r.wait(upTo(rng, 300, 6000))
			s.at[m].signal(syscall.SIGCONT)
			s.settled()
			r.lossFrom(from)
		}},
	)
	return c
}

func (s *sentinels) until(what string, ok func() bool) {
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Errorf("not in time: %s", what)
			return
		}
	}
}

// master returns the index of the server that the sentinel takes for the master.
func (s *sentinels) master() int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	v, _ := s.watch.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", sentinelName).StringSlice()
	if len(v) == 2 && v[1] == s.ports[1] {
		return 1
	}
	return 0
}

func (s *sentinels) info(i int) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	v, _ := s.ctl[i].Info(ctx, "replication").Result()
	return v
}

// inStep reports whether one server is the master and the other follows it.
func (s *sentinels) inStep() bool {
	a, b := s.info(0), s.info(1)
	if strings.Contains(b, "role:master") {
		a, b = b, a
	}
	return strings.Contains(a, "role:master") && strings.Contains(a, "state=online") &&
		strings.Contains(b, "role:slave") && strings.Contains(b, "master_link_status:up")
}

// settled waits until the other server follows the master.
func (s *sentinels) settled() {
	s.until("the sentinel sees a master and a replica that follows it", func() bool {
		return s.inStep() && strings.Contains(s.info(s.master()), "role:master")
	})
}

// failover makes the sentinel promote the replica. Before that, the replica may be cut off from
// the master. Then it lacks the last acknowledged entries, unless the master is careful.
func (s *sentinels) failover(r *clusterRun, rng *rand.Rand, careful, kill bool) {
	s.settled()
	from, m := time.Now(), s.master()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	replica := s.ctl[1-m]
	if rng.IntN(3) > 0 {
		replica.ConfigSet(ctx, "masterauth", "wrong")
		s.ctl[m].Do(ctx, "CLIENT", "KILL", "TYPE", "replica")
		if careful {
			// Entries that were on their way are lost. From here on the master acknowledges
			// nothing for longer than the second that a failover may lose.
			r.lossFrom(from)
			r.wait(upTo(rng, 1500, 3000))
			from = time.Now()
		} else {
			r.wait(upTo(rng, 50, 400))
		}
	}
	if kill {
		s.at[m].stop(syscall.SIGKILL)
	} else {
		s.until("the sentinel begins the failover", func() bool { return s.watch.Do(ctx, "SENTINEL", "FAILOVER", sentinelName).Err() == nil })
	}
	s.until("the replica is promoted", func() bool { return strings.Contains(s.info(1-m), "role:master") })
	r.lossFrom(from)
	if kill {
		r.wait(upTo(rng, 0, 2000))
		s.at[m].args = s.args(m, s.ports[1-m])
		if careful {
			s.at[m].args = append(s.at[m].args, "--min-replicas-to-write", "1", "--min-replicas-max-lag", "10")
		}
		s.at[m].start()
		s.at[m].wait()
	}
	replica.ConfigSet(ctx, "masterauth", "")
	s.settled()
	r.lossFrom(from)
}

func (s *sentinels) heal() {
	for _, p := range s.at {
		p.signal(syscall.SIGCONT)
	}
	s.settled()
}
