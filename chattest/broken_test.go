package chattest

import (
	"context"
	"slices"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// broken is a memory log with some methods replaced, so that it has a defect.
type broken struct {
	chatlog.Log
	append    func(chatlog.Log, context.Context, string, chatlog.Event) (chatlog.Appended, error)
	lookup    func(a *chatlog.Appended, userID, id string)
	read      func(*chatlog.Page, chatlog.Range)
	readRange func(*chatlog.Range)
	room      func(string) string
	renew     func(seen, now string) string
	watch     func(chatlog.Sink) chatlog.Sink
	unwatch   func()
	signal    func(*chatlog.Event) bool
	enter     func(*chatlog.Member, *bool)
	server    func(string) string
	members   func(*chatlog.MemberList)
	versions  func([]uint64)
	rooms     func(map[string]int)
	beat      func(*chatlog.Pulse)
	ctx       func(context.Context) context.Context
}

func (b *broken) name(room string) string {
	if b.room != nil {
		return b.room(room)
	}
	return room
}

func (b *broken) within(ctx context.Context) context.Context {
	if b.ctx != nil {
		return b.ctx(ctx)
	}
	return ctx
}

func (b *broken) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	if b.append != nil {
		return b.append(b.Log, ctx, room, e)
	}
	return b.Log.Append(b.within(ctx), b.name(room), e)
}

func (b *broken) Lookup(ctx context.Context, room, userID, id string) (chatlog.Appended, error) {
	a, err := b.Log.Lookup(b.within(ctx), b.name(room), userID, id)
	if b.lookup != nil {
		b.lookup(&a, userID, id)
	}
	return a, err
}

func (b *broken) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	asked := r
	if b.readRange != nil {
		b.readRange(&r)
	}
	p, err := b.Log.Read(b.within(ctx), b.name(room), r)
	if b.read != nil {
		b.read(&p, asked)
	}
	return p, err
}

func (b *broken) Renew(ctx context.Context, room, seen string) (string, error) {
	if b.renew != nil {
		at, err := b.Log.Positions(ctx, []string{room})
		if err != nil {
			return "", err
		}
		seen = b.renew(seen, at[0].Epoch)
	}
	return b.Log.Renew(ctx, room, seen)
}

func (b *broken) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	if b.watch != nil && b.watch(s) == nil {
		return nil
	}
	return b.Log.Watch(ctx, s, b.name(room))
}

func (b *broken) Unwatch(s chatlog.Sink, room string) {
	if b.unwatch == nil {
		b.Log.Unwatch(s, room)
	}
}

func (b *broken) Signal(ctx context.Context, room string, e chatlog.Event) error {
	if b.signal != nil && !b.signal(&e) {
		return nil
	}
	return b.Log.Signal(ctx, b.name(room), e)
}

func (b *broken) Enter(ctx context.Context, server, room string, m chatlog.Member) (bool, error) {
	if b.server != nil {
		server = b.server(server)
	}
	first, err := b.Log.Enter(b.within(ctx), server, b.name(room), m)
	if b.enter != nil {
		b.enter(&m, &first)
	}
	return first, err
}

func (b *broken) Leave(ctx context.Context, server, room, userID string) (bool, error) {
	if b.server != nil {
		server = b.server(server)
	}
	return b.Log.Leave(b.within(ctx), server, b.name(room), userID)
}

func (b *broken) Members(ctx context.Context, room string, limit int) (chatlog.MemberList, error) {
	list, err := b.Log.Members(ctx, b.name(room), limit)
	if b.members != nil {
		b.members(&list)
	}
	return list, err
}

func (b *broken) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	names := make([]string, len(rooms))
	for i := range rooms {
		names[i] = b.name(rooms[i])
	}
	v, err := b.Log.Versions(ctx, names)
	if b.versions != nil {
		b.versions(v)
	}
	return v, err
}

func (b *broken) Rooms(ctx context.Context) (map[string]int, error) {
	rooms, err := b.Log.Rooms(ctx)
	if b.rooms != nil {
		b.rooms(rooms)
	}
	return rooms, err
}

func (b *broken) Beat(ctx context.Context, server string, ttl time.Duration) (chatlog.Pulse, error) {
	p, err := b.Log.Beat(ctx, server, ttl)
	if b.beat != nil {
		b.beat(&p)
	}
	return p, err
}

// hide removes from a page everything that its reader may not see.
func hide(p *chatlog.Page, r chatlog.Range) {
	p.Events = slices.DeleteFunc(p.Events, func(e chatlog.Event) bool { return r.Visible && !e.VisibleTo(r.Reader) })
}

// lateSink queues pushes, and Close does not wait for the queue.
type lateSink struct{ chatlog.Sink }

func (s lateSink) Push(room, epoch string, e chatlog.Event) {
	go func() {
		time.Sleep(20 * time.Millisecond)
		s.Sink.Push(room, epoch, e)
	}()
}

// lateLog gives each sink such a queue.
type lateLog struct{ chatlog.Log }

func (l lateLog) Open(ctx context.Context, s chatlog.Sink) error { return l.Log.Open(ctx, lateSink{s}) }
func (l lateLog) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	return l.Log.Watch(ctx, lateSink{s}, room)
}
func (l lateLog) Unwatch(s chatlog.Sink, room string) { l.Log.Unwatch(lateSink{s}, room) }
func (l lateLog) Close(s chatlog.Sink) error          { return l.Log.Close(lateSink{s}) }
