package redislog_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/redislog"
)

// on returns a function for newMembers that makes clients of i.
func on(i *instance) func(testing.TB) redis.UniversalClient {
	return func(t testing.TB) redis.UniversalClient { return i.client(t) }
}

// While Redis keeps its data, no acknowledged message is lost, nothing comes twice, all members
// see one order, and nobody is told of a gap.

func TestServersAgree(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	_, members := newMembers(t, 3, on(i))
	sayAll(t, members, 100, 0)
	checkAgreement(t, redislog.New(i.client(t)), members, 0)
}

func TestServersAgreeOnCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3)
	_, members := newMembers(t, 2, func(t testing.TB) redis.UniversalClient { return c.client(t) })
	rng := seed(t)
	during(t, members, func() {
		for range 4 {
			c[rng.IntN(3)].exec(t, "CLIENT", "KILL", "TYPE", "pubsub")
			time.Sleep(time.Duration(50+rng.IntN(150)) * time.Millisecond)
		}
	})
	checkAgreement(t, c.log(t), members, 0)
}

// The subscriptions are cut repeatedly.
func TestSubscriptionsCut(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	i := freshInstance(t)
	_, members := newMembers(t, 2, on(i))
	during(t, members, func() {
		for range 12 {
			i.exec(t, "CLIENT", "KILL", "TYPE", "pubsub")
			time.Sleep(time.Duration(50+rng.IntN(200)) * time.Millisecond)
		}
	})
	checkAgreement(t, redislog.New(i.client(t)), members, 0)
}

// All connections are cut repeatedly.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	i := freshInstance(t)
	_, members := newMembers(t, 2, on(i))
	during(t, members, func() {
		for range 12 {
			i.exec(t, "CLIENT", "KILL", "TYPE", "pubsub")
			i.exec(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			time.Sleep(time.Duration(50+rng.IntN(200)) * time.Millisecond)
		}
	})
	checkAgreement(t, redislog.New(i.client(t)), members, 0)
}

// Redis is killed and starts again with its append-only file.
func TestKilled(t *testing.T) {
	t.Parallel()
	rng := seed(t)
	i := freshInstance(t, "--appendonly", "yes", "--appendfsync", "no") // everysec holds writes back while it syncs
	_, members := newMembers(t, 2, on(i))
	during(t, members, func() {
		for range 3 {
			i.stop(syscall.SIGKILL)
			time.Sleep(time.Duration(rng.IntN(700)) * time.Millisecond)
			if err := i.start(); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Duration(rng.IntN(700)) * time.Millisecond)
		}
	})
	checkAgreement(t, redislog.New(i.client(t)), members, 0)
}

// Redis is paused for ten seconds. Members stay connected, a publisher gets an error in time,
// and afterwards everything works again.
func TestPaused(t *testing.T) {
	t.Parallel()
	i := freshInstance(t)
	servers, members := newMembers(t, 2, on(i))
	sayAll(t, members, 5, 0)
	during(t, members, func() {
		i.signal(stopSignal)
		end := time.Now().Add(10 * time.Second)
		for time.Now().Before(end) {
			began := time.Now()
			_, err := servers[0].Publish(context.Background(), "another room", chat.Message{Text: "m"})
			// The server's limit is two seconds; the rest is for a busy machine.
			if d := time.Since(began); !errors.Is(err, chat.ErrUnavailable) || d > 8*time.Second {
				t.Errorf("published after %v: %v", d, err)
			}
		}
		i.signal(contSignal)
	})
	checkAgreement(t, redislog.New(i.client(t)), members, 0)
	for _, m := range members {
		m.mu.Lock()
		if m.welcome != 1 {
			t.Errorf("%s lost its connection", m.name)
		}
		m.mu.Unlock()
	}
}
