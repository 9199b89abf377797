package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// TestLargestOptions sets every option to its largest value.
func TestLargestOptions(t *testing.T) {
	for _, most := range []int{math.MaxInt, math.MaxInt32, math.MaxInt32 / 2, math.MaxInt/2 + 1, math.MaxInt - 1} {
		for _, long := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64/2 + 1} {
			for name, opts := range map[string][]chat.Option{
				"all": {chat.WithHistory(most), chat.WithResume(most), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: most, Bytes: most, Expiry: long})), chat.WithMaxLag(most), chat.WithRateLimit(math.MaxFloat64, most),
					chat.WithMessageSize(most), chat.WithMaxConnections(most), chat.WithMaxConnectionsPerAddress(most), chat.WithMaxConnectionsPerUser(most),
					chat.WithMaxRooms(most), chat.WithMaxMembers(most), chat.WithPresenceSize(most), chat.WithPing(long, long),
					chat.WithWriteTimeout(long), chat.WithLeaveGrace(long), chat.WithLogTimeout(long)},
				"message size": {chat.WithMessageSize(most), chat.WithDataSize(most)},
				"lag":          {chat.WithMaxLag(most)},
				"resume":       {chat.WithResume(most)},
				"history":      {chat.WithHistory(most), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: most}))},
				"burst":        {chat.WithRateLimit(1e-300, most)},
				"rate":         {chat.WithRateLimit(math.MaxFloat64, 1)},
				"times":        {chat.WithPing(long, long), chat.WithWriteTimeout(long), chat.WithLogTimeout(long), chat.WithLeaveGrace(long)},
			} {
				_, base := harness.Serve(t, append(opts, harness.Quiet)...)
				a, b := harness.Dial(t, base, "r", true), harness.Dial(t, base, "r", true)
				a.Until("welcome")
				var limits struct {
					Bytes int64 `json:"message_bytes"`
					Burst int64 `json:"burst"`
				}
				w := b.Until("welcome")
				if err := json.Unmarshal(w.Limits, &limits); err != nil {
					t.Fatal(err)
				}
				if limits.Bytes <= 0 || limits.Bytes > math.MaxInt32 || limits.Burst < 0 || limits.Burst > math.MaxInt32 {
					t.Errorf("%s of %d: limits %s", name, most, w.Limits)
				}
				sent := 1
				if name != "rate" {
					sent = 12
				}
				var want, got []string
				for i := range sent {
					text := fmt.Sprint(i, strings.Repeat(" x", 2500))
					a.Send(`{"type":"message","message":"` + text + `"}`)
					want = append(want, text)
				}
				for range want {
					got = append(got, b.Until("message").Message)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s of %d and %v (-want +got):\n%s", name, most, long, diff)
				}
				late := harness.Dial(t, base, "r", true, "since", w.Position)
				if o := late.Until("welcome"); !o.Resumed {
					t.Errorf("%s of %d and %v: %+v", name, most, long, o)
				}
				for i := range want {
					if o := late.Until("message"); o.Offset != uint64(i+1) {
						t.Fatalf("%s of %d and %v: offset %d after %d", name, most, long, o.Offset, i)
					}
				}
				for _, p := range []*harness.Peer{a, b, late} {
					p.Conn.CloseNow()
				}
			}
		}
	}
}

// TestLongestTimes uses the longest times that can be added to others. Close waits for a hook
// that ends by itself. Users of a server that has ended stay present.
func TestLongestTimes(t *testing.T) {
	for _, long := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64/2 + 1} {
		shared := chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})
		harness.InBubble(t, func(b *harness.Bubble) {
			other := chat.New(harness.Quiet, chat.WithLog(shared))
			defer other.Close()
			harness.Publish(t, other, "r", "first")
			p := b.Dial("r", true, "")
			p.Until("welcome")
			p.Send(`{"type":"message","message":"x"}`)
			synctest.Wait()
			began := time.Now()
			b.Close()
			if d := time.Since(began); d != time.Second {
				t.Errorf("Close took %v", d)
			}
			time.Sleep(time.Minute)
			if m, n, err := other.Members(context.Background(), "r", 10); n != 1 || err != nil {
				t.Errorf("members %+v, %d, %v", m, n, err)
			}
		}, harness.Quiet, chat.WithLog(shared), chat.WithPing(long, long), chat.WithWriteTimeout(long), chat.WithFlushInterval(long), chat.WithLeaveGrace(long), chat.WithLogTimeout(long),
			chat.WithFilter(func(context.Context, chat.User, string, *chat.Message) error { time.Sleep(time.Second); return nil }))
	}
}
