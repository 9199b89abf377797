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

// When Redis loses data, every member is told of one gap and then has the events of the log.

// lose lets members on two servers talk before, during and after the loss.
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

// The append-only file loses this many bytes at its end.
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
		// The file loses the last entry at least, whatever was written after it.
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

// snapshot saves the data of i. It returns a function that restores it, with more events in one
// of its rooms.
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

// An older snapshot is restored. This happens once without change, and once after another server
// has written more events than the members know.
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

// A room without members was written past the lost entries. After the loss it begins a new epoch
// when it is watched again. A room with members keeps its epoch.
func TestLossInUnusedRoom(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	witness := redislog.New(i.client(t))
	r := opened(t, witness, "occupied")
	if _, err := witness.Enter(within(t), "s1", "occupied", chatlog.Member{UserID: "u", Connections: 1}); err != nil {
		t.Fatal(err)
	}
	// All rooms are in one bucket, and this bucket loses data.
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
	// Servers that do not know what is missing write to the room before the witness looks. The
	// first use after that begins the new epoch, and would be their use.
	m := text("stranger", "", "m")
	restore(lost, m, m, m, m, m)
	other := redislog.New(i.client(t))
	eventually(t, "the witness is resumed", func() bool { _, up := r.interruptions(); return up > 0 })
	beat(t, witness, "s1", time.Minute) // checks again, in case the check at Resumed came too early
	for _, name := range rooms {
		if p := position(t, other, name); p.Epoch != before[name] {
			t.Errorf("%s has a new epoch before it is watched", name)
		}
	}
	opened(t, other, lost, quiet, "occupied")
	for _, name := range []string{lost, quiet} {
		if p := position(t, other, name); p.Epoch == before[name] {
			t.Errorf("%s has the same epoch as before the loss", name)
		}
	}
	if p := position(t, other, "occupied"); p.Epoch != before["occupied"] {
		t.Errorf("a room in use has a new epoch")
	}
	// The epoch changes only once.
	after := position(t, other, lost)
	opened(t, redislog.New(i.client(t)), lost)
	if p := position(t, other, lost); p != after {
		t.Errorf("watched again, %s went from %v to %v", lost, after, p)
	}
}

// Servers notice that Redis has lost their users, and enter them again.
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
	eventually(t, "all users are present", func() bool { return count() == 5 })
	restore(room)
	eventually(t, "the users that are not in the snapshot are present again", func() bool { return count() == 5 })
	i.exec(t, "FLUSHALL")
	eventually(t, "all users are present after FLUSHALL", func() bool { return count() == 5 })
	late.conn.Close()
	eventually(t, "a user that leaves is gone", func() bool { return count() == 4 })
	eventually(t, "each user has one connection", func() bool {
		list, _, err := servers[0].Members(within(t), room, 10)
		var names []string
		for _, m := range list {
			names = append(names, fmt.Sprint(m.UserID, m.Connections))
		}
		return err == nil && slices.Equal(names, []string{"m01", "m11", "m21", "m31"})
	})
}
