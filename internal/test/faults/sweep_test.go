package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// deafLog is a log whose pushes never arrive.
type deafLog struct{ chat.Log }

// Watch does nothing, so the log has no sink to push to.
func (deafLog) Watch(ctx context.Context, sink chatlog.Sink, room string) error { return nil }

func (deafLog) Unwatch(sink chatlog.Sink, room string) {}

// TestSweepFindsEveryRoom follows more rooms than one call asks the log about, while no push
// arrives. Each new entry must be found by comparing positions.
func TestSweepFindsEveryRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})
		srv := chat.New(chat.WithLog(deafLog{log}), harness.Quiet)
		defer srv.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		const rooms = 2100
		var wg sync.WaitGroup
		var told sync.Map
		for i := range rooms {
			room := fmt.Sprint("r", i)
			wg.Go(func() {
				for e, err := range srv.Follow(ctx, room, chat.Position{}) {
					if ctx.Err() != nil {
						return
					}
					if err != nil || e.Text != room {
						t.Errorf("%s: %+v, %v", room, e, err)
					}
					told.Store(room, true) // and it stays in use
				}
			})
		}
		synctest.Wait()
		for i := range rooms {
			room := fmt.Sprint("r", i)
			if _, err := log.Append(ctx, room, chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Username: "U", Text: room}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		n := 0
		told.Range(func(_, _ any) bool { n++; return true })
		if n != rooms {
			t.Errorf("in %d of %d rooms the entries were found", n, rooms)
		}
		cancel()
		wg.Wait()
	})
}
