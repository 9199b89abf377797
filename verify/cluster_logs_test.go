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

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/chatlog"
)

// A clusterLog is the log that the servers of a run share, with its possible faults.
type clusterLog struct {
	config logConfig
	log    chatlog.Log // without a proxy
	strict bool
	faults []clusterFault
	heal   func() // makes it work again after any fault
}

// A clusterFault is a fault, from beginning to end.
type clusterFault struct {
	name  string
	lossy bool // the log loses acknowledged entries
	do    func(r *clusterRun, rng *rand.Rand)
}

// upTo returns a random time between least and most milliseconds.
func upTo(rng *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+rng.IntN(most-least)) * time.Millisecond
}

// pauseTime returns how long a log is paused. The pause is longer than a lease only if the run
// is long enough.
func pauseTime(rng *rand.Rand) time.Duration {
	if *clusterTime >= 30*time.Second && rng.IntN(2) == 0 {
		return upTo(rng, 4000, 14000)
	}
	return upTo(rng, 300, 3000)
}

func redisCluster(t *testing.T) *clusterLog {
	e := startRedis(t)
	socket := filepath.Join(e.dir, "s")
	admin := redis.NewClient(&redis.Options{Network: "unix", Addr: socket, MaxRetries: -1})
	t.Cleanup(func() { admin.Close() })
	c := &clusterLog{config: logConfig{Redis: socket}, log: e.logs[0], heal: func() { e.signal(syscall.SIGCONT) }}
	c.faults = append(always(&e.program, syscall.SIGKILL, func(sig syscall.Signal) { e.signal(sig) }), clientKills(func() *redis.Client { return admin })...)
	c.faults = append(c.faults, clusterFault{"Redis restarts from a shorter file", true, func(r *clusterRun, rng *rand.Rand) {
		file := filepath.Join(e.dir, "appendonlydir", "appendonly.aof.1.incr.aof")
		info, err := os.Stat(file)
		if err != nil {
			t.Error(err)
			return
		}
		r.wait(upTo(rng, 50, 1500))
		from := time.Now()
		dies := r.nodes[rng.IntN(len(r.nodes))]
		if rng.IntN(3) == 0 || !dies.fault.TryLock() {
			dies = nil
		}
		e.stop(syscall.SIGKILL)
		if dies != nil {
			dies.end(syscall.SIGKILL)
		}
		if err := os.Truncate(file, info.Size()); err != nil {
			t.Error(err)
		}
		e.start()
		e.wait()
		r.lossFrom(from)
		if dies != nil {
			r.wait(upTo(rng, 0, 2000))
			dies.begin()
			dies.fault.Unlock()
		}
	}})
	return c
}

func postgresCluster(t *testing.T) *clusterLog {
	e := startPostgres(t)
	dsn := fmt.Sprintf("host=%s user=postgres dbname=postgres", e.dir)
	exec := func(statements ...string) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		c, err := pgx.Connect(ctx, dsn+" options='-c default_transaction_read_only=off'")
		for _, s := range statements {
			if err == nil {
				_, err = c.Exec(ctx, s)
			}
		}
		if err != nil {
			t.Error(err)
			return
		}
		c.Close(ctx)
	}
	c := &clusterLog{config: logConfig{Postgres: dsn + " pool_max_conns=10"}, log: e.logs[0], heal: func() { signalAll(&e.program, syscall.SIGCONT) }}
	c.faults = always(&e.program, syscall.SIGQUIT, func(sig syscall.Signal) { signalAll(&e.program, sig) })
	for _, which := range []string{"true", "query LIKE 'LISTEN%'", "query NOT LIKE 'LISTEN%'"} {
		c.faults = append(c.faults, clusterFault{"pg_terminate_backend " + which, false, func(r *clusterRun, rng *rand.Rand) {
			for range 1 + rng.IntN(5) {
				exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND ` + which)
				r.wait(upTo(rng, 10, 300))
			}
		}})
	}
	c.faults = append(c.faults, clusterFault{"read-only", false, func(r *clusterRun, rng *rand.Rand) {
		exec("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
		r.wait(pauseTime(rng))
		exec("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
	}})
	return c
}

// always are the faults of any log that is one program.
func always(p *program, end syscall.Signal, signal func(syscall.Signal)) []clusterFault {
	return []clusterFault{
		{"the log is paused", false, func(r *clusterRun, rng *rand.Rand) {
			signal(syscall.SIGSTOP)
			r.wait(pauseTime(rng))
			signal(syscall.SIGCONT)
		}},
		{"the log is killed", false, func(r *clusterRun, rng *rand.Rand) {
			p.stop(end)
			r.wait(upTo(rng, 0, 2500))
			p.start()
			p.wait()
		}},
		{"a server starts while the log is down", false, func(r *clusterRun, rng *rand.Rand) {
			n := r.nodes[rng.IntN(len(r.nodes))]
			if !n.fault.TryLock() {
				return
			}
			defer n.fault.Unlock()
			signal(syscall.SIGSTOP)
			n.end(syscall.SIGKILL)
			n.begin()
			r.wait(pauseTime(rng))
			signal(syscall.SIGCONT)
		}},
	}
}

// clientKills are faults in which Redis ends client connections.
func clientKills(admin func() *redis.Client) (faults []clusterFault) {
	for _, kind := range []string{"normal", "pubsub"} {
		faults = append(faults, clusterFault{"CLIENT KILL TYPE " + kind, false, func(r *clusterRun, rng *rand.Rand) {
			for range 1 + rng.IntN(5) {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				list, _ := admin().Do(ctx, "CLIENT", "LIST", "TYPE", kind).Text()
				for line := range strings.SplitSeq(list, "\n") {
					id, rest, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
					// Without its connection, Sentinel would take the master for dead.
					if id != "" && !strings.Contains(rest, "name=sentinel") {
						admin().Do(ctx, "CLIENT", "KILL", "ID", id, "SKIPME", "yes")
					}
				}
				cancel()
				r.wait(upTo(rng, 10, 300))
			}
		}})
	}
	return faults
}

// signalAll sends a signal to a program and to its children.
func signalAll(p *program, sig syscall.Signal) {
	pid := p.running.Process.Pid
	p.signal(sig)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		b, _ := os.ReadFile(name)
		var child, parent int
		var program, state string
		if n, _ := fmt.Sscan(string(b), &child, &program, &state, &parent); n == 4 && parent == pid {
			syscall.Kill(child, sig)
		}
	}
}
