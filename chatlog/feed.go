package chatlog

import "context"

// A Feed tells servers that something happened: at most once, in any order.
type Feed interface {
	// Open connects sink to the feed until Close. A server calls it once before
	// anything else. An error means that the log cannot be reached yet, and the server
	// calls it again.
	Open(ctx context.Context, sink Sink) error

	// Watch returns once later events of room are being pushed to the sink, which is
	// open. Watching a room twice is as watching it once. After an error nothing is
	// sure, and the server calls it again or Unwatch.
	Watch(ctx context.Context, sink Sink, room string) error

	// Unwatch ends what Watch began. It does not wait for anything, so that a few
	// pushes may follow. Of a room that is not watched it does nothing.
	Unwatch(sink Sink, room string)

	// Signal pushes e, which no log keeps, to every server watching room, the
	// caller too, with offset 0 and all other fields as they are. It may be lost, and
	// a nil error does not say that anybody got it.
	Signal(ctx context.Context, room string, e Event) error

	// Close disconnects sink, with all that it watches. Pushes end before it returns.
	// Of a sink that is not open it does nothing.
	Close(sink Sink) error
}

// A Sink is a server, as a [Feed] sees it. Its methods never block, may be called
// concurrently, and may call the log. A Sink is comparable: a log may use it as the key
// of a map.
type Sink interface {
	// Push tells of an event of room: an entry of the log in epoch, or with
	// offset 0 a signal, whose epoch is not used. An entry with an empty Type tells
	// the offset only, and the server reads the rest.
	Push(room, epoch string, e Event)
	// Interrupted says that pushes may be missing from now on, and why.
	Interrupted(err error)
	// Resumed says that pushes are complete again. What was missed is not pushed: the
	// server reads it.
	Resumed()
}
