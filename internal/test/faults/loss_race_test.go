package faults

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// slowLost is a lostLog with slow reads after it has lost its entries.
type slowLost struct {
	*lostLog
	pause time.Duration
}

func (l *slowLost) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	if l.lost.Load() {
		time.Sleep(l.pause)
	}
	return l.lostLog.Read(ctx, room, r)
}

// TestLossFoundTwice has two clients that come from another server. Their positions show that
// the log has lost its entries. The second comes while the server handles the loss. A client
// that joins between them has the new epoch already, and must not be closed.
func TestLossFoundTwice(t *testing.T) {
	log := &slowLost{newLostLog(), 50 * time.Millisecond}
	harness.InBubble(t, func(b *harness.Bubble) {
		old := b.Dial("r", true, "username=Alice")
		old.Until("welcome")
		harness.Publish(t, b.Server, "r", "1")
		old.Until("message")
		log.lost.Store(true)
		after, err := log.Append(t.Context(), "r", chatlog.Event{Type: chatlog.TypeMessage, UserID: "u", Username: "Bob", Text: "2"})
		if err != nil {
			t.Fatal(err)
		}
		since := "since=" + chat.Position{Epoch: after.Epoch, Offset: after.Event.Offset}.String()
		for _, at := range []time.Duration{0, 60 * time.Millisecond} {
			time.AfterFunc(at, func() { b.Dial("r", true, since) })
		}
		time.Sleep(120 * time.Millisecond)
		p := b.Dial("r", true, "username=Carol")
		if w := p.Until("welcome"); w.Position != after.Epoch+":1" {
			t.Fatalf("welcome at %s, but the epoch is %s", w.Position, after.Epoch)
		}
		p.Until("message")
		time.Sleep(3 * time.Second)
		if s := b.Stats(); s.Resets != 1 {
			t.Errorf("%d resets for one loss", s.Resets)
		}
		p.Send(`{"type":"ping"}`)
		for {
			o, err := p.Read()
			if err != nil {
				t.Fatalf("closed: %v", err)
			}
			if o.Type == "pong" {
				return
			}
		}
	}, chat.WithLog(log), harness.Quiet)
}

// TestAckOfAnotherEpoch sends a message after the log has lost its entries, before the server
// knows. The message's offset is in the new epoch. In the sender's epoch, it belonged to another
// message, so the sender must not get it.
func TestAckOfAnotherEpoch(t *testing.T) {
	log := &slowLost{newLostLog(), 100 * time.Millisecond}
	harness.InBubble(t, func(b *harness.Bubble) {
		p := b.Dial("r", true, "username=Alice")
		me := p.Until("welcome")
		harness.Publish(t, b.Server, "r", "1")
		p.Until("message")
		log.lost.Store(true)
		const text = `{"type":"message","message":"2","id":"a"}`
		p.Send(text)
		p.Send(text) // the same for a repetition
		for {
			o, err := p.Read()
			if err != nil {
				break
			}
			if o.Type == "ack" {
				t.Errorf("acknowledged at %d in the old epoch", o.Offset)
			}
		}
		at, _ := chat.ParsePosition(me.Position)
		at.Offset = 1
		p = b.Dial("r", true, "session="+me.Session+"&since="+at.String())
		if w := p.Until("welcome"); !w.Gap {
			t.Errorf("welcome %+v", w)
		}
		p.Send(text)
		if o := p.Until("ack"); o.Offset != 1 {
			t.Errorf("acknowledged at %d", o.Offset)
		}
	}, chat.WithLog(log), harness.Quiet)
}

// splitLog is a shared log that is split for a moment. While an entry is appended, an entry with
// the same offset comes from the other part and is pushed.
type splitLog struct {
	*shortLog
	split atomic.Bool
}

func (l *splitLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	if l.split.Swap(false) {
		r := l.get(room)
		other := chatlog.Event{Type: chatlog.TypeMessage, Offset: uint64(len(r.events) + 1), Time: time.Now(), UserID: "u", Username: "Bob", Text: "other"}
		for _, s := range l.sinks {
			s.Push(room, r.epoch, other)
		}
	}
	return l.shortLog.Append(ctx, room, e)
}

// TestAckOfAnotherEntry checks that an entry is not acknowledged with an offset at which members
// have seen another entry.
func TestAckOfAnotherEntry(t *testing.T) {
	log := &splitLog{shortLog: newShortLog()}
	harness.InBubble(t, func(b *harness.Bubble) {
		p := b.Dial("r", true, "username=Alice")
		p.Until("welcome")
		log.split.Store(true)
		p.Send(`{"type":"message","message":"mine","id":"a"}`)
		for {
			o, err := p.Read()
			if err != nil {
				return
			}
			if o.Type == "ack" {
				t.Fatalf("acknowledged at %d", o.Offset)
			}
		}
	}, chat.WithLog(log), harness.Quiet)
}
