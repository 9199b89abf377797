package memlog

import (
	"cmp"
	"context"
	"slices"

	"github.com/seed-08328bfd/chat/chatlog"
)

// userState is a user of a room, counted over all servers.
type userState struct {
	chatlog.Member
	on []entered // the last one is at the end; its name is the user's name
}

// entered is the last Enter of a server for a user.
type entered struct {
	server string
	name   string
	conns  int
}

// Enter implements [chatlog.Presence].
func (l *Log) Enter(ctx context.Context, server, room string, m chatlog.Member) (first bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !l.live.meet(server, l.clock) {
		return false, nil
	}
	r := l.makeLocked(sh, room)
	u := r.users[m.UserID]
	if first = u == nil; first {
		u = &userState{Member: chatlog.Member{UserID: m.UserID, Username: m.Username}}
		if r.users == nil {
			r.users = map[string]*userState{}
		}
		r.users[m.UserID] = u
		r.list(u)
		if len(r.users) == 1 {
			l.occupied.Add(1)
		}
	}
	d := m.Connections
	if i := u.place(server); i >= 0 {
		d -= u.on[i].conns
		u.on = slices.Delete(u.on, i, i+1)
	}
	u.on = append(u.on, entered{server, m.Username, m.Connections})
	renamed := r.rename(u)
	if u.Connections += d; first || d != 0 || renamed {
		r.version = l.versions.Add(1)
	}
	l.usedLocked(sh, r)
	return first, nil
}

func (u *userState) place(server string) int {
	return slices.IndexFunc(u.on, func(p entered) bool { return p.server == server })
}

func byName(a, b *userState) int {
	return cmp.Or(cmp.Compare(a.Username, b.Username), cmp.Compare(a.UserID, b.UserID))
}

func (r *roomState) list(u *userState) {
	i, _ := slices.BinarySearchFunc(r.roster, u, byName)
	r.roster = slices.Insert(r.roster, i, u)
}

func (r *roomState) unlist(u *userState) {
	if i, ok := slices.BinarySearchFunc(r.roster, u, byName); ok {
		r.roster = slices.Delete(r.roster, i, i+1)
	}
}

// rename gives u the name of the last Enter of a server that the user is on.
func (r *roomState) rename(u *userState) (renamed bool) {
	name := u.on[len(u.on)-1].name
	if renamed = name != u.Username; renamed {
		r.unlist(u)
		u.Username = name
		r.list(u)
	}
	return renamed
}

// partLocked removes u's connections to server, and reports whether u has left the room by that.
func (l *Log) partLocked(sh *roomShard, r *roomState, u *userState, server string) bool {
	i := u.place(server)
	if i < 0 {
		return false
	}
	u.Connections -= u.on[i].conns
	r.version = l.versions.Add(1)
	if u.on = slices.Delete(u.on, i, i+1); len(u.on) > 0 {
		r.rename(u)
		return false
	}
	delete(r.users, u.UserID)
	r.unlist(u)
	if len(r.users) == 0 {
		r.version = 0
		l.occupied.Add(-1)
	}
	l.usedLocked(sh, r)
	return true
}

// Leave implements [chatlog.Presence].
func (l *Log) Leave(ctx context.Context, server, room, userID string) (last bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	if r := sh.rooms[room]; r != nil {
		if u := r.users[userID]; u != nil {
			last = l.partLocked(sh, r, u, server)
		}
	}
	sh.mu.Unlock()
	if last {
		l.shrink()
	}
	return last, nil
}

// Members implements [chatlog.Presence]. They are in the order of their names.
func (l *Log) Members(ctx context.Context, room string, limit int) (chatlog.MemberList, error) {
	if err := ctx.Err(); err != nil {
		return chatlog.MemberList{}, err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rooms[room]
	if r == nil {
		return chatlog.MemberList{}, nil
	}
	members := make([]chatlog.Member, min(max(limit, 0), len(r.roster)))
	for i := range members {
		members[i] = r.roster[i].Member
	}
	return chatlog.MemberList{Members: members, Total: len(r.roster)}, nil
}

// Present implements [chatlog.Presence].
func (l *Log) Present(ctx context.Context, room, userID string) (m chatlog.Member, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return m, false, err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if r := sh.rooms[room]; r != nil {
		if u := r.users[userID]; u != nil {
			return u.Member, true, nil
		}
	}
	return m, false, nil
}

// Versions implements [chatlog.Presence].
func (l *Log) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	versions := make([]uint64, len(rooms))
	for i, room := range rooms {
		sh := l.shard(room)
		sh.mu.Lock()
		if r := sh.rooms[room]; r != nil {
			versions[i] = r.version
		}
		sh.mu.Unlock()
	}
	return versions, nil
}

// Rooms implements [chatlog.Presence].
func (l *Log) Rooms(ctx context.Context) (map[string]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rooms := make(map[string]int, l.occupied.Load())
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for name, r := range sh.rooms {
			if len(r.users) > 0 {
				rooms[name] = len(r.users)
			}
		}
		sh.mu.Unlock()
	}
	return rooms, nil
}

// removeServers removes the users of dead servers, and returns the users that are on no
// other server.
func (l *Log) removeServers(dead []string) (gone []chatlog.Departure) {
	for i := range l.shards {
		sh := &l.shards[i]
		sh.mu.Lock()
		for name, r := range sh.rooms {
			for _, u := range slices.Clone(r.roster) {
				for _, e := range slices.Clone(u.on) { // a copy, because partLocked changes u.on
					if slices.Contains(dead, e.server) && l.partLocked(sh, r, u, e.server) {
						gone = append(gone, chatlog.Departure{Room: name, Member: u.Member})
					}
				}
			}
		}
		sh.mu.Unlock()
	}
	return gone
}
