package guard

import (
	"context"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

// Append implements [chatlog.Store].
func (l *Log) Append(ctx context.Context, room string, e chatlog.Event) (a chatlog.Appended, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Append", room, &err)
	return l.log.Append(ctx, room, e)
}

// Lookup implements [chatlog.Store].
func (l *Log) Lookup(ctx context.Context, room, userID, id string) (a chatlog.Appended, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Lookup", room, &err)
	return l.log.Lookup(ctx, room, userID, id)
}

// Read implements [chatlog.Store].
func (l *Log) Read(ctx context.Context, room string, r chatlog.Range) (p chatlog.Page, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Read", room, &err)
	return l.log.Read(ctx, room, r)
}

// Positions implements [chatlog.Store].
func (l *Log) Positions(ctx context.Context, rooms []string) (at []chatlog.Position, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Positions", "", &err)
	at, err = l.log.Positions(ctx, rooms)
	return at, countOf("Positions", len(at), len(rooms), err)
}

// Renew implements [chatlog.Store].
func (l *Log) Renew(ctx context.Context, room, seen string) (epoch string, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Renew", room, &err)
	return l.log.Renew(ctx, room, seen)
}

// Open implements [chatlog.Feed].
func (l *Log) Open(ctx context.Context, s chatlog.Sink) (err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Open", "", &err)
	return l.log.Open(ctx, s)
}

// Watch implements [chatlog.Feed].
func (l *Log) Watch(ctx context.Context, s chatlog.Sink, room string) (err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Watch", room, &err)
	return l.log.Watch(ctx, s, room)
}

// Unwatch implements [chatlog.Feed].
func (l *Log) Unwatch(s chatlog.Sink, room string) {
	var err error // Unwatch returns no error
	l.enter()
	defer l.end("Unwatch", room, &err)
	l.log.Unwatch(s, room)
}

// Signal implements [chatlog.Feed].
func (l *Log) Signal(ctx context.Context, room string, e chatlog.Event) (err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Signal", room, &err)
	return l.log.Signal(ctx, room, e)
}

// Close implements [chatlog.Feed].
func (l *Log) Close(s chatlog.Sink) (err error) {
	l.enter()
	defer l.end("Close", "", &err)
	return l.log.Close(s)
}

// Enter implements [chatlog.Presence].
func (l *Log) Enter(ctx context.Context, server, room string, m chatlog.Member) (first bool, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Enter", room, &err)
	return l.log.Enter(ctx, server, room, m)
}

// Leave implements [chatlog.Presence].
func (l *Log) Leave(ctx context.Context, server, room, userID string) (last bool, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Leave", room, &err)
	return l.log.Leave(ctx, server, room, userID)
}

// Members implements [chatlog.Presence].
func (l *Log) Members(ctx context.Context, room string, limit int) (m chatlog.MemberList, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Members", room, &err)
	return l.log.Members(ctx, room, limit)
}

// Present implements [chatlog.Presence].
func (l *Log) Present(ctx context.Context, room, userID string) (m chatlog.Member, ok bool, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Present", room, &err)
	return l.log.Present(ctx, room, userID)
}

// Rooms implements [chatlog.Presence].
func (l *Log) Rooms(ctx context.Context) (rooms map[string]int, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Rooms", "", &err)
	return l.log.Rooms(ctx)
}

// Versions implements [chatlog.Presence].
func (l *Log) Versions(ctx context.Context, rooms []string) (v []uint64, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Versions", "", &err)
	v, err = l.log.Versions(ctx, rooms)
	return v, countOf("Versions", len(v), len(rooms), err)
}

// Beat implements [chatlog.Presence].
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (p chatlog.Pulse, err error) {
	ctx, cancel := l.begin(ctx)
	defer cancel()
	defer l.end("Beat", "", &err)
	return l.log.Beat(ctx, server, ttl)
}
