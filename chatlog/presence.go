package chatlog

import (
	"context"
	"time"
)

// A Member is one user of a room, with all of the user's connections.
type Member struct {
	// UserID is the user's stable id, unique in the room.
	UserID string `json:"user"`
	// Username is the name that users see. Two users may have the same.
	Username string `json:"username"`
	// Connections is the number of the user's connections to the room, on all servers. It is at
	// least 1.
	Connections int `json:"connections"`
}

// A Departure is a user who left a room because the user's last server did.
type Departure struct {
	// Room is the name of the room.
	Room string
	// Member is the user, by UserID and Username. Connections is not used.
	Member Member
}

// A MemberList is some or all of the users of a room.
type MemberList struct {
	// Members are the requested users, in any order, each once. It is nil or empty if there are
	// none.
	Members []Member
	// Total is the number of users in the room, listed or not. It is 0 for a room without users.
	Total int
}

// A Pulse is a log's answer to a server's Beat.
type Pulse struct {
	// Held reports that the log still counts the users that the server has entered. If it is
	// false, the server was removed before. Then it takes a new name and enters its users again.
	Held bool
	// Gone are the users who left because this call removed their last server, each room and
	// user once. No other call reports them.
	Gone []Departure
}

// Presence knows the users in each room, over all servers. A server is known by a name that it
// makes for itself. It has a lease, by the log's own clock, and counts as dead when the lease
// has ended.
type Presence interface {
	// Enter says that m.UserID is in room with m.Connections connections to server, 1 or more,
	// under the name m.Username. If the user is there already, the name and the number are
	// replaced. A user on several servers has the name of the last Enter of a server that the
	// user is still on. first reports that the user was on no server before. A server that has
	// not called Beat yet gets a lease that the log chooses, of 15 seconds or more. If Beat has
	// removed the server, Enter does nothing, for at least an hour, because such a call is late.
	// After an error the call may have taken effect. Enter and Leave may be repeated: the last
	// call that takes effect counts.
	Enter(ctx context.Context, server, room string, m Member) (first bool, err error)

	// Leave says that userID no longer has a connection to server in room. last reports that the
	// user is on no server now, and was on one until this call. If the user is not there, it
	// does nothing. After an error the call may have taken effect.
	Leave(ctx context.Context, server, room, userID string) (last bool, err error)

	// Members returns at most limit of the users in room, with the sum of their connections on
	// all servers, and the number of all users. A limit of 0 or less asks for the number alone.
	// A room without users has an empty list, not an error.
	Members(ctx context.Context, room string, limit int) (MemberList, error)

	// Present returns userID as a member of room. ok is false, and m zero, if the user is not
	// there.
	Present(ctx context.Context, room, userID string) (m Member, ok bool, err error)

	// Rooms returns the number of users of every room that has users, by the room's name. Each
	// number is 1 or more.
	Rooms(ctx context.Context) (map[string]int, error)

	// Versions returns for each of rooms, in their order, a number that changes whenever the
	// result of Members or Present changes, or 0 for a room without users. Servers compare the
	// numbers on a timer, so Versions should be one cheap batch. rooms may be empty.
	Versions(ctx context.Context, rooms []string) ([]uint64, error)

	// Beat extends the lease of server to ttl from now, removes the servers whose leases have
	// ended, and returns the users who are gone with them. Servers use a ttl of more than 0;
	// with one of 0 or less the lease ends immediately. Gone is valid even with an error.
	//
	// Time in which no server could call Beat does not count. Servers call it three times in a
	// ttl. So if no server has called Beat for more than half of a ttl, every lease is extended
	// by that time.
	Beat(ctx context.Context, server string, ttl time.Duration) (Pulse, error)
}
