// Package protocol holds the server to docs/protocol.md: each row is one of its sentences.
// What is refused is in the tables of package hostile.
package protocol

import (
	"context"
	"errors"
	"path"
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

// runBoth runs sentences about a room twice: over a connection with this room alone, and over
// one with many. What a client says and gets in a room is the same.
func runBoth(t *testing.T, sentences []sentence) {
	for _, s := range sentences {
		t.Run(s.name, func(t *testing.T) {
			for _, over := range []string{"one", overMany} {
				t.Run(over, func(t *testing.T) {
					t.Parallel()
					s.test(t)
				})
			}
		})
	}
}

const overMany = "many"

// dial is [harness.Dial], or [harness.DialIn] where the test asks for that.
func dial(t testing.TB, base, room string, v1 bool, params ...string) *harness.Peer {
	t.Helper()
	if v1 && path.Base(t.Name()) == overMany {
		return harness.DialIn(t, base, room, params...)
	}
	return harness.Dial(t, base, room, v1, params...)
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
