package protocol

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// renewedLog is a log that can say that a room's epoch is another now.
type renewedLog struct {
	chat.Log
	mu   sync.Mutex
	to   chatlog.Sink
	room string // which has lost events
}

func (l *renewedLog) Open(ctx context.Context, s chatlog.Sink) error {
	l.to = s
	return l.Log.Open(ctx, s)
}

// lose makes the room another one, in which nothing is.
func (l *renewedLog) lose(room string) {
	l.mu.Lock()
	l.room = room
	l.mu.Unlock()
	l.to.Push(room, "another", chatlog.Event{Offset: 1})
}

func (l *renewedLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	l.mu.Lock()
	lost := l.room == room
	l.mu.Unlock()
	if lost {
		return chatlog.Page{Position: chatlog.Position{Epoch: "another"}, First: 1}, nil
	}
	return l.Log.Read(ctx, room, r)
}

// TestManyEnds is about rooms that end, and the others that go on.
func TestManyEnds(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	runProtocol(t, []sentence{
		{"rooms take turns of 16 KiB", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				p := b.Dial(harness.Many, true, "")
				p.Until("hello")
				enters(p, "quiet 1", "busy 1", "busy 2", "quiet 2")
				text := strings.Repeat("x", 4000)
				harness.Publish(t, b.Server, "busy 1", text) // is being written: p does not read
				synctest.Wait()
				harness.Publish(t, b.Server, "quiet 1", "m")
				for range 60 {
					harness.Publish(t, b.Server, "busy 1", text)
					harness.Publish(t, b.Server, "busy 2", text)
				}
				harness.Publish(t, b.Server, "quiet 2", "m")
				busy, quiet := 0, 0
				for quiet < 2 {
					switch o := p.Next(); {
					case o.Type != "message":
						t.Fatalf("%+v", o)
					case strings.HasPrefix(o.Room, "busy"):
						busy++
					default:
						quiet++
					}
				}
				if busy > 1+2*4 {
					t.Errorf("%d messages of 4,000 bytes come before those of the quiet rooms", busy)
				}
			})
		}},
		{"a replay takes turns with what is live", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				text := strings.Repeat("x", 4000)
				for range 300 {
					harness.Publish(t, b.Server, "long", text)
				}
				epoch := ""
				p := b.Dial(harness.Many, true, "")
				p.Until("hello")
				p.Send(`{"type":"join","room":"long"}`)
				epoch, _, _ = strings.Cut(p.Until("welcome").Position, ":")
				p.Conn.Close(1000, "")
				p = b.Dial(harness.Many, true, "")
				p.Until("hello")
				enters(p, "live")
				p.Send(`{"type":"join","room":"long","since":"` + epoch + `:1"}`)
				synctest.Wait()
				harness.Publish(t, b.Server, "live", "m")
				synctest.Wait()
				n, last := 0, uint64(1)
				seen := false
				for last < 300 {
					switch o := p.Next(); {
					case o.Room == "live":
						seen = true
					case o.Type == "welcome":
						harness.Expect(t, "resumed", o.Resumed, true)
					case o.Offset != last+1:
						t.Fatalf("%d after %d", o.Offset, last)
					default:
						if last = o.Offset; !seen {
							n++
						}
					}
				}
				if n > 9 { // two turns
					t.Errorf("%d messages of the replay come before the live one", n)
				}
			}, chat.WithHistory(5), chat.WithResume(5), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000, Bytes: 8 << 20})))
		}},
		{"who is slow in one room is told to come back to it, and the others go on", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				p := b.Dial(harness.Many, true, "")
				p.Until("hello")
				enters(p, "a", "b")
				harness.Publish(t, b.Server, "a", "first")
				at := p.Until("message").Offset
				text := strings.Repeat("x", 10_000)
				for range 100 {
					harness.Publish(t, b.Server, "a", text)
				}
				harness.Publish(t, b.Server, "b", "in b")
				synctest.Wait()
				got, left := 0, harness.Object{}
				for o := p.Next(); o.Room != "b"; o = p.Next() {
					if got++; o.Type == "left" {
						left = o
					} else if at++; o.Offset != at || left.Type != "" {
						t.Errorf("%d after %d, left: %v", o.Offset, at-1, left)
					}
				}
				if left.Type == "" {
					left = p.Until("left")
				}
				harness.Expect(t, "left", in(left), `a: left 1013 1013 "too slow: come back and resume"`)
				does(p, `{"type":"message","room":"a","message":"m"}`, "error not_joined")
				does(p, `{"type":"message","room":"b","message":"m"}`, "message 2 m")
				epoch := welcomed(p, "c")
				harness.Expect(t, "slow", b.Stats().SlowCloses, 1)
				p.Send(fmt.Sprintf(`{"type":"join","room":"a","since":"%s:%d"}`, epoch, at))
				w := p.Until("welcome")
				harness.Expect(t, "resumed", w.Resumed, true)
				for at < 101 {
					if o := p.Next(); o.Room == "a" {
						if at++; o.Offset != at {
							t.Fatalf("%d in place of %d", o.Offset, at)
						}
					}
				}
			}, chat.WithMessageSize(10_000), chat.WithDataSize(1000), chat.WithMaxLag(1), chat.WithResume(1), chat.WithLog(chat.NewMemoryLog(chat.MemoryOptions{Entries: 1000, Bytes: 8 << 20})))
		}},
		{"a room whose log has lost events is left with 1013, and the others go on", func(t *testing.T) {
			l := &renewedLog{Log: chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})}
			k := newTalk(t, harness.Quiet, chat.WithLog(l))
			p, _ := k.many("a", "b")
			does(p, `{"type":"message","room":"a","message":"m"}`, "message 1 m")
			l.lose("a")
			harness.Expect(t, "left", in(p.Until("left")), `a: left 1013 1013 "events were lost: come back and resume"`)
			does(p, `{"type":"message","room":"b","message":"m"}`, "message 1 m")
		}},
		{"a shutdown is one goodbye and 1001, and what the rooms owe comes before", func(t *testing.T) {
			harness.InBubble(t, func(b *harness.Bubble) {
				p := b.Dial(harness.Many, true, "")
				p.Until("hello")
				enters(p, "a", "b", "c")
				text := strings.Repeat("x", 10_000)
				for i := range 30 {
					harness.Publish(t, b.Server, string(rune('a'+i%3)), text)
				}
				go b.Shutdown(ctx)
				synctest.Wait()
				got := map[string]int{}
				o, err := p.Read()
				for ; err == nil; o, err = p.Read() {
					got[o.Type]++
				}
				harness.Expect(t, "what came", got, map[string]int{"message": 30, "goodbye": 1})
				harness.Expect(t, "code", harness.CloseCode(err), 1001)
			})
		}},
		{"nothing of a room comes after left, whoever sends", func(t *testing.T) {
			k := newTalk(t)
			p, _ := k.many("b")
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for _, room := range []string{"a", "b"} {
				wg.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
						}
						k.srv.Publish(ctx, room, chat.Message{Text: fmt.Sprint(i)})
						time.Sleep(50 * time.Microsecond)
					}
				})
			}
			go func() {
				for i := range 100 {
					p.Send(`{"type":"join","room":"a"}`)
					p.Send(fmt.Sprintf(`{"type":"message","room":"a","message":"m","id":"%d"}`, i))
					if i%10 == 0 { // it costs
						p.Send(`{"type":"history","room":"a"}`)
					}
					p.Send(`{"type":"leave","room":"a"}`)
				}
				p.Send(`{"type":"ping","id":"end"}`)
			}()
			inside, rounds := false, 0
			last := map[string]uint64{}
			for o := p.Next(); o.ID != "end"; o = p.Next() {
				switch {
				case o.Type == "error":
					t.Errorf("%+v", o)
				case o.Type == "welcome":
					inside, last[o.Room] = true, 0
				case o.Room == "a" && !inside:
					t.Errorf("%+v comes after left", o)
				case o.Type == "left":
					inside = false
					rounds++
				case o.Type == "message":
					if last[o.Room] != 0 && o.Offset != last[o.Room]+1 {
						t.Errorf("%s: %d after %d", o.Room, o.Offset, last[o.Room])
					}
					last[o.Room] = o.Offset
				}
			}
			close(stop)
			wg.Wait()
			harness.Expect(t, "rounds", rounds, 100)
		}},
	})
}

// welcomed joins a room and returns the epoch in its welcome.
func welcomed(p *harness.Peer, room string) string {
	p.T.Helper()
	p.Send(fmt.Sprintf(`{"type":"join","room":%q}`, room))
	epoch, _, _ := strings.Cut(p.Until("welcome").Position, ":")
	return epoch
}
