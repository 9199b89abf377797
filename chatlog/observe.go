package chatlog

import (
	"context"
	"errors"
	"time"
)

// A Call is one call of a method of a log, for [Observe].
type Call struct {
	Method string // the name of the method, such as "Append"
	Room   string // the room of the call; empty if the call is about no room or about several
}

var errDidNotReturn = errors.New("chat: the log did not return")

// Observe returns a log that calls observe before each call of a method of log, except
// Unwatch, Close and Grown. The methods of a Claim are not observed. observe returns the context that the method gets, and a function that is called
// with the method's error when the method has ended. The function may be nil. If the method
// panics, its error is one that says so.
//
// The log that Observe returns has exactly the optional interfaces of log ([Amender], [Marker],
// [Pacer] and [Tracker]), so a server offers with it what it offers with log. The server calls observe
// concurrently, for every message. observe must not block.
func Observe(log Log, observe func(ctx context.Context, c Call) (context.Context, func(err error))) Log {
	o := &observed{Log: log, observe: observe}
	amender, amends := log.(Amender)
	marker, marks := log.(Marker)
	pacer, paces := log.(Pacer)
	tracker, tracks := log.(Tracker)
	a, m, p, t := observedAmender{o, amender}, observedMarker{o, marker}, observedPacer{o, pacer}, observedTracker{o, tracker}
	switch [4]bool{amends, marks, paces, tracks} {
	case [4]bool{true, true, true, true}:
		return struct {
			*observed
			observedAmender
			observedMarker
			observedPacer
			observedTracker
		}{o, a, m, p, t}
	case [4]bool{true, true, true, false}:
		return struct {
			*observed
			observedAmender
			observedMarker
			observedPacer
		}{o, a, m, p}
	case [4]bool{true, true, false, true}:
		return struct {
			*observed
			observedAmender
			observedMarker
			observedTracker
		}{o, a, m, t}
	case [4]bool{true, true, false, false}:
		return struct {
			*observed
			observedAmender
			observedMarker
		}{o, a, m}
	case [4]bool{true, false, true, true}:
		return struct {
			*observed
			observedAmender
			observedPacer
			observedTracker
		}{o, a, p, t}
	case [4]bool{true, false, true, false}:
		return struct {
			*observed
			observedAmender
			observedPacer
		}{o, a, p}
	case [4]bool{true, false, false, true}:
		return struct {
			*observed
			observedAmender
			observedTracker
		}{o, a, t}
	case [4]bool{true, false, false, false}:
		return struct {
			*observed
			observedAmender
		}{o, a}
	case [4]bool{false, true, true, true}:
		return struct {
			*observed
			observedMarker
			observedPacer
			observedTracker
		}{o, m, p, t}
	case [4]bool{false, true, true, false}:
		return struct {
			*observed
			observedMarker
			observedPacer
		}{o, m, p}
	case [4]bool{false, true, false, true}:
		return struct {
			*observed
			observedMarker
			observedTracker
		}{o, m, t}
	case [4]bool{false, true, false, false}:
		return struct {
			*observed
			observedMarker
		}{o, m}
	case [4]bool{false, false, true, true}:
		return struct {
			*observed
			observedPacer
			observedTracker
		}{o, p, t}
	case [4]bool{false, false, true, false}:
		return struct {
			*observed
			observedPacer
		}{o, p}
	case [4]bool{false, false, false, true}:
		return struct {
			*observed
			observedTracker
		}{o, t}
	}
	return o
}

// observed is a log whose calls are observed. Unwatch and Close are those of the embedded Log.
type observed struct {
	Log
	observe func(context.Context, Call) (context.Context, func(error))
}

// begin begins a call, whose error will be *err; the caller defers the function that ends it.
func (o *observed) begin(ctx context.Context, method, room string, err *error) (context.Context, func()) {
	ctx, done := o.observe(ctx, Call{method, room})
	*err = errDidNotReturn
	return ctx, func() {
		if done != nil {
			done(*err)
		}
	}
}

func (o *observed) Append(ctx context.Context, room string, e Event) (a Appended, err error) {
	ctx, end := o.begin(ctx, "Append", room, &err)
	defer end()
	return o.Log.Append(ctx, room, e)
}

func (o *observed) Lookup(ctx context.Context, room, userID, id string) (a Appended, err error) {
	ctx, end := o.begin(ctx, "Lookup", room, &err)
	defer end()
	return o.Log.Lookup(ctx, room, userID, id)
}

func (o *observed) Read(ctx context.Context, room string, r Range) (p Page, err error) {
	ctx, end := o.begin(ctx, "Read", room, &err)
	defer end()
	return o.Log.Read(ctx, room, r)
}

func (o *observed) Positions(ctx context.Context, rooms []string) (at []Position, err error) {
	ctx, end := o.begin(ctx, "Positions", "", &err)
	defer end()
	return o.Log.Positions(ctx, rooms)
}

func (o *observed) Renew(ctx context.Context, room, seen string) (epoch string, err error) {
	ctx, end := o.begin(ctx, "Renew", room, &err)
	defer end()
	return o.Log.Renew(ctx, room, seen)
}

func (o *observed) Open(ctx context.Context, sink Sink) (err error) {
	ctx, end := o.begin(ctx, "Open", "", &err)
	defer end()
	return o.Log.Open(ctx, sink)
}

func (o *observed) Watch(ctx context.Context, sink Sink, room string) (err error) {
	ctx, end := o.begin(ctx, "Watch", room, &err)
	defer end()
	return o.Log.Watch(ctx, sink, room)
}

func (o *observed) Signal(ctx context.Context, room string, e Event) (err error) {
	ctx, end := o.begin(ctx, "Signal", room, &err)
	defer end()
	return o.Log.Signal(ctx, room, e)
}

func (o *observed) Enter(ctx context.Context, server, room string, m Member) (first bool, err error) {
	ctx, end := o.begin(ctx, "Enter", room, &err)
	defer end()
	return o.Log.Enter(ctx, server, room, m)
}

func (o *observed) Leave(ctx context.Context, server, room, userID string) (last bool, err error) {
	ctx, end := o.begin(ctx, "Leave", room, &err)
	defer end()
	return o.Log.Leave(ctx, server, room, userID)
}

func (o *observed) Members(ctx context.Context, room string, limit int) (m MemberList, err error) {
	ctx, end := o.begin(ctx, "Members", room, &err)
	defer end()
	return o.Log.Members(ctx, room, limit)
}

func (o *observed) Present(ctx context.Context, room, userID string) (m Member, ok bool, err error) {
	ctx, end := o.begin(ctx, "Present", room, &err)
	defer end()
	return o.Log.Present(ctx, room, userID)
}

func (o *observed) Rooms(ctx context.Context) (rooms map[string]int, err error) {
	ctx, end := o.begin(ctx, "Rooms", "", &err)
	defer end()
	return o.Log.Rooms(ctx)
}

func (o *observed) Versions(ctx context.Context, rooms []string) (v []uint64, err error) {
	ctx, end := o.begin(ctx, "Versions", "", &err)
	defer end()
	return o.Log.Versions(ctx, rooms)
}

func (o *observed) Beat(ctx context.Context, server string, ttl time.Duration) (p Pulse, err error) {
	ctx, end := o.begin(ctx, "Beat", "", &err)
	defer end()
	return o.Log.Beat(ctx, server, ttl)
}
