package chatlog

import (
	"context"
	"time"
)

// A Member is one user of a room, over all of the user's connections.
type Member struct {
	UserID      string `json:"user"`
	Username    string `json:"username"`
	Connections int    `json:"connections"`
}

// A Departure names a user who left a room because the user's last server did.
type Departure struct {
	Room   string
	Member Member
}

// Presence is who is in which room, over all servers. A server is known by a
// name it makes for itself and is taken for dead when it has not called Beat for
// the time it promised, by the log's own clock.
type Presence interface {
	// Enter says that m.User is in room with m.Connections connections to
	// server, under the name m.Username. first reports that the user was on no
	// server before. Of a server that Beat has removed it does nothing, for an hour
	// at least: such a call comes late. After an error it is perhaps done. Enter and Leave may be
	// repeated: the last one that is carried out is what holds.
	Enter(ctx context.Context, server, room string, m Member) (first bool, err error)

	// Leave says that user has no connection to server in room any more. last
	// reports that the user is on no server now, and was until then.
	Leave(ctx context.Context, server, room, user string) (last bool, err error)

	// Members returns at most limit of the users in room, the connections added
	// up over the servers, and how many users there are. A limit of 0 or less
	// asks for the number alone.
	Members(ctx context.Context, room string, limit int) (m []Member, total int, err error)

	// Present returns user as a member of room; ok false if it is not there.
	Present(ctx context.Context, room, user string) (m Member, ok bool, err error)

	// Rooms returns the number of users of every room that has any.
	Rooms(ctx context.Context) (map[string]int, error)

	// Versions returns for each of rooms, in their order, a number that is another
	// one whenever Members or Present would return something else than before; 0 is
	// nobody. It is what servers compare on a timer, so it is one cheap batch.
	Versions(ctx context.Context, rooms []string) ([]uint64, error)

	// Beat promises the next Beat within ttl, removes the servers that broke
	// that promise, and names the users who are gone with them. held false says
	// that server itself was removed before: it takes a new name and enters its
	// users again.
	//
	// Time in which nobody could beat counts against nobody: servers beat three
	// times in a ttl, so if no server at all has called Beat for more than half of
	// one, every promise is longer by that time.
	Beat(ctx context.Context, server string, ttl time.Duration) (held bool, gone []Departure, err error)
}
