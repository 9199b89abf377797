package harness

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// BadLog is a log with one method that misbehaves while the test wants it.
type BadLog struct {
	chatlog.Log
	method atomic.Pointer[string]
	Wrong  func()       // what the method does then
	Met    atomic.Int64 // how often the method has misbehaved
}

// Set sets the method that misbehaves; "" is none.
func (l *BadLog) Set(method string) { l.method.Store(&method) }

func (l *BadLog) at(method string) {
	if m := l.method.Load(); m != nil && *m == method {
		l.Met.Add(1)
		l.Wrong()
	}
}

// The methods of [chatlog.Log] and of its optional interfaces follow. Log must have these too. Each method
// misbehaves if Set has named it.

func (l *BadLog) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	l.at("Append")
	return l.Log.Append(ctx, room, e)
}

func (l *BadLog) Lookup(ctx context.Context, room, userID, id string) (chatlog.Appended, error) {
	l.at("Lookup")
	return l.Log.Lookup(ctx, room, userID, id)
}

func (l *BadLog) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	l.at("Read")
	return l.Log.Read(ctx, room, r)
}

func (l *BadLog) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	l.at("Positions")
	at, err := l.Log.Positions(ctx, rooms)
	if *l.method.Load() == "too few positions" {
		l.Met.Add(1)
		at = at[:0]
	}
	return at, err
}

func (l *BadLog) Open(ctx context.Context, s chatlog.Sink) error {
	l.at("Open")
	return l.Log.Open(ctx, s)
}

func (l *BadLog) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	l.at("Watch")
	return l.Log.Watch(ctx, s, room)
}

func (l *BadLog) Unwatch(s chatlog.Sink, room string) {
	l.Log.Unwatch(s, room)
	l.at("Unwatch")
}

func (l *BadLog) Signal(ctx context.Context, room string, e chatlog.Event) error {
	l.at("Signal")
	return l.Log.Signal(ctx, room, e)
}

func (l *BadLog) Enter(ctx context.Context, server, room string, m chatlog.Member) (bool, error) {
	l.at("Enter")
	return l.Log.Enter(ctx, server, room, m)
}

func (l *BadLog) Leave(ctx context.Context, server, room, userID string) (bool, error) {
	l.at("Leave")
	return l.Log.Leave(ctx, server, room, userID)
}

func (l *BadLog) Members(ctx context.Context, room string, limit int) (chatlog.MemberList, error) {
	l.at("Members")
	return l.Log.Members(ctx, room, limit)
}

func (l *BadLog) Present(ctx context.Context, room, userID string) (chatlog.Member, bool, error) {
	l.at("Present")
	return l.Log.Present(ctx, room, userID)
}

func (l *BadLog) Rooms(ctx context.Context) (map[string]int, error) {
	l.at("Rooms")
	return l.Log.Rooms(ctx)
}

func (l *BadLog) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	l.at("Versions")
	v, err := l.Log.Versions(ctx, rooms)
	if *l.method.Load() == "too many versions" {
		l.Met.Add(1)
		v = append(v, 1)
	}
	return v, err
}

func (l *BadLog) Beat(ctx context.Context, server string, ttl time.Duration) (chatlog.Pulse, error) {
	l.at("Beat")
	return l.Log.Beat(ctx, server, ttl)
}

func (l *BadLog) Amend(ctx context.Context, room string, e chatlog.Event, moderator bool) (chatlog.Appended, error) {
	l.at("Amend")
	return l.Log.(chatlog.Amender).Amend(ctx, room, e, moderator)
}

func (l *BadLog) MarkRead(ctx context.Context, room, userID string, offset uint64) (uint64, bool, error) {
	l.at("MarkRead")
	return l.Log.(chatlog.Marker).MarkRead(ctx, room, userID, offset)
}

func (l *BadLog) Unread(ctx context.Context, userID string, rooms []string) ([]chatlog.Unread, error) {
	l.at("Unread")
	return l.Log.(chatlog.Marker).Unread(ctx, userID, rooms)
}

func (l *BadLog) Pace(ctx context.Context, room, userID, id string, every time.Duration) (time.Duration, error) {
	l.at("Pace")
	return l.Log.(chatlog.Pacer).Pace(ctx, room, userID, id, every)
}
