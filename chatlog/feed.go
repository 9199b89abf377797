package chatlog

import "context"

// A Feed tells servers that something happened: at most once, and in any order.
type Feed interface {
	// Open connects sink to the feed until Close. A server calls it once, before any other
	// method. An error means that the log cannot be reached yet, and the server calls Open
	// again.
	Open(ctx context.Context, sink Sink) error

	// Watch returns when later events of room are being pushed to the sink, which must be open.
	// Watching a room twice has the same effect as watching it once. After an error the room may
	// be watched or not, and the server calls Watch again, or Unwatch.
	Watch(ctx context.Context, sink Sink, room string) error

	// Unwatch ends what Watch began. It does not wait for anything, so a few pushes may follow.
	// If the room is not watched, it does nothing.
	Unwatch(sink Sink, room string)

	// Signal pushes e, which no log keeps, to every server that watches room, including the
	// caller. e has offset 0, and all other fields arrive unchanged. It may be lost: a nil error
	// does not mean that any server has received it.
	Signal(ctx context.Context, room string, e Event) error

	// Close disconnects sink and ends all its watches. Pushes end before Close returns. If the
	// sink is not open, it does nothing.
	Close(sink Sink) error
}

// A Sink is a server from the view of a [Feed]. Its methods never block, may be called
// concurrently, and may call the log. A Sink is comparable: a log may use it as the key of a
// map.
type Sink interface {
	// Push reports an event of room. It is an entry of the log in epoch, or, with offset 0, a
	// signal, whose epoch is not used. An entry with an empty Type has only its offset, and the
	// server reads the rest.
	Push(room, epoch string, e Event)
	// Interrupted reports that pushes may be missing from now on, and why.
	Interrupted(err error)
	// Resumed reports that pushes are complete again. Missed events are not pushed: the server
	// reads them.
	Resumed()
}
