package chat_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestPanicInHooks(t *testing.T) {
	var logged lockedBuffer
	quiet := chat.WithLogger(slog.New(slog.NewTextHandler(&logged, nil)))
	_, base := harness.Serve(t, quiet, chat.WithFilter(func(_ context.Context, _ chat.User, _ string, e *chat.Message) error {
		if e.Text == "boom" {
			panic("filter")
		}
		return nil
	}), chat.WithAuthorizer(func(_ context.Context, u chat.User, room string, a chat.Action) error {
		if a == chat.ActionJoin && room == "panic" || a == chat.ActionTyping {
			panic("authorizer")
		}
		return nil
	}))
	p := harness.Dial(t, base, "r", true)
	p.Until("welcome")
	p.Send(`{"type":"message","message":"boom","id":"1"}`)
	if o := p.Next(); o.Code != "rejected" || o.ID != "1" {
		t.Errorf("got %+v", o)
	}
	p.Send(`{"type":"message","message":"still here"}`)
	if o := p.Next(); o.Message != "still here" {
		t.Errorf("got %+v", o)
	}
	if _, resp, err := harness.TryDial(t, base, "panic", true); err == nil || resp == nil || resp.StatusCode != 500 {
		t.Errorf("join with a panicking authorizer: %v, %v", resp, err)
	}
	q := harness.Dial(t, base, "r", true)
	q.Until("welcome")
	q.Send(`{"type":"typing"}`)
	if o := q.Until("error"); o.Code != "forbidden" || o.Message != "internal error" {
		t.Errorf("typing with a panicking authorizer: %+v", o)
	}
	p.Send(`{"type":"ping"}`)
	p.Until("pong")
	if !strings.Contains(logged.String(), "authorizer") {
		t.Error("the panic was not logged")
	}
}

// lockedBuffer is a buffer that may be written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
