package redislog_test

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chatlog"
)

func enter(t testing.TB, l chatlog.Log, server, room, user string) {
	t.Helper()
	if _, err := l.Enter(within(t), server, room, chatlog.Member{UserID: user, Username: strings.ToUpper(user), Connections: 1}); err != nil {
		t.Fatal(err)
	}
}

func beat(t testing.TB, l chatlog.Log, server string, ttl time.Duration) (held bool, gone []chatlog.Departure) {
	t.Helper()
	p, err := l.Beat(within(t), server, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return p.Held, p.Gone
}

// No server loses its users because Redis was down. A dead server loses them after a full lease
// more.
func TestAwayForLong(t *testing.T) {
	t.Parallel()
	const ttl = time.Second
	i := freshInstance(t, "--appendonly", "yes", "--appendfsync", "no")
	a, b := redislog.New(i.client(t)), redislog.New(i.client(t))
	for n := range 100 { // in all buckets
		enter(t, a, "a", fmt.Sprint("room", n), "alice")
		enter(t, b, "b", fmt.Sprint("room", n), "bob")
	}
	beat(t, a, "a", ttl)
	beat(t, b, "b", ttl)
	for _, away := range []func(){
		func() { i.signal(stopSignal); time.Sleep(2 * ttl); i.signal(contSignal) },
		func() { i.stop(syscall.SIGKILL); time.Sleep(2 * ttl); i.start() },
	} {
		away()
		for l, name := range map[chatlog.Log]string{a: "a", b: "b"} {
			if held, gone := beat(t, l, name, ttl); !held || len(gone) > 0 {
				t.Errorf("%s after Redis was away: held %t, gone %v", name, held, gone)
			}
		}
	}
	var gone []chatlog.Departure
	eventually(t, "the users of a dead server are removed", func() bool {
		held, g := beat(t, b, "b", ttl)
		gone = append(gone, g...)
		return !held || len(gone) == 100
	})
	for _, d := range gone {
		if d.Member != (chatlog.Member{UserID: "alice", Username: "ALICE"}) {
			t.Errorf("gone: %+v", d)
		}
	}
	if held, _ := beat(t, a, "a", ttl); held {
		t.Error("a removed server is still held")
	}
}

// A dead server had many users. The other servers report each of them as gone once.
func TestManyDepartures(t *testing.T) {
	t.Parallel()
	const users = 1500
	prefix := newPrefix()
	var logs []*redislog.Log
	for range 3 {
		logs = append(logs, redislog.New(shared.client(t), prefix))
	}
	var wg sync.WaitGroup
	for n := range users {
		wg.Go(func() { enter(t, logs[0], "dead", "room", fmt.Sprint("u", n)) })
	}
	wg.Wait()
	if list, err := logs[1].Members(within(t), "room", 10); err != nil || list.Total != users {
		t.Fatalf("%d members, %v", list.Total, err)
	}
	for i, name := range []string{"dead", "b", "c"} {
		beat(t, logs[i], name, time.Millisecond)
	}
	var mu sync.Mutex
	named := map[string]int{}
	eventually(t, "all users are gone", func() bool {
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				i := 1 + n%2
				_, gone := beat(t, logs[i], []string{"b", "c"}[i-1], time.Minute)
				mu.Lock()
				defer mu.Unlock()
				for _, d := range gone {
					named[d.Member.UserID]++
				}
			})
		}
		wg.Wait()
		list, err := logs[1].Members(within(t), "room", 0)
		return err == nil && list.Total == 0
	})
	if len(named) != users {
		t.Errorf("%d of %d users were reported", len(named), users)
	}
	for user, n := range named {
		if n != 1 {
			t.Errorf("%s was reported %d times", user, n)
		}
	}
	if keys := shared.exec(t, "KEYS", redislog.Prefix(prefix)+"*places:*").([]any); len(keys) > 0 {
		t.Errorf("keys remain: %v", keys)
	}
}

// A server was removed as dead, and enters users before it learns of that. It still learns of
// it, and leaves nothing under its old name.
func TestLateEnter(t *testing.T) {
	t.Parallel()
	prefix, lease := newPrefix(), redislog.Lease(time.Second)
	a, b := redislog.New(shared.client(t), prefix, lease), redislog.New(shared.client(t), prefix, lease)
	enter(t, a, "a", "room", "alice")
	beat(t, a, "a", time.Millisecond)
	beat(t, b, "b", time.Minute)
	eventually(t, "alice is removed", func() bool {
		beat(t, b, "b", time.Minute)
		_, ok, err := b.Present(within(t), "room", "alice")
		return err == nil && !ok
	})
	for range 5 {
		enter(t, a, "a", "room", "carol")
	}
	if held, _ := beat(t, a, "a", time.Minute); held {
		t.Error("a removed server is still held")
	}
	enter(t, a, "a2", "room", "carol")
	beat(t, a, "a2", time.Minute)
	// The old name's lease ends. carol stays, under the new name.
	eventually(t, "the old name is deleted", func() bool {
		for _, l := range []*redislog.Log{a, b} {
			_, gone := beat(t, l, map[*redislog.Log]string{a: "a2", b: "b"}[l], time.Minute)
			if len(gone) > 0 {
				t.Errorf("gone: %v", gone)
			}
		}
		return len(shared.exec(t, "KEYS", redislog.Prefix(prefix)+"*places:a").([]any)) == 0
	})
	if m, ok, err := b.Present(within(t), "room", "carol"); err != nil || !ok || m.Connections != 1 {
		t.Errorf("carol: %+v, %t, %v", m, ok, err)
	}
}

// Redis has lost some writes of a server, and the server has written more since.
func TestPresenceOvertaken(t *testing.T) {
	t.Parallel()
	l := newLog(t)
	enter(t, l, "a", "room", "alice")
	enter(t, l, "a", "room", "bob")
	beat(t, l, "a", time.Minute)
	shared.exec(t, "HSET", l.WritesKey("room"), "a", 1)
	for n := range 5 {
		enter(t, l, "a", "room", fmt.Sprint("u", n))
	}
	if held, _ := beat(t, l, "a", time.Minute); held {
		t.Error("the server is held")
	}
}
