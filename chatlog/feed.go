package chatlog

import "context"

// A Feed tells servers that something happened: at most once, in any order.
type Feed interface {
	// Open connects sink to the feed until Close. It is called once a server,
	// before anything else, and an error means that the log cannot be reached
	// yet; it is called again then.
	Open(ctx context.Context, sink Sink) error

	// Watch returns once later events of room are being pushed to the sink.
	Watch(ctx context.Context, sink Sink, room string) error

	// Unwatch ends what Watch began. It does not wait for anything.
	Unwatch(sink Sink, room string)

	// Signal pushes e, which no log keeps, to every server watching room, the
	// caller too. It may be lost.
	Signal(ctx context.Context, room string, e Event) error

	// Close disconnects sink. Pushes end before it returns.
	Close(sink Sink) error
}

// A Sink is a server, as a [Feed] sees it. Its methods return at once.
type Sink interface {
	// Push tells of an event of room: an entry of the log in epoch, or with
	// offset 0 a signal. An entry with an empty Type tells the offset only.
	Push(room, epoch string, e Event)
	// Interrupted says that pushes may be missing from now on, Resumed that
	// they are complete again (what was missed is not pushed).
	Interrupted(err error)
	Resumed()
}
