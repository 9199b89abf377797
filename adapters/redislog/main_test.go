package redislog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	code := 1
	err := setUp()
	if err == nil {
		code = m.Run()
		if left := leaked(); left != "" && code == 0 {
			err = fmt.Errorf("goroutines left:\n%s", left)
		}
	}
	tearDown()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// quiet drops the client's log messages about lost connections.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

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

// newPrefix returns an option for rooms that no other test has.
func newPrefix() redislog.Option {
	return redislog.WithPrefix(fmt.Sprintf("t%d:", serial.Add(1)))
}

// newLog returns a Log with an unused prefix on the shared server.
func newLog(t testing.TB, opts ...redislog.Option) *redislog.Log {
	return redislog.New(shared.client(t), append([]redislog.Option{newPrefix()}, opts...)...)
}

// seed returns random numbers whose seed is REDISLOG_SEED, or a new one.
func seed(t testing.TB) *rand.Rand {
	n, err := strconv.ParseUint(os.Getenv("REDISLOG_SEED"), 10, 64)
	if err != nil {
		n = rand.Uint64()
	}
	t.Logf("REDISLOG_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
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

// within returns a context for calls that must succeed soon.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func text(user, id, message string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeMessage, UserID: user, Username: user, ID: id, Text: message}
}

// put appends an event that was never appended before.
func put(t testing.TB, l chatlog.Log, room string, e chatlog.Event) (stored chatlog.Event, epoch string) {
	t.Helper()
	a, err := l.Append(within(t), room, e)
	if err != nil || a.Repeated {
		t.Fatalf("Append of %+v: Repeated %t, %v", e, a.Repeated, err)
	}
	return a.Event, a.Epoch
}

func read(t testing.TB, l chatlog.Log, room string, r chatlog.Range) chatlog.Page {
	t.Helper()
	p, err := l.Read(within(t), room, r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func position(t testing.TB, l chatlog.Log, room string) chatlog.Position {
	t.Helper()
	at, err := l.Positions(within(t), []string{room})
	if err != nil {
		t.Fatal(err)
	}
	return at[0]
}
