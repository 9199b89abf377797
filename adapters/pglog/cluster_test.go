package pglog_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The tests start real PostgreSQL servers. Most tests share one server and have a schema each.
// Tests that break their server have one of their own. All servers listen on Unix sockets in a
// temporary folder.

const missing = `pglog's tests run a PostgreSQL server of their own and did not find one (%v).
Install it, on Debian or Ubuntu with
	apt-get install postgresql
or put the folder with initdb and postgres on PATH. As root there must be a user
"postgres" too, because PostgreSQL does not run as root.
`

var (
	testDir string     // removed at the end
	binDir  string     // with initdb and postgres
	account *user.User // the user that runs them; nil: the user of the tests
	shared  *cluster

	clusters atomic.Int64 // number of clusters made so far
)

// setUp prepares testDir and starts the shared cluster.
func setUp() error {
	initdb, err := find("initdb")
	if err == nil {
		binDir = filepath.Dir(initdb)
		_, err = os.Stat(filepath.Join(binDir, "postgres"))
	}
	if err == nil && os.Getuid() == 0 {
		account, err = user.Lookup("postgres")
	}
	if err != nil {
		return fmt.Errorf(missing, err)
	}
	// A socket's path may have only about 100 bytes, so TMPDIR can be too long.
	if testDir, err = os.MkdirTemp("/tmp", "pglog"); err != nil {
		return err
	}
	if err := own(testDir); err != nil {
		return err
	}
	data := filepath.Join(testDir, "new")
	cmd := command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	shared, err = newCluster("shared", data)
	return err
}

// find returns the path of a PostgreSQL program: Debian keeps those of a server
// out of PATH.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
		if len(found) == 0 {
			return "", err
		}
		path = found[len(found)-1]
	}
	return filepath.EvalSymlinks(path)
}

// command is exec.Command for a PostgreSQL program.
func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(binDir, name), args...)
	cmd.Dir = testDir
	cmd.SysProcAttr = attributes()
	if account != nil {
		runAs(cmd.SysProcAttr, account)
	}
	return cmd
}

// own makes the user that runs PostgreSQL the owner of a file.
func own(path string) error {
	if account == nil {
		return nil
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	return os.Chown(path, uid, gid)
}

// A cluster is a PostgreSQL server.
type cluster struct {
	data, sockets string
	pid           int
	exited        chan struct{}
}

// newCluster starts a server on a copy of the folder from.
func newCluster(name, from string) (*cluster, error) {
	c := &cluster{data: filepath.Join(testDir, name), sockets: filepath.Join(testDir, name+".s")}
	if err := os.Mkdir(c.sockets, 0o755); err != nil {
		return nil, err
	}
	if err := own(c.sockets); err != nil {
		return nil, err
	}
	if err := copyDir(c.data, from); err != nil {
		return nil, err
	}
	return c, c.start()
}

// freshCluster starts a server that ends with the test.
func freshCluster(t testing.TB) *cluster {
	t.Helper()
	c, err := newCluster(fmt.Sprint("c", clusters.Add(1)), filepath.Join(testDir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.signal(contSignal)
		c.stop(quitSignal)
		os.RemoveAll(c.data)
	})
	return c
}

func copyDir(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dst := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			if err := os.Mkdir(dst, 0o700); err != nil {
				return err
			}
			return own(dst)
		}
		if d.Name() == "postmaster.pid" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(dst, b, 0o600); err != nil {
			return err
		}
		return own(dst)
	})
}

// start returns when the server takes connections.
func (c *cluster) start() error {
	log, err := os.OpenFile(c.data+".log", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := command("postgres", "-D", c.data, "-k", c.sockets, "-c", "listen_addresses=",
		"-c", "max_connections=200", "-c", "shared_buffers=32MB", "-c", "fsync="+fsync())
	cmd.Stdout, cmd.Stderr = log, log
	started := make(chan error)
	c.exited = make(chan struct{})
	exited := c.exited
	go func() {
		// The kernel ends the server when the thread that started it ends.
		runtime.LockOSThread()
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return err
	}
	c.pid = cmd.Process.Pid
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		conn, err := pgx.Connect(ctx, c.dsn())
		if err == nil {
			conn.Close(ctx)
		}
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-exited:
		default:
			if time.Now().Before(end) {
				continue
			}
		}
		out, _ := os.ReadFile(c.data + ".log")
		return fmt.Errorf("postgres: %w\n%s", err, out)
	}
}

// fsync is off unless PGLOG_FSYNC is set for benchmarks. Without it nothing is lost as long as
// the machine runs.
func fsync() string {
	if os.Getenv("PGLOG_FSYNC") != "" {
		return "on"
	}
	return "off"
}

// stop ends the server with a signal. SIGINT is PostgreSQL's fast shutdown. SIGQUIT is the
// immediate one: for the data it is a crash.
func (c *cluster) stop(sig syscall.Signal) {
	kill(c.pid, sig)
	<-c.exited
}

// signal sends a signal to every process of the server, and to the postmaster first.
func (c *cluster) signal(sig syscall.Signal) {
	kill(c.pid, sig)
	for _, pid := range children(c.pid) {
		kill(pid, sig)
	}
}

func (c *cluster) dsn() string {
	return "host=" + c.sockets + " user=postgres dbname=postgres connect_timeout=20"
}

// pool returns a pool that is closed with the test.
func (c *cluster) pool(t testing.TB, more ...string) *pgxpool.Pool {
	t.Helper()
	p, err := pgxpool.New(t.Context(), c.dsn()+" pool_max_conns=10 "+strings.Join(more, " "))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// exec executes a statement as the superuser.
func (c *cluster) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	c.do(t, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
}

// query scans the only value that a query returns.
func (c *cluster) query(t testing.TB, value any, sql string, args ...any) {
	t.Helper()
	c.do(t, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, sql, args...).Scan(value)
	})
}

func (c *cluster) do(t testing.TB, f func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.dsn())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := f(ctx, conn); err != nil {
		t.Fatal(err)
	}
}

func tearDown() error {
	if shared != nil {
		shared.stop(quitSignal)
	}
	if testDir == "" {
		return nil
	}
	return os.RemoveAll(testDir)
}
