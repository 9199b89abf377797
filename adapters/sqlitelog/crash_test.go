package sqlitelog_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/sqlitelog"
	"github.com/seed-08328bfd/chat/chatlog"
)

const childVariable = "SQLITELOG_TEST_CHILD"

// runChild writes to the file at path from many goroutines, and prints what is acknowledged,
// until it is killed.
func runChild(path string) {
	run := fmt.Sprint(time.Now().UnixNano())
	l, err := sqlitelog.Open(path)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := 0; ; i++ {
				room, user, id := fmt.Sprint("room", i%3), fmt.Sprint("u", w), fmt.Sprint(run, "-", i)
				a, err := l.Append(context.Background(), room, text(user, id, strings.Repeat("x", i%500)))
				if err == nil && i%4 == 1 {
					e := react("v", a.Event.Offset, ":a:")
					e.ID, e.UserID = id, user
					id += "r"
					e.ID = id
					a, err = l.Amend(context.Background(), room, e, false)
				}
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
				} else {
					fmt.Println("ok", room, user, id, a.Event.Offset, a.Epoch)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// A process that writes is killed a hundred times. Everything that it has acknowledged is
// there, at the same offset and in the same epoch.
func TestKill(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	acked, total := []string{}, 0
	for run := range 100 {
		acked = append(acked, killOnce(t, rng, path)...)
		if run%20 < 19 {
			continue
		}
		total += len(acked)
		checkAcked(t, path, acked)
		acked = nil
	}
	t.Logf("%d entries were acknowledged", total)
	if total < 1000 {
		t.Errorf("only %d entries were acknowledged", total)
	}
}

// killOnce runs a child, kills it after some acknowledgements, and returns them.
func killOnce(t *testing.T, rng *rand.Rand, path string) (acked []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	most := rng.IntN(120)
	if most < 12 { // while it starts
		time.AfterFunc(time.Duration(rng.IntN(60))*time.Millisecond, func() { cmd.Process.Kill() })
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if acked = append(acked, lines.Text()); len(acked) == most {
			cmd.Process.Kill()
		}
	}
	return acked
}

func checkAcked(t *testing.T, path string, acked []string) {
	t.Helper()
	l, err := sqlitelog.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.CloseFile()
	for _, line := range acked {
		var room, user, id, epoch string
		var offset uint64
		if n, err := fmt.Sscanf(line, "ok %s %s %s %d %s", &room, &user, &id, &offset, &epoch); n != 5 {
			t.Fatalf("the process says %q: %v", line, err)
		}
		a, err := l.Lookup(t.Context(), room, user, id)
		if err != nil || !a.Repeated || a.Event.Offset != offset || a.Epoch != epoch {
			t.Fatalf("acknowledged %q, found %+v, %v", line, a, err)
		}
	}
	for i := range 3 {
		room := fmt.Sprint("room", i)
		for _, e := range readAll(t, l, room) {
			if e.Type == chatlog.TypeReaction {
				p, err := l.Read(t.Context(), room, chatlog.Range{From: e.Target, Limit: 1, Messages: true})
				if err != nil || len(p.Events[0].Reactions) != 1 || p.Events[0].Amended != e.Offset {
					t.Fatalf("%+v amends %+v, %v", e, p, err)
				}
			}
		}
	}
}

// Two processes cannot open one file. When the first is killed, the second can.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "ok") {
		t.Fatalf("the process says %q", lines.Text())
	}
	if l, err := sqlitelog.Open(path); err != sqlitelog.ErrLocked {
		t.Fatalf("opened %v, %v", l, err)
	}
	cmd.Process.Kill()
	for lines.Scan() {
	}
	cmd.Wait()
	l := open(t, path)
	if l2, err := sqlitelog.Open(path); err != sqlitelog.ErrLocked {
		t.Fatalf("opened %v, %v", l2, err)
	}
	mustAppend(t, l, "room0", text("u", "", "m"))
}
