package verify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// beNode runs this program as a server of the cluster tests.
var beNode func() bool

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{}) // it logs every lost connection
	if beNode != nil && beNode() {
		return
	}
	os.Exit(m.Run())
}

// engine is a Redis or PostgreSQL server of one test.
type engine struct {
	program
	dir  string         // with its socket
	logs [2]chatlog.Log // as two processes would have them
}

func startRedis(t *testing.T) *engine {
	dir := temporary(t)
	socket := filepath.Join(dir, "s")
	e := &engine{dir: dir, program: program{t: t, path: find(t, "redis-server"), args: []string{
		"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--loglevel", "warning",
	}}}
	e.start()
	for i := range e.logs {
		client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket, ContextTimeoutEnabled: true, ReadTimeout: time.Minute})
		t.Cleanup(func() { client.Close() })
		e.logs[i] = redislog.New(client, redislog.WithHistory(keep))
		if i == 0 {
			e.ready = func(ctx context.Context) error { return client.Ping(ctx).Err() }
			e.wait()
		}
	}
	return e
}

func startPostgres(t *testing.T) *engine {
	dir := temporary(t)
	e := &engine{dir: dir, program: program{t: t, path: find(t, "postgres", "/usr/lib/postgresql/*/bin/postgres")}}
	e.as = account(t, dir)
	data := filepath.Join(dir, "data")
	initdb := e.command(filepath.Join(filepath.Dir(e.path), "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	// The machine does not crash, so what was written is there without fsync.
	e.args = []string{"-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=32MB"}
	e.start()
	for i := range e.logs {
		pool, err := pgxpool.New(t.Context(), fmt.Sprintf("host=%s user=postgres dbname=postgres pool_max_conns=10", dir))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		log := pglog.New(pool)
		e.logs[i] = log
		if i == 0 {
			e.ready = pool.Ping
			e.wait()
			if err := log.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return e
}

func TestRedis(t *testing.T) {
	e := startRedis(t)
	check(t, newRecorder(t, 250, e.logs[:]...).run(t))
}

func TestPostgres(t *testing.T) {
	e := startPostgres(t)
	check(t, newRecorder(t, 250, e.logs[:]...).run(t))
}

// Redis is killed and started again. Its append-only file is synced before each answer.
func TestRedisKilled(t *testing.T) {
	e := startRedis(t)
	r := newRecorder(t, 400, e.logs[:]...)
	withCrashes(t, e, r, syscall.SIGKILL)
}

// PostgreSQL is killed, as in a crash, and recovers from its write-ahead log.
func TestPostgresKilled(t *testing.T) {
	e := startPostgres(t)
	r := newRecorder(t, 400, e.logs[:]...)
	r.resends = true
	withCrashes(t, e, r, syscall.SIGQUIT)
}

// withCrashes checks calls while a signal ends the engine three times, and it is started again.
func withCrashes(t *testing.T, e *engine, r *recorder, sig syscall.Signal) {
	t.Helper()
	r.patient = true
	r.pause = 2 * time.Millisecond // so that calls are still made after the last crash
	done := make(chan struct{})
	defer func() { <-done }() // so that it does not start the engine after the test's end
	go func() {
		defer close(done)
		for range 3 {
			time.Sleep(300 * time.Millisecond)
			r.crash(func() { e.stop(sig) })
			e.start()
			e.wait()
		}
	}()
	history := r.run(t)
	if r.retried+r.open == 0 {
		t.Error("no call failed during the crashes")
	}
	check(t, history)
}
