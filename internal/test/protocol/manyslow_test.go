package protocol

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// farLog is a log that takes its time for each read.
type farLog struct {
	chat.Log
	takes time.Duration
}

func (l farLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	time.Sleep(l.takes)
	return l.Log.Read(ctx, room, r)
}

// TestManyOverFarLog joins a hundred rooms of a log that answers slowly, but in time. That takes
// longer than the client may be silent, and longer than one use of the log may take.
func TestManyOverFarLog(t *testing.T) {
	harness.InBubble(t, func(b *harness.Bubble) {
		p := b.Dial(harness.Many, true, "")
		p.Until("hello")
		rooms := map[string]string{}
		for i := range 100 {
			rooms[fmt.Sprint("r", i)] = ""
		}
		object, _ := json.Marshal(map[string]any{"type": "join", "rooms": rooms})
		began := time.Now()
		p.Send(string(object))
		for range 100 {
			for o := p.Next(); o.Type != "welcome"; o = p.Next() {
				if o.Type == "error" {
					t.Fatalf("after %v: %+v", time.Since(began), o)
				}
			}
		}
		if took := time.Since(began); took < 10*time.Second {
			t.Errorf("joined in %v, so this has tested nothing", took)
		}
	}, chat.WithLog(farLog{chat.NewMemoryLog(chat.MemoryOptions{}), 1500 * time.Millisecond}), chat.WithPing(time.Second, time.Second), harness.Quiet)
}
