package chatlog

import (
	"context"
	"time"
)

// Each part has the methods of one optional interface that Log does not have.
type (
	observedAmender struct {
		calls   *observed
		amender Amender
	}
	observedMarker struct {
		calls  *observed
		marker Marker
	}
	observedPacer struct {
		calls *observed
		pacer Pacer
	}
	observedTracker struct {
		calls   *observed
		tracker Tracker
	}
)

func (o observedAmender) Amend(ctx context.Context, room string, e Event, moderator bool) (a Appended, err error) {
	ctx, end := o.calls.begin(ctx, "Amend", room, &err)
	defer end()
	return o.amender.Amend(ctx, room, e, moderator)
}

func (o observedMarker) MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, raised bool, err error) {
	ctx, end := o.calls.begin(ctx, "MarkRead", room, &err)
	defer end()
	return o.marker.MarkRead(ctx, room, userID, offset)
}

func (o observedMarker) Unread(ctx context.Context, userID string, rooms []string) (u []Unread, err error) {
	ctx, end := o.calls.begin(ctx, "Unread", "", &err)
	defer end()
	return o.marker.Unread(ctx, userID, rooms)
}

func (o observedPacer) Pace(ctx context.Context, room, userID, id string, every time.Duration) (wait time.Duration, err error) {
	ctx, end := o.calls.begin(ctx, "Pace", room, &err)
	defer end()
	return o.pacer.Pace(ctx, room, userID, id, every)
}

func (o observedTracker) AddConsumer(ctx context.Context, name string, skip bool) (err error) {
	ctx, end := o.calls.begin(ctx, "AddConsumer", "", &err)
	defer end()
	return o.tracker.AddConsumer(ctx, name, skip)
}

func (o observedTracker) RemoveConsumer(ctx context.Context, name string) (err error) {
	ctx, end := o.calls.begin(ctx, "RemoveConsumer", "", &err)
	defer end()
	return o.tracker.RemoveConsumer(ctx, name)
}

func (o observedTracker) Consumers(ctx context.Context) (all []Consumer, err error) {
	ctx, end := o.calls.begin(ctx, "Consumers", "", &err)
	defer end()
	return o.tracker.Consumers(ctx)
}

func (o observedTracker) Behind(ctx context.Context, name string, except []string, limit int) (rooms []string, err error) {
	ctx, end := o.calls.begin(ctx, "Behind", "", &err)
	defer end()
	return o.tracker.Behind(ctx, name, except, limit)
}

func (o observedTracker) Claim(ctx context.Context, name, room string, limit int, hold time.Duration) (c Claim, err error) {
	ctx, end := o.calls.begin(ctx, "Claim", room, &err)
	defer end()
	return o.tracker.Claim(ctx, name, room, limit, hold)
}

func (o observedTracker) Grown() <-chan struct{} { return o.tracker.Grown() }
