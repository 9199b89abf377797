package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// slowShortLog is slow to carry out a call, and to answer.
type slowShortLog struct{ *shortLog }

func (l slowShortLog) nap() { time.Sleep(rand.N(5 * time.Millisecond)) }

func (l slowShortLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	l.nap()
	defer l.nap()
	return l.shortLog.Append(ctx, room, e)
}

func (l slowShortLog) Read(ctx context.Context, room string, rg chatlog.Range) (chatlog.Page, error) {
	l.nap()
	defer l.nap()
	return l.shortLog.Read(ctx, room, rg)
}

func (l slowShortLog) Renew(ctx context.Context, room, seen string) (string, error) {
	l.nap()
	defer l.nap()
	return l.shortLog.Renew(ctx, room, seen)
}

// Several servers notice that a log has lost its end, each with several of the messages that are
// on their way. The room must begin exactly one new epoch, and each server must open it again
// exactly once.
func TestLossRenewsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newShortLog()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var servers []*chat.Server
		for range 4 {
			srv := chat.New(chat.WithLog(slowShortLog{log}), harness.Quiet)
			defer srv.Close()
			servers = append(servers, srv)
			wg.Go(func() { // keeps the room in use
				for range srv.Follow(ctx, "r", chat.Position{}) {
				}
			})
			for range 2 {
				wg.Go(func() {
					for ctx.Err() == nil {
						time.Sleep(rand.N(20 * time.Millisecond))
						srv.Publish(ctx, "r", chat.Message{Username: "u", Text: "m"})
					}
				})
			}
		}
		for loss := range 3 {
			time.Sleep(500 * time.Millisecond)
			log.cut("r", len(log.get("r").events)-20)
			time.Sleep(2 * time.Second)
			if now, want := log.get("r").epoch, fmt.Sprint("e", loss+2); now != want {
				t.Errorf("after loss %d the room is in %s, want %s", loss+1, now, want)
			}
			for i, srv := range servers {
				if n := srv.Stats().Resets; n != uint64(loss+1) {
					t.Errorf("after loss %d server %d has opened the room again %d times", loss+1, i, n)
				}
			}
		}
		cancel()
		wg.Wait()
	})
}

// staleLog answers one read with an older state of the log.
type staleLog struct {
	*shortLog
	before *shortLog
	stale  atomic.Int32
}

func (l *staleLog) Read(ctx context.Context, room string, rg chatlog.Range) (chatlog.Page, error) {
	if l.stale.Add(-1) >= 0 {
		return l.before.Read(ctx, room, rg)
	}
	return l.shortLog.Read(ctx, room, rg)
}

// A room continues in another epoch. Then an entry of the old epoch arrives, and one read gets
// an older state of the log. That happens in a failover of Redis, when two masters answer for a
// moment. Nothing is lost, so no member must be closed.
func TestAnswerOfTheOldLog(t *testing.T) {
	log := &staleLog{shortLog: newShortLog(), before: newShortLog()}
	harness.InBubble(t, func(b *harness.Bubble) {
		fill(t, b.Server, 1, 5)
		old := log.get("r")
		log.before.set("r", old)
		if _, err := log.Renew(t.Context(), "r", old.epoch); err != nil {
			t.Fatal(err)
		}
		p := b.Dial("r", true, "username=Alice")
		p.Until("welcome")
		log.stale.Store(1)
		late := old.events[4]
		late.Offset++
		log.sinks[0].Push("r", old.epoch, late)
		time.Sleep(3 * time.Second)
		harness.Publish(t, b.Server, "r", "on")
		for o := p.Next(); o.Message != "on"; o = p.Next() {
		}
		if n := b.Stats().Resets; n != 0 || log.stale.Load() >= 0 {
			t.Errorf("%d resets, and %d stale answers were not used", n, log.stale.Load()+1)
		}
	}, chat.WithLog(log), harness.Quiet)
}
