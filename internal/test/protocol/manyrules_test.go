package protocol

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

// slowWatch is a log that takes a second to watch a room.
type slowWatch struct{ chat.Log }

func (l slowWatch) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	time.Sleep(time.Second)
	return l.Log.Watch(ctx, s, room)
}

// TestManyRules has the server's rules change while a client joins.
func TestManyRules(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	runProtocol(t, []sentence{
		{"rights that are taken while the authorizer thinks are gone when one is in the room", func(t *testing.T) {
			var banned, slow atomic.Bool
			harness.InBubble(t, func(b *harness.Bubble) {
				slow.Store(true)
				p := b.Dial(harness.Many, true, "as=u1")
				p.Until("hello")
				p.Send(`{"type":"join","room":"a","id":"1"}`)
				synctest.Wait()
				banned.Store(true)
				b.Reauthorize(ctx, "", "u1")
				harness.Expect(t, "answer", p.Text(), `{"type":"error","room":"a","code":"forbidden","message":"banned","id":"1"}`)
				synctest.Wait()
				harness.Expect(t, "in the room", present(t, b.Server, "a"), 0)
			}, harness.UserByHeader, chat.WithAuthorizer(func(context.Context, chat.User, string, chat.Action) error {
				gone := banned.Load()
				if slow.CompareAndSwap(true, false) {
					time.Sleep(time.Second)
				}
				if gone {
					return chat.Refuse("banned")
				}
				return nil
			}))
		}},
		{"a join during which the server removes the user from the room is refused", func(t *testing.T) {
			for _, c := range []struct {
				code int
				want string
			}{
				{chat.CloseForbidden, `{"type":"error","room":"a","code":"forbidden","message":"banned","id":"1"}`},
				{chat.CloseRemoved, `{"type":"error","room":"a","code":"unavailable","message":"the room cannot be joined now: try again","id":"1","retry_after_ms":1000}`},
			} {
				harness.InBubble(t, func(b *harness.Bubble) {
					p := b.Dial(harness.Many, true, "as=u1")
					p.Until("hello")
					p.Send(`{"type":"join","room":"a","id":"1"}`)
					time.Sleep(500 * time.Millisecond)
					b.Disconnect(ctx, "u1", chat.Disconnect{Room: "a", Code: c.code, Reason: "banned"})
					harness.Expect(t, "answer", p.Text(), c.want)
					synctest.Wait()
					harness.Expect(t, "in the room", present(t, b.Server, "a"), 0)
					does(p, `{"type":"message","room":"a","message":"m"}`, "error not_joined")
				}, harness.UserByHeader, chat.WithLog(slowWatch{chat.NewMemoryLog(chat.MemoryOptions{Entries: 10})}))
			}
		}},
	})
}
