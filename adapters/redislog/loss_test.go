package redislog_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

// When Redis loses data, every member is told of one gap and has what the log has.

// lose has members on two servers talk while Redis loses something, and talk on.
func lose(t *testing.T, i *instance, loss func()) {
	t.Helper()
	_, members := newMembers(t, 2, on(i))
	sayAll(t, members, 10, 0)
	loss()
	waitForGap(t, members)
	forgetAcknowledged(members)
	sayAll(t, members, 10, 0)
	checkAgreement(t, redislog.New(i.client(t)), members, 1)
}

func TestFlushed(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	lose(t, i, func() { i.exec(t, "FLUSHALL") })
}

func TestFlushedWhileTalking(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	_, members := newMembers(t, 2, on(i))
	during(t, members, func() {
		time.Sleep(200 * time.Millisecond)
		i.exec(t, "FLUSHALL")
		time.Sleep(200 * time.Millisecond)
	})
	waitForGap(t, members)
	forgetAcknowledged(members)
	sayAll(t, members, 10, 0)
	checkAgreement(t, redislog.New(i.client(t)), members, 1)
}

func TestRestartWithoutPersistence(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	lose(t, i, func() { i.restart(t) })
}

func (i *instance) restart(t testing.TB) {
	t.Helper()
	i.stop(syscall.SIGKILL)
	if err := i.start(); err != nil {
		t.Fatal(err)
	}
}

// The end of the append-only file is lost, by so many bytes.
func TestTruncatedFile(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	i := freshInstance(t, "--appendonly", "yes")
	bytes := 1 + rng.Int64N(8000)
	t.Logf("%d bytes", bytes)
	lose(t, i, func() {
		i.stop(syscall.SIGKILL)
		files, err := filepath.Glob(filepath.Join(i.dir, "appendonlydir", "*.incr.aof"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		// With the last entry at least, whatever was written behind it.
		entry := int64(strings.LastIndex(string(data), "RPUSH"))
		if entry < 0 {
			t.Fatal("no entry in the file")
		}
		if err := os.Truncate(files[0], min(int64(len(data))-bytes, entry)); err != nil {
			t.Fatal(err)
		}
		if err := i.start(); err != nil {
			t.Fatal(err)
		}
	})
}

// snapshot saves what i holds, and returns a function that brings it back, with more events
// in one of its rooms.
func (i *instance) snapshot(t testing.TB) (restore func(name string, more ...chatlog.Event)) {
	t.Helper()
	i.exec(t, "SAVE")
	dump, err := os.ReadFile(filepath.Join(i.dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	return func(name string, more ...chatlog.Event) {
		t.Helper()
		i.stop(syscall.SIGKILL)
		if len(more) > 0 {
			dump = written(t, dump, name, more)
		}
		if err := os.WriteFile(filepath.Join(i.dir, "dump.rdb"), dump, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := i.start(); err != nil {
			t.Fatal(err)
		}
	}
}

// written returns a snapshot with more events in a room than dump has.
func written(t testing.TB, dump []byte, name string, more []chatlog.Event) []byte {
	t.Helper()
	apart := freshInstance(t)
	apart.stop(syscall.SIGKILL)
	if err := os.WriteFile(filepath.Join(apart.dir, "dump.rdb"), dump, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := apart.start(); err != nil {
		t.Fatal(err)
	}
	l := redislog.New(apart.client(t))
	for _, e := range more {
		put(t, l, name, e)
	}
	apart.exec(t, "SAVE")
	dump, err := os.ReadFile(filepath.Join(apart.dir, "dump.rdb"))
	if err != nil {
		t.Fatal(err)
	}
	return dump
}

// An older snapshot is restored, once as it was and once after somebody has written
// past everything that the members know.
func TestOlderSnapshot(t *testing.T) {
	t.Parallel()
	for _, strangers := range []int{0, 10, 100} {
		t.Run(fmt.Sprint("strangers=", strangers), func(t *testing.T) {
			i := freshInstance(t)
			_, members := newMembers(t, 2, on(i))
			sayAll(t, members, 10, 0)
			restore := i.snapshot(t)
			sayAll(t, members, 10, 0)
			checkAgreement(t, redislog.New(i.client(t)), members, 0)
			var more []chatlog.Event
			for n := range strangers {
				more = append(more, text("stranger", fmt.Sprint("s", n), "m"))
			}
			restore(room, more...)
			waitForGap(t, members)
			forgetAcknowledged(members)
			sayAll(t, members, 10, 0)
			checkAgreement(t, redislog.New(i.client(t)), members, 1)
		})
	}
}

// After a loss, a room that nobody was in and that has been written past what was lost
// begins a new epoch when it is watched again; a room that somebody is in keeps its.
func TestLossInUnusedRoom(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	witness := redislog.New(i.client(t))
	r := opened(t, witness, "occupied")
	if _, err := witness.Enter(within(t), "s1", "occupied", chatlog.Member{UserID: "u", Connections: 1}); err != nil {
		t.Fatal(err)
	}
	// All in one bucket, which is what loses.
	rooms := redislog.SameBucket("occupied", 3)
	for _, name := range append(rooms, "occupied") {
		for range 5 {
			put(t, witness, name, text("u", "", "m"))
		}
	}
	quiet, lost := rooms[0], rooms[1]
	before := map[string]string{}
	for _, name := range append(rooms, "occupied") {
		before[name] = position(t, witness, name).Epoch
	}
	restore := i.snapshot(t)
	for range 3 {
		put(t, witness, lost, text("u", "", "the end"))
	}
	// Strangers, who do not know what is missing, write to the room before the witness looks:
	// the first use after that begins the new epoch, and would be theirs.
	m := text("stranger", "", "m")
	restore(lost, m, m, m, m, m)
	other := redislog.New(i.client(t))
	eventually(t, "the witness is back", func() bool { _, up := r.interruptions(); return up > 0 })
	beat(t, witness, "s1", time.Minute) // looks again, if what Resumed waited for came too late
	for _, name := range rooms {
		if p := position(t, other, name); p.Epoch != before[name] {
			t.Errorf("%s has another epoch before it is watched", name)
		}
	}
	opened(t, other, lost, quiet, "occupied")
	for _, name := range []string{lost, quiet} {
		if p := position(t, other, name); p.Epoch == before[name] {
			t.Errorf("%s is in the epoch it was in before the loss", name)
		}
	}
	if p := position(t, other, "occupied"); p.Epoch != before["occupied"] {
		t.Errorf("a room that is in use has another epoch")
	}
	// That is so once.
	after := position(t, other, lost)
	opened(t, redislog.New(i.client(t)), lost)
	if p := position(t, other, lost); p != after {
		t.Errorf("watched again, %s went from %v to %v", lost, after, p)
	}
}

// Servers find out that Redis has forgotten their users, and enter them again.
func TestPresenceLost(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	servers, _ := newMembers(t, 2, on(i))
	restore := i.snapshot(t)
	late := join(t, servers[0], "late")
	count := func() int {
		_, n, err := servers[1].Members(within(t), room, 0)
		if err != nil {
			return -1
		}
		return n
	}
	eventually(t, "all are present", func() bool { return count() == 5 })
	restore(room)
	eventually(t, "whom the snapshot does not have is present again", func() bool { return count() == 5 })
	i.exec(t, "FLUSHALL")
	eventually(t, "all are present after FLUSHALL", func() bool { return count() == 5 })
	late.conn.Close()
	eventually(t, "who goes is gone", func() bool { return count() == 4 })
	eventually(t, "each is there with one connection", func() bool {
		list, _, err := servers[0].Members(within(t), room, 10)
		var names []string
		for _, m := range list {
			names = append(names, fmt.Sprint(m.UserID, m.Connections))
		}
		return err == nil && slices.Equal(names, []string{"m01", "m11", "m21", "m31"})
	})
}
