package protocol

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestProtocolCloses(t *testing.T) {
	t.Parallel()
	removed := func(code int, want int) func(t *testing.T) {
		return func(t *testing.T) {
			srv, base := harness.Serve(t, harness.UserByHeader)
			p, q := harness.Dial(t, base, "r", true, "as", "u1"), harness.Dial(t, base, "r", true, "as", "u2")
			p.Until("welcome")
			q.Until("welcome")
			harness.Eventually(t, "both to be members", func() bool { return srv.Stats().Connections == 2 })
			if err := srv.Disconnect(t.Context(), "u1", chat.Disconnect{Code: code, Reason: "go away"}); err != nil {
				t.Fatal(err)
			}
			harness.Expect(t, "code", p.Closed(), want)
			q.Send(`{"type":"ping"}`)
			q.Until("pong") // the other stays
		}
	}
	runProtocol(t, []sentence{
		{"1008 for who is removed", removed(chat.CloseRemoved, 1008)},
		{"4003 for who is forbidden from now on", removed(chat.CloseForbidden, 4003)},
		{"1008 where no code is given", removed(0, 1008)},
		{"1011 for an internal error", func(t *testing.T) {
			_, base := harness.Serve(t, harness.Quiet, chat.WithAuthorizer(func(_ context.Context, _ chat.User, _ string, a chat.Action) error {
				if a == chat.ActionSend {
					runtime.Goexit() // a panic is only a refusal
				}
				return nil
			}))
			p := harness.Dial(t, base, "r", false)
			p.Send("x")
			harness.Expect(t, "code", p.Closed(), 1011)
		}},
	})
}

// A private message is answered as the first time when it is sent again, though
// its receiver has gone since.
func TestRepeatedToWhoHasGone(t *testing.T) {
	_, base := harness.Serve(t)
	a, b := harness.Dial(t, base, "r", true), harness.Dial(t, base, "r", true)
	a.Until("welcome")
	to := b.Until("welcome").User
	send := func() harness.Object {
		a.Send(fmt.Sprintf(`{"type":"private","to":%q,"message":"m","id":"k1"}`, to))
		for {
			if o := a.Next(); o.Type == "ack" || o.Type == "error" {
				return o
			}
		}
	}
	first := send()
	b.Conn.Close(1000, "")
	for o := a.Next(); o.Event != "leave"; o = a.Next() {
	}
	if again := send(); first.Type != "ack" || again.Type != "ack" || again.Offset != first.Offset {
		t.Errorf("%+v, then %+v", first, again)
	}
}
