package chat

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/seed-08328bfd/chat/internal/logging"
)

// guarded is a log that was given to the server, which is users' code like a hook.
// A panic of it is an error: most uses of the log are made in goroutines of the
// server's own, where it would end the process, and others wait for the rest, who
// would wait for good. The memory log of one server alone is not guarded.
type guarded struct {
	Log
	srv *Server
}

// guardedType is what the methods of guarded begin with in a stack.
var guardedType = strings.TrimSuffix(logging.FuncName((*guarded).call), "call")

// guard returns how the server uses l.
func (s *Server) guard(l Log) Log {
	if s.local {
		return l
	}
	return &guarded{l, s}
}

// call calls f, which uses the log by the named method. err is where f has its error.
func (g *guarded) call(method, room string, err *error, f func()) {
	g.srv.calls.Add(1)
	defer func() {
		g.srv.calls.Add(-1)
		if p := recover(); p != nil {
			g.srv.stats.panics.Add(1)
			// Later, since Unwatch is called under a lock.
			g.srv.logger.Later(slog.LevelError, "chat: panic", "log", method, "room", room, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			*err = fmt.Errorf("chat: the log panicked: %v", p)
		}
	}()
	f()
}

// Append implements [Store].
func (g *guarded) Append(ctx context.Context, room string, e Event) (stored Event, epoch string, dup bool, err error) {
	g.call("Append", room, &err, func() { stored, epoch, dup, err = g.Log.Append(ctx, room, e) })
	return stored, epoch, dup, err
}

// Lookup implements [Store].
func (g *guarded) Lookup(ctx context.Context, room, user, id string) (e Event, epoch string, ok bool, err error) {
	g.call("Lookup", room, &err, func() { e, epoch, ok, err = g.Log.Lookup(ctx, room, user, id) })
	return e, epoch, ok, err
}

// Read implements [Store].
func (g *guarded) Read(ctx context.Context, room string, r Range) (p Page, err error) {
	g.call("Read", room, &err, func() { p, err = g.Log.Read(ctx, room, r) })
	return p, err
}

// Positions implements [Store].
func (g *guarded) Positions(ctx context.Context, rooms []string) (at []Position, err error) {
	g.call("Positions", "", &err, func() { at, err = g.Log.Positions(ctx, rooms) })
	return at, oneEach("Positions", len(at), len(rooms), err)
}

// Renew implements [Store].
func (g *guarded) Renew(ctx context.Context, room, seen string) (epoch string, err error) {
	g.call("Renew", room, &err, func() { epoch, err = g.Log.Renew(ctx, room, seen) })
	return epoch, err
}

// Open implements [Feed].
func (g *guarded) Open(ctx context.Context, s Sink) (err error) {
	g.call("Open", "", &err, func() { err = g.Log.Open(ctx, s) })
	return err
}

// Watch implements [Feed].
func (g *guarded) Watch(ctx context.Context, s Sink, room string) (err error) {
	g.call("Watch", room, &err, func() { err = g.Log.Watch(ctx, s, room) })
	return err
}

// Unwatch implements [Feed].
func (g *guarded) Unwatch(s Sink, room string) {
	var err error // there is nobody to tell
	g.call("Unwatch", room, &err, func() { g.Log.Unwatch(s, room) })
}

// Signal implements [Feed].
func (g *guarded) Signal(ctx context.Context, room string, e Event) (err error) {
	g.call("Signal", room, &err, func() { err = g.Log.Signal(ctx, room, e) })
	return err
}

// Close implements [Feed].
func (g *guarded) Close(s Sink) (err error) {
	g.call("Close", "", &err, func() { err = g.Log.Close(s) })
	return err
}

// Enter implements [Presence].
func (g *guarded) Enter(ctx context.Context, server, room string, m Member) (first bool, err error) {
	g.call("Enter", room, &err, func() { first, err = g.Log.Enter(ctx, server, room, m) })
	return first, err
}

// Leave implements [Presence].
func (g *guarded) Leave(ctx context.Context, server, room, user string) (last bool, err error) {
	g.call("Leave", room, &err, func() { last, err = g.Log.Leave(ctx, server, room, user) })
	return last, err
}

// Members implements [Presence].
func (g *guarded) Members(ctx context.Context, room string, limit int) (m []Member, total int, err error) {
	g.call("Members", room, &err, func() { m, total, err = g.Log.Members(ctx, room, limit) })
	return m, total, err
}

// Present implements [Presence].
func (g *guarded) Present(ctx context.Context, room, user string) (m Member, ok bool, err error) {
	g.call("Present", room, &err, func() { m, ok, err = g.Log.Present(ctx, room, user) })
	return m, ok, err
}

// Rooms implements [Presence].
func (g *guarded) Rooms(ctx context.Context) (rooms map[string]int, err error) {
	g.call("Rooms", "", &err, func() { rooms, err = g.Log.Rooms(ctx) })
	return rooms, err
}

// Versions implements [Presence].
func (g *guarded) Versions(ctx context.Context, rooms []string) (v []uint64, err error) {
	g.call("Versions", "", &err, func() { v, err = g.Log.Versions(ctx, rooms) })
	return v, oneEach("Versions", len(v), len(rooms), err)
}

// Beat implements [Presence].
func (g *guarded) Beat(ctx context.Context, server string, ttl time.Duration) (held bool, gone []Departure, err error) {
	g.call("Beat", "", &err, func() { held, gone, err = g.Log.Beat(ctx, server, ttl) })
	return held, gone, err
}

// oneEach returns err, or that the log has not answered for each room.
func oneEach(method string, got, want int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("chat: the log's %s answered for %d rooms of %d", method, got, want)
	}
	return err
}
