package redislog_test

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/adapters/redislog"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/internal/test/presencetest"
)

// TestPresenceFaults has users come and go on two servers, in good order and not,
// while Redis stands still, for longer than a use of it may take, and loses its
// connections. When it is over, the lists of servers and clients are the truth.
func TestPresenceFaults(t *testing.T) {
	t.Parallel()
	for range 2 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		i := freshInstance(t)
		var at []presencetest.Server
		for range 2 {
			s := chattest.NewServer(t, chat.WithLog(redislog.New(i.client(t))), chat.WithLeaveGrace(time.Second),
				chat.WithLogger(slog.New(slog.DiscardHandler)), chat.WithAuthenticator(presencetest.Trust))
			at = append(at, presencetest.Server{URL: s.URL, Client: http.DefaultClient})
		}
		c := presencetest.New(seed, "r", 8, at...)
		defer c.End()
		admin := i.client(t)
		fault := []func(){
			func() { i.signal(stopSignal) },
			func() { i.signal(contSignal) },
			func() { admin.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal") },
			func() { admin.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub") },
		}
		steps := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				c.Step()
			}
		}
		steps(time.Second)
		for _, f := range fault {
			for range 20 {
				f()
				steps(100 * time.Millisecond)
			}
		}
		truth(t, c)
	}
}

// truth waits until the lists of servers and clients are the truth.
func truth(t testing.TB, c *presencetest.Cluster) {
	t.Helper()
	var differ []string
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if differ = c.Differ(0, 1); differ == nil || time.Now().After(end) {
			break
		}
	}
	if wrong := append(c.Wrong(), differ...); len(wrong) > 0 {
		t.Error(strings.Join(wrong, "\n"))
	}
}
