package faultlog

import (
	"context"

	"github.com/seed-08328bfd/chat/chatlog"
)

// All is a Log whose calls about entries have faults, too.
type All struct{ *Log }

// Append implements [chatlog.Store].
func (l All) Append(ctx context.Context, room string, e chatlog.Event) (chatlog.Appended, error) {
	return do(l.Log, ctx, func(ctx context.Context) (chatlog.Appended, error) { return l.Log.Append(ctx, room, e) })
}

// Lookup implements [chatlog.Store].
func (l All) Lookup(ctx context.Context, room, userID, id string) (chatlog.Appended, error) {
	return do(l.Log, ctx, func(ctx context.Context) (chatlog.Appended, error) { return l.Log.Lookup(ctx, room, userID, id) })
}

// Read implements [chatlog.Store].
func (l All) Read(ctx context.Context, room string, r chatlog.Range) (chatlog.Page, error) {
	return do(l.Log, ctx, func(ctx context.Context) (chatlog.Page, error) { return l.Log.Read(ctx, room, r) })
}

// Positions implements [chatlog.Store].
func (l All) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	return do(l.Log, ctx, func(ctx context.Context) ([]chatlog.Position, error) { return l.Log.Positions(ctx, rooms) })
}

// Watch implements [chatlog.Feed].
func (l All) Watch(ctx context.Context, s chatlog.Sink, room string) error {
	_, err := do(l.Log, ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.Log.Watch(ctx, s, room) })
	return err
}
