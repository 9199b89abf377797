package sqlitelog_test

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

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(consumerVariable); path != "" {
		runConsumer(path)
		return
	}
	if path := os.Getenv(childVariable); path != "" {
		runChild(path)
		return
	}
	code := m.Run()
	if left := leaked(); left != "" && code == 0 {
		fmt.Fprintln(os.Stderr, "goroutines left:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines of this package and of the core that are still
// running after a while.
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
			return ""
		}
	}
	return stacks
}

// seed returns a generator, and prints its seed; SQLITELOG_SEED repeats one.
func seed(t testing.TB) *rand.Rand {
	n := rand.Uint64()
	if s := os.Getenv("SQLITELOG_SEED"); s != "" {
		n, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("SQLITELOG_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

func text(user, id, s string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeMessage, UserID: user, Username: strings.ToUpper(user), ID: id, Text: s}
}

func react(user string, target uint64, reaction string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeReaction, UserID: user, Target: target, Reaction: reaction}
}

func remove(user string, target uint64) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeDelete, UserID: user, Target: target}
}

func edit(user string, target uint64, s string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeEdit, UserID: user, Target: target, Text: s}
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func mustAppend(t testing.TB, l *sqlitelog.Log, room string, e chatlog.Event) chatlog.Event {
	t.Helper()
	a, err := l.Append(soon(t), room, e)
	if err != nil || a.Repeated {
		t.Fatalf("Append: %+v, %v", a, err)
	}
	return a.Event
}

func mustAmend(t testing.TB, l *sqlitelog.Log, room string, e chatlog.Event) chatlog.Event {
	t.Helper()
	a, err := l.Amend(soon(t), room, e, false)
	if err != nil || a.Repeated {
		t.Fatalf("Amend: %+v, %v", a, err)
	}
	return a.Event
}

func position(t testing.TB, l *sqlitelog.Log, room string) chatlog.Position {
	t.Helper()
	at, err := l.Positions(soon(t), []string{room})
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Read(soon(t), room, chatlog.Range{})
	if err != nil || p.Position != at[0] {
		t.Fatalf("the position is %v, and of a page %v, %v", at[0], p.Position, err)
	}
	return at[0]
}

// readAll returns all entries of a room, which must be dense.
func readAll(t testing.TB, l *sqlitelog.Log, room string) []chatlog.Event {
	t.Helper()
	p, err := l.Read(soon(t), room, chatlog.Range{From: 1, Limit: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range p.Events {
		if e.Offset != p.First+uint64(i) {
			t.Fatalf("entry %d is read after %d others from %d on", e.Offset, i, p.First)
		}
	}
	if p.Position.Offset+1 != p.First+uint64(len(p.Events)) {
		t.Fatalf("%d entries from %d on, position %v", len(p.Events), p.First, p.Position)
	}
	return p.Events
}

// keep has the log work on retention.
func keep(t testing.TB, l *sqlitelog.Log) {
	t.Helper()
	if _, err := l.Beat(soon(t), "server", time.Hour); err != nil {
		t.Fatal(err)
	}
	for !sqlitelog.Idle(l) {
		time.Sleep(time.Millisecond)
	}
}
