package chattest

import (
	"context"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat"
	"github.com/seed-08328bfd/chat/chatlog"
)

// brokenAmender is a memory log with its optional methods. Some of them are replaced.
type brokenAmender struct {
	broken
	amend    func(chatlog.Amender, context.Context, string, chatlog.Event, bool) (chatlog.Appended, error)
	amended  func(a *chatlog.Appended, e chatlog.Event)
	markRead func(l chatlog.Marker, ctx context.Context, room, user string, offset uint64) (uint64, bool, error)
	unread   func(l chatlog.Log, user string, rooms []string, u []chatlog.Unread)
	marker   func(user string) string
	pace     func(l chatlog.Pacer, ctx context.Context, room, user, id string, every time.Duration) (time.Duration, error)

	mu   sync.Mutex
	seen map[string]map[uint64]chatlog.Event // the stored events, by room and offset
}

func (b *brokenAmender) see(room string, e chatlog.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[room] == nil {
		b.seen[room] = map[uint64]chatlog.Event{}
	}
	b.seen[room][e.Offset] = e
}

// was returns the event that was stored at offset.
func (b *brokenAmender) was(room string, offset uint64) chatlog.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[room][offset]
}

func (b *brokenAmender) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	a, err := b.broken.Append(ctx, room, e)
	if !a.Repeated {
		b.see(room, a.Event)
	}
	return a, err
}

func (b *brokenAmender) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (a chatlog.Appended, err error) {
	if l := b.Log.(chatlog.Amender); b.amend != nil {
		a, err = b.amend(l, ctx, room, e, moderator)
	} else {
		a, err = l.Amend(ctx, room, e, moderator)
	}
	if err == nil && !a.Repeated {
		b.see(room, a.Event)
	}
	if b.amended != nil {
		b.amended(&a, e)
	}
	return a, err
}

func (b *brokenAmender) user(user string) string {
	if b.marker != nil {
		return b.marker(user)
	}
	return user
}

func (b *brokenAmender) MarkRead(ctx context.Context, room, user string, offset uint64) (uint64, bool, error) {
	l := b.Log.(chatlog.Marker)
	if b.markRead != nil {
		return b.markRead(l, ctx, room, b.user(user), offset)
	}
	return l.MarkRead(ctx, room, b.user(user), offset)
}

func (b *brokenAmender) Unread(ctx context.Context, user string, rooms []string) ([]chatlog.Unread, error) {
	u, err := b.Log.(chatlog.Marker).Unread(ctx, b.user(user), rooms)
	if b.unread != nil {
		b.unread(b.Log, user, rooms, u)
	}
	return u, err
}

func (b *brokenAmender) Pace(ctx context.Context, room, user, id string, every time.Duration) (time.Duration, error) {
	l := b.Log.(chatlog.Pacer)
	if b.pace != nil {
		return b.pace(l, ctx, room, user, id, every)
	}
	return l.Pace(ctx, room, user, id, every)
}

// amending returns a function that opens a log made by broken.
func amending(make func() *brokenAmender) func() func() chatlog.Log {
	return func() func() chatlog.Log {
		b := make()
		b.Log, b.seen = chat.NewMemoryLog(chat.MemoryOptions{}), map[string]map[uint64]chatlog.Event{}
		return func() chatlog.Log { return b }
	}
}

// reading is a log that changes the events of its pages.
func reading(change func(b *brokenAmender, room string, e *chatlog.Event, r chatlog.Range)) func() func() chatlog.Log {
	return amending(func() *brokenAmender {
		b := &brokenAmender{}
		var room string
		b.room = func(name string) string { room = name; return name }
		b.read = func(p *chatlog.Page, r chatlog.Range) {
			for i := range p.Events {
				change(b, room, &p.Events[i], r)
			}
		}
		return b
	})
}

// counting is a log that counts the events above the marker for which counts is true as unread.
func counting(counts func(e chatlog.Event, user string) bool) func() func() chatlog.Log {
	return amending(func() *brokenAmender {
		return &brokenAmender{unread: func(l chatlog.Log, user string, rooms []string, u []chatlog.Unread) {
			for i, room := range rooms {
				p, _ := l.Read(context.Background(), room, chatlog.Range{From: u[i].Read + 1, Limit: 1000})
				u[i].Unread = 0
				for _, e := range p.Events {
					if counts(e, user) {
						u[i].Unread = min(u[i].Unread+1, chatlog.MaxUnread)
					}
				}
			}
		}}
	})
}

// deafSink receives no entry that amends.
type deafSink struct{ chatlog.Sink }

func (s deafSink) Push(room, epoch string, e chatlog.Event) {
	if !e.Amends() {
		s.Sink.Push(room, epoch, e)
	}
}

// deafLog does not announce entries that amend.
type deafLog struct{ *brokenAmender }

func (l deafLog) Open(ctx context.Context, s chatlog.Sink) error { return l.Log.Open(ctx, deafSink{s}) }
func (l deafLog) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	return l.Log.Watch(ctx, deafSink{s}, room)
}
func (l deafLog) Unwatch(s chatlog.Sink, room string) { l.Log.Unwatch(deafSink{s}, room) }
func (l deafLog) Close(s chatlog.Sink) error          { return l.Log.Close(deafSink{s}) }
