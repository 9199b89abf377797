package consume

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/guard"
	"github.com/seed-08328bfd/chat/internal/memlog"
)

// A room whose handler fails is tried again after times that grow up to a minute. Meanwhile
// another room goes on.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := memlog.New(100, 1<<20, time.Hour)
		var failed atomic.Uint64
		say := func(room string) {
			if _, err := l.Append(t.Context(), room, chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Text: "hi"}); err != nil {
				t.Fatal(err)
			}
		}
		say("bad")
		var tries []time.Time
		good := 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- Run(ctx, Config{
				Log: guard.New(l, guard.Config{Server: t.Context(), Failed: &failed}), Name: "c",
				Connect: func(context.Context) error { return nil }, Server: t.Context(), Closing: func() bool { return false },
				Handle: func(_ context.Context, b *chatlog.Batch) error {
					if b.Room == "good" {
						good++
						return nil
					}
					tries = append(tries, time.Now())
					if len(tries) == 12 {
						return nil
					}
					return errors.New("no")
				},
				Failed: func(string, time.Duration, error) {},
			})
		}()
		for range 900 {
			time.Sleep(time.Second)
			say("good")
		}
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if good != 900 {
			t.Errorf("the other room had %d batches of 900", good)
		}
		if len(tries) != 12 {
			t.Fatalf("%d tries", len(tries))
		}
		for i := 1; i < len(tries); i++ {
			longest := min(firstRetry<<(i-1), lastRetry)
			if wait := tries[i].Sub(tries[i-1]); wait < longest/10 || wait > longest*11/10+2*sweep {
				t.Errorf("try %d came after %v, the longest time being %v", i, wait, longest)
			}
		}
		if all, _ := l.Consumers(t.Context()); all[0].Events != 0 {
			t.Errorf("%+v", all)
		}
	})
}
