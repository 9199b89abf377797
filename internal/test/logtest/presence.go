package logtest

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/chattest"
	"github.com/seed-08328bfd/chat/internal/test/presencetest"
)

// PresenceFaults lets users join and leave on two servers, with a close frame or without. Each
// server has a log that open returns. Meanwhile the faults happen, one after another, several
// times each. At the end the lists of servers and clients must be right.
func PresenceFaults(t testing.TB, open func() chatlog.Log, faults ...func()) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var at []presencetest.Server
	for range 2 {
		s := chattest.NewServer(t, chat.WithLog(open()), chat.WithLeaveGrace(time.Second),
			chat.WithLogger(slog.New(slog.DiscardHandler)), chat.WithAuthenticator(presencetest.Trust))
		at = append(at, presencetest.Server{URL: s.URL, Client: http.DefaultClient})
	}
	c := presencetest.New(seed, "r", 8, at...)
	defer c.End()
	steps := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			c.Step()
		}
	}
	steps(time.Second)
	for _, f := range faults {
		for range 20 {
			f()
			steps(100 * time.Millisecond)
		}
	}
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
