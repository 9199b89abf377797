package chatlog

import (
	"context"
	"time"
)

// A Member is one user of a room, over all of the user's connections.
type Member struct {
	// UserID is the user's stable id, unique in the room.
	UserID string `json:"user"`
	// Username is what people see. Two users may have the same.
	Username string `json:"username"`
	// Connections is the number of the user's connections to the room, on all
	// servers, at least 1.
	Connections int `json:"connections"`
}

// A Departure names a user who left a room because the user's last server did.
type Departure struct {
	// Room is the name of the room.
	Room string
	// Member is the user, by UserID and Username. Connections is not used.
	Member Member
}

// A MemberList is some of the users of a room.
type MemberList struct {
	// Members are the users that were asked for, in any order, each once. It is nil or
	// empty if there are none.
	Members []Member
	// Total is the number of users in the room, listed or not; 0 if nobody is there.
	Total int
}

// A Pulse is a log's answer to a server's Beat.
type Pulse struct {
	// Held reports that the log still counts the users that the server has entered.
	// If it is false, the server was removed before: it takes a new name and enters
	// its users again.
	Held bool
	// Gone are the users who left because this call removed their last server, each
	// room and user once. No other call names them.
	Gone []Departure
}

// Presence is who is in which room, over all servers. A server is known by a
// name it makes for itself and is taken for dead when it has not called Beat for
// the time it promised, by the log's own clock.
type Presence interface {
	// Enter says that m.UserID is in room with m.Connections connections to
	// server, 1 or more, under the name m.Username; if the user is there already, the
	// name and the number are set, not added. A user on several servers has the name of
	// the last Enter of one that the user is still on. first reports that the user was on no
	// server before. A server that has not called Beat yet counts as one that has
	// promised to, within a time that the log chooses, 15 seconds or more. Of a server
	// that Beat has removed Enter does nothing, for an hour at least: such a call comes
	// late. After an error it is perhaps done. Enter and Leave may be repeated: the last
	// one that is carried out is what holds.
	Enter(ctx context.Context, server, room string, m Member) (first bool, err error)

	// Leave says that userID no longer has a connection to server in room. last
	// reports that the user is on no server now, and was until then. Of a user who is
	// not there it does nothing. After an error it is perhaps done.
	Leave(ctx context.Context, server, room, userID string) (last bool, err error)

	// Members returns at most limit of the users in room, the connections added
	// up over the servers, and how many users there are. A limit of 0 or less
	// asks for the number alone. A room that nobody is in has an empty list, not an
	// error.
	Members(ctx context.Context, room string, limit int) (MemberList, error)

	// Present returns userID as a member of room; ok is false, and m zero, if the user
	// is not there.
	Present(ctx context.Context, room, userID string) (m Member, ok bool, err error)

	// Rooms returns the number of users of every room that has any: by the room's name,
	// 1 or more.
	Rooms(ctx context.Context) (map[string]int, error)

	// Versions returns for each of rooms, in their order, a number that is another
	// one whenever Members or Present would return something else than before; 0 if
	// nobody is there. Servers compare the numbers on a timer, so it is one cheap
	// batch. rooms may be empty.
	Versions(ctx context.Context, rooms []string) ([]uint64, error)

	// Beat promises the next Beat of server within ttl, removes the servers that broke
	// their promise, and names the users who are gone with them. Servers promise a ttl of
	// more than 0; one of 0 or less is broken from the beginning. What is Gone counts
	// with an error, too.
	//
	// Time in which nobody could beat counts against nobody: servers beat three
	// times in a ttl, so if no server has called Beat for more than half of
	// one, every promise is longer by that time.
	Beat(ctx context.Context, server string, ttl time.Duration) (Pulse, error)
}
