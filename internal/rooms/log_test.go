package rooms

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/memlog"
)

// testLog is a memory log that counts the reads of messages, and can keep its pushes back.
type testLog struct {
	*memlog.Log
	mute  atomic.Bool
	away  atomic.Bool // messages cannot be read
	reads atomic.Int64
	then  atomic.Pointer[func()] // called once, between a read and its return
}

func newTestLog() *testLog { return &testLog{Log: memlog.New(1000, 8<<20, time.Hour)} }

// deafSink is a sink that is not pushed to while the log is mute.
type deafSink struct {
	chatlog.Sink
	log *testLog
}

func (s deafSink) Push(room, epoch string, e chatlog.Event) {
	if e.Offset == 0 || !s.log.mute.Load() {
		s.Sink.Push(room, epoch, e)
	}
}

func (l *testLog) Open(ctx context.Context, s chatlog.Sink) error {
	return l.Log.Open(ctx, deafSink{s, l})
}

func (l *testLog) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	return l.Log.Watch(ctx, deafSink{s, l}, room)
}

func (l *testLog) Unwatch(s chatlog.Sink, room string) { l.Log.Unwatch(deafSink{s, l}, room) }
func (l *testLog) Close(s chatlog.Sink) error          { return l.Log.Close(deafSink{s, l}) }

func (l *testLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	if r.Messages {
		l.reads.Add(1)
		if l.away.Load() {
			return chatlog.Page{}, errFlaky
		}
	}
	defer func() {
		if then := l.then.Swap(nil); then != nil {
			(*then)()
		}
	}()
	return l.Log.Read(ctx, room, r)
}

// say publishes a message, or amends one, as user u.
func say(t *testing.T, s *Set, e chatlog.Event) uint64 {
	t.Helper()
	if e.UserID == "" {
		e.UserID = "u"
	}
	e, _, err := s.Publish(t.Context(), "r", e, false)
	if err != nil {
		t.Fatalf("%+v: %v", e, err)
	}
	return e.Offset
}

func message(text string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeMessage, Text: text}
}

func edit(target uint64, text string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeEdit, Target: target, Text: text}
}

func deletion(target uint64) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeDelete, Target: target}
}

func reaction(target uint64, user, reaction string) chatlog.Event {
	return chatlog.Event{Type: chatlog.TypeReaction, Target: target, UserID: user, Reaction: reaction}
}

// summary returns what a client would show of objects: a line of the messages with
// their text, reactions and amended, and of everything else but the welcome and notices.
func summary(objects []gotten) string {
	var all []string
	for i := range objects {
		o := &objects[i]
		s := fmt.Sprint(o.Offset, " ", o.Type)
		switch o.Type {
		case "welcome", chatlog.TypeSystem:
			continue
		case "position":
			s = "position " + o.Position[strings.Index(o.Position, ":")+1:]
		case chatlog.TypeMessage, chatlog.TypePrivate:
			s = fmt.Sprint(o.Offset, " ", o.Text)
			if o.Amended != 0 {
				s += fmt.Sprint("@", o.Amended)
			}
			for _, r := range o.Reactions {
				s += fmt.Sprint(" ", r.Reaction, r.Count)
			}
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

// amend is Amend without a moderator.
func (l *testLog) amend(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	return l.Amend(ctx, room, e, false)
}
