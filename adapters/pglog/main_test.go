package pglog_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-08328bfd/chat/adapters/pglog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func TestMain(m *testing.M) {
	if dsn := os.Getenv(serverVariable); dsn != "" {
		runServer(dsn)
		return
	}
	// The parallel tests mostly wait for clocks and disks, so many can run beside each other.
	flag.Parse()
	flag.Set("test.parallel", "8")
	code := 1
	err := setUp()
	if err == nil {
		os.Setenv("DATABASE_URL", shared.dsn()) // for the example
		code = m.Run()
		if left := leaked(); left != "" && code == 0 {
			err = fmt.Errorf("goroutines left:\n%s", left)
		}
	}
	if e := tearDown(); err == nil {
		err = e
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines of this package and of the core that are still running
// after a while.
func leaked() (stacks string) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		buf := make([]byte, 1<<22)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for _, g := range strings.Split(string(buf), "\n\n") {
			if strings.Contains(g, "seed-08328bfd/chat") && !strings.Contains(g, "_test.") {
				left = append(left, g)
			}
		}
		if stacks = strings.Join(left, "\n\n"); stacks == "" {
			break
		}
	}
	return stacks
}

var schemas atomic.Int64

// newSchema returns a name that no other test has.
func newSchema() string { return fmt.Sprintf("t%d", schemas.Add(1)) }

// newLog returns a Log of its own rooms on the shared cluster.
func newLog(t testing.TB, opts ...pglog.Option) *pglog.Log {
	return migrated(t, shared.pool(t), append(opts, pglog.WithSchema(newSchema()))...)
}

// migrated returns a Log on pool with its tables made.
func migrated(t testing.TB, pool *pgxpool.Pool, opts ...pglog.Option) *pglog.Log {
	t.Helper()
	l := pglog.New(pool, opts...)
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// seed returns the seed of the test's random numbers: PGLOG_SEED, or a new one.
func seed(t testing.TB) *rand.Rand {
	n, err := strconv.ParseUint(os.Getenv("PGLOG_SEED"), 10, 64)
	if err != nil {
		n = rand.Uint64()
	}
	t.Logf("PGLOG_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

func text(user, id, message string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeMessage, UserID: user, Username: user, ID: id, Text: message}
}

// mustAppend appends and returns what was stored.
func mustAppend(t testing.TB, l *pglog.Log, room string, e chatlog.Event) chatlog.Event {
	t.Helper()
	a, err := l.Append(t.Context(), room, e)
	if err != nil {
		t.Fatal(err)
	}
	return a.Event
}

// A recorder is a sink that records all calls.
type recorder struct {
	mu     sync.Mutex
	pushed []pushed
	down   int // calls of Interrupted
	up     int // calls of Resumed
}

type pushed struct {
	Room, Epoch string
	Event       chatlog.Event
}

func (r *recorder) Push(room, epoch string, e chatlog.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushed = append(r.pushed, pushed{room, epoch, e})
}

func (r *recorder) Interrupted(error) { r.mu.Lock(); r.down++; r.mu.Unlock() }
func (r *recorder) Resumed()          { r.mu.Lock(); r.up++; r.mu.Unlock() }

func (r *recorder) all() []pushed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]pushed(nil), r.pushed...)
}

func (r *recorder) interruptions() (down, up int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down, r.up
}

// opened returns a recorder that is opened with l and watches rooms.
func opened(t testing.TB, l *pglog.Log, rooms ...string) *recorder {
	t.Helper()
	r := &recorder{}
	if err := l.Open(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(r) })
	for _, room := range rooms {
		if err := l.Watch(t.Context(), r, room); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// soon returns a context for calls that must succeed soon.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// patience is the longest time to wait for something that must happen.
const patience = time.Minute

// eventually waits until ok reports true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in %v: %s", patience, what)
		}
	}
}

// eventuallyTold waits as eventually does, and calls again every five seconds to send new
// notices. A notice that waits too long for a connection is dropped, and the next notice of its
// room makes up for it.
func eventuallyTold(t testing.TB, what string, again func(), ok func() bool) {
	t.Helper()
	next := time.Now().Add(5 * time.Second)
	eventually(t, what, func() bool {
		if ok() {
			return true
		}
		if time.Now().After(next) {
			again()
			next = time.Now().Add(5 * time.Second)
		}
		return false
	})
}
