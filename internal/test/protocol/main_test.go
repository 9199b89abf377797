// Package protocol holds the server to docs/protocol.md: each row is one of its sentences.
// What is refused is in the tables of package hostile.
package protocol

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// sentence is one promise of the protocol.
type sentence struct {
	name string
	test func(t *testing.T)
}

func runProtocol(t *testing.T, sentences []sentence) {
	for _, s := range sentences {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t)
		})
	}
}

// brokenLog is a log whose store cannot be reached.
type brokenLog struct {
	chat.Log
	reads, appends atomic.Bool // which of the two fail
}

var errBroken = errors.New("out of order")

func (l *brokenLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	if l.reads.Load() {
		return chatlog.Page{}, errBroken
	}
	return l.Log.Read(ctx, room, r)
}

func (l *brokenLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	if l.appends.Load() {
		return chatlog.Appended{}, errBroken
	}
	return l.Log.Append(ctx, room, e)
}
