package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// lostLog is a log that has lost its entries, and has others in their place, when lost is set.
// It cannot be opened while away is above zero.
type lostLog struct {
	chat.Log
	other chat.Log
	lost  atomic.Bool
	away  atomic.Int32
}

func newLostLog() *lostLog {
	return &lostLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 100}), other: chat.NewMemoryLog(chat.MemoryOptions{Entries: 100})}
}

func (l *lostLog) store() chat.Log {
	if l.lost.Load() {
		return l.other
	}
	return l.Log
}

func (l *lostLog) Open(ctx context.Context, sink chatlog.Sink) error {
	if l.away.Add(-1) >= 0 {
		return errors.New("away")
	}
	return l.Log.Open(ctx, sink)
}

func (l *lostLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	return l.store().Append(ctx, room, e)
}

func (l *lostLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	return l.store().Read(ctx, room, r)
}

func (l *lostLog) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	return l.store().Positions(ctx, rooms)
}

// TestLogLosesEvents checks that members are told the reason, and of the gap. They do not count
// as slow.
func TestLogLosesEvents(t *testing.T) {
	log := newLostLog()
	harness.InBubble(t, func(b *harness.Bubble) {
		p := b.Dial("r", true, "username=Alice")
		me := p.Until("welcome")
		for i := range 5 {
			harness.Publish(t, b.Server, "r", fmt.Sprint(i))
			p.Until("message")
		}
		log.lost.Store(true)
		var err error
		for err == nil {
			_, err = p.Read()
		}
		if !strings.Contains(err.Error(), "1013") && !strings.Contains(err.Error(), "StatusTryAgainLater") || !strings.Contains(err.Error(), "events were lost") {
			t.Errorf("closed with %v", err)
		}
		if s := b.Stats(); s.SlowCloses != 0 || s.Resets != 1 {
			t.Errorf("%d closed for being slow, %d resets", s.SlowCloses, s.Resets)
		}
		at, _ := chat.ParsePosition(me.Position)
		at.Offset = 5
		p = b.Dial("r", true, "session="+me.Session+"&since="+at.String())
		if w := p.Until("welcome"); !w.Gap || w.Resumed || w.User != me.User {
			t.Errorf("welcome %+v", w)
		}
	}, chat.WithLog(log), harness.Quiet)
}

// TestFollowWaitsForTheLog follows a room while the log cannot be reached yet.
func TestFollowWaitsForTheLog(t *testing.T) {
	log := newLostLog()
	log.away.Store(3)
	harness.InBubble(t, func(b *harness.Bubble) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		go func() {
			for ctx.Err() == nil {
				b.Publish(ctx, "r", chat.Message{Username: "Bot", Text: "tick"})
				time.Sleep(time.Second)
			}
		}()
		var away int
		for e, err := range b.Follow(ctx, "r", chat.Position{}) {
			if err == nil && e.Text == "tick" {
				break
			}
			if away++; !errors.Is(err, chat.ErrUnavailable) {
				t.Fatalf("%+v, %v", e, err)
			}
		}
		if away == 0 || away > 3 {
			t.Errorf("reported %d times that the log is down", away)
		}
		cancel()

		// While the log is down, only the end of the context ends Follow.
		log.away.Store(1000)
		srv := chat.New(chat.WithLog(log), harness.Quiet)
		defer srv.Close()
		short, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var last error
		for _, last = range srv.Follow(short, "r", chat.Position{}) {
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("ended with %v", last)
		}
	}, chat.WithLog(log), harness.Quiet)
}
