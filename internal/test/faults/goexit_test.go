package faults

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// ending is a log whose methods end the calling goroutine, as a test log does with FailNow.
func ending() *harness.BadLog {
	l := &harness.BadLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 100}), Wrong: runtime.Goexit}
	l.Set("")
	return l
}

// TestLogEndsReplay lets the log end the goroutine that writes to a connection. That connection
// is lost, and nothing else.
func TestLogEndsReplay(t *testing.T) {
	t.Parallel()
	l := ending()
	srv, base := harness.Serve(t, harness.Quiet, chat.WithLog(l), chat.WithHistory(2), chat.WithResume(2))
	p := harness.Dial(t, base, "r", true)
	since := p.Until("welcome").Position
	p.Conn.Close(1000, "")
	harness.Eventually(t, "the room to be unused", func() bool { return srv.Stats().Rooms == 0 })
	for range 20 {
		harness.Publish(t, srv, "r", "x")
	}
	harness.Publish(t, srv, "r", "last")
	// The room is opened with the newest two entries. Only the log has the older ones.
	harness.Dial(t, base, "r", true).UpTo("last")
	l.Set("Read")
	q := harness.Dial(t, base, "r", true, "since", since)
	if o, err := q.Any(); err == nil {
		t.Errorf("got %+v", o)
	}
	if l.Met.Load() != 1 {
		t.Errorf("the log was read %d times", l.Met.Load())
	}
	l.Set("")
	harness.Eventually(t, "the connection to end", func() bool { return srv.Stats().Connections == 1 })
	harness.Dial(t, base, "r", true, "since", since).UpTo("last")
}

// TestLogEndsFirstUse lets the log end the goroutines that open it, and that read a room's
// members. Every waiting client gets an answer, nothing counts as open, and the next try works.
func TestLogEndsFirstUse(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Open", "Members"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			l := ending()
			srv, base := harness.Serve(t, harness.Quiet, chat.WithLog(l))
			l.Set(method)
			for range 2 {
				answered := make(chan int, 1)
				go func() {
					_, resp, _ := harness.TryDial(t, base, "r", true)
					if resp == nil {
						answered <- 0
						return
					}
					answered <- resp.StatusCode
				}()
				select {
				case status := <-answered:
					if status != 503 {
						t.Errorf("answered %d", status)
					}
				case <-time.After(harness.Patience):
					t.Fatal("no answer")
				}
			}
			l.Set("")
			harness.Dial(t, base, "r", true).Until("welcome")
			if _, err := srv.Publish(context.Background(), "r", chat.Message{Text: "x"}); err != nil {
				t.Error(err)
			}
		})
	}
}
