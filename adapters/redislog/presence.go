package redislog

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

var (
	enterScript    = newScript("changed", "enter")
	leaveScript    = newScript("changed", "leave")
	membersScript  = newScript("members")
	presentScript  = newScript("present")
	roomsScript    = newScript("rooms")
	versionsScript = newScript("versions")
)

// servers are the servers of this process, by name.
type servers struct {
	mu    sync.Mutex
	known map[string]*server
}

// A server counts its writes in each bucket, and Redis does too. If the number in Redis
// is smaller, Redis has removed the server or lost writes. Then its users in Redis may be
// wrong, and the server has to enter them again. The fields are guarded by servers.mu.
type server struct {
	writes [buckets]int64
	lost   bool
	used   time.Time
}

// writeCount returns the number of writes to the bucket so far.
func (s *servers) writeCount(name string, bucket int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.useLocked(name).writes[bucket]
}

// noteWrite notes that a write to the bucket got the number writes. before is the result
// of writeCount from before the write began.
func (s *servers) noteWrite(name string, bucket int, before, writes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.useLocked(name)
	k.lost = k.lost || writes <= before
	k.writes[bucket] = max(k.writes[bucket], writes)
}

func (s *servers) useLocked(name string) *server {
	k := s.known[name]
	if k == nil {
		k = &server{}
		s.known[name] = k
	}
	k.used = time.Now()
	return k
}

// Enter implements [chatlog.Presence].
func (l *Log) Enter(ctx context.Context, server, room string, m chatlog.Member) (first bool, err error) {
	b := bucketOf(room)
	before := l.servers.writeCount(server, b)
	reply, err := l.do(ctx, enterScript, b, []string{
		l.key(b, keyLeases, ""), l.key(b, keyWrites, ""), l.key(b, keyPlaces, server), l.key(b, keyUsers, room), l.key(b, keyRooms, ""),
		l.key(b, keyVersions, ""), l.key(b, keyRemoved, ""),
	}, server, room, m.UserID, m.Username, m.Connections, ms(l.lease))
	if err != nil {
		return false, err
	}
	r := replyOf(reply)
	came, writes := r.int(0), r.int(1)
	if r.bad {
		return false, errReply
	}
	l.servers.noteWrite(server, b, before, writes)
	return came == 1, nil
}

// Leave implements [chatlog.Presence].
func (l *Log) Leave(ctx context.Context, server, room, userID string) (last bool, err error) {
	b := bucketOf(room)
	before := l.servers.writeCount(server, b)
	c, err := l.startLeave(ctx, b, server, room, userID, false)
	if err != nil {
		return false, err
	}
	last, writes, _, err := leaveReply(c)
	if err == nil && writes > 0 {
		l.servers.noteWrite(server, b, before, writes)
	}
	return last, err
}

func (l *Log) startLeave(ctx context.Context, b int, server, room, user string, dead bool) (*call, error) {
	mode := "0"
	if dead {
		mode = "1"
	}
	return l.start(ctx, leaveScript, b, []string{
		l.key(b, keyWrites, ""), l.key(b, keyPlaces, server), l.key(b, keyUsers, room), l.key(b, keyRooms, ""),
		l.key(b, keyVersions, ""),
	}, server, room, user, mode)
}

func leaveReply(c *call) (last bool, writes int64, name string, err error) {
	reply, err := c.wait()
	if err != nil {
		return false, 0, "", err
	}
	r := replyOf(reply)
	last, writes, name = r.int(0) == 1, r.int(1), r.text(2)
	if r.bad {
		err = errReply
	}
	return last, writes, name, err
}

// member parses a user's record: [server, connections, name, server, connections, name, ...].
func member(user, record string) (chatlog.Member, error) {
	var v []any
	if err := json.Unmarshal([]byte(record), &v); err != nil || len(v) == 0 || len(v)%3 != 0 {
		return chatlog.Member{}, errReply
	}
	m := chatlog.Member{UserID: user}
	m.Username, _ = v[len(v)-1].(string)
	for i := 1; i < len(v); i += 3 {
		n, _ := v[i].(float64)
		m.Connections += int(n)
	}
	return m, nil
}

// Members implements [chatlog.Presence]. The list is sorted by name. If a room has more
// members than limit, Redis chooses which members are in the list. Zero or a negative
// limit returns the total alone.
func (l *Log) Members(ctx context.Context, room string, limit int) (list chatlog.MemberList, err error) {
	b := bucketOf(room)
	reply, err := l.do(ctx, membersScript, b, []string{l.key(b, keyUsers, room)}, max(limit, 0))
	if err != nil {
		return list, err
	}
	r := replyOf(reply)
	list.Total = int(r.int(0))
	for i := 1; i < len(r.items); i += 2 {
		m, err := member(r.text(i), r.text(i+1))
		if err != nil {
			return chatlog.MemberList{}, err
		}
		list.Members = append(list.Members, m)
	}
	if r.bad {
		return chatlog.MemberList{}, errReply
	}
	slices.SortFunc(list.Members, func(a, b chatlog.Member) int {
		return cmp.Or(cmp.Compare(a.Username, b.Username), cmp.Compare(a.UserID, b.UserID))
	})
	return list, nil
}

// Present implements [chatlog.Presence].
func (l *Log) Present(ctx context.Context, room, userID string) (m chatlog.Member, ok bool, err error) {
	b := bucketOf(room)
	reply, err := l.do(ctx, presentScript, b, []string{l.key(b, keyUsers, room)}, userID)
	if err != nil {
		return m, false, err
	}
	record, ok := reply.(string)
	if !ok {
		return m, false, errReply
	}
	if record == "" {
		return m, false, nil
	}
	m, err = member(userID, record)
	return m, err == nil, err
}

// Versions implements [chatlog.Presence].
func (l *Log) Versions(ctx context.Context, rooms []string) ([]uint64, error) {
	const most = 500 // rooms in one run of the script
	type part struct {
		call *call
		at   []int // in rooms
	}
	var at [buckets][]int
	for i, room := range rooms {
		b := bucketOf(room)
		at[b] = append(at[b], i)
	}
	var parts []part
	for b := range at {
		for some := range slices.Chunk(at[b], most) {
			args := make([]any, len(some))
			for i, n := range some {
				args[i] = rooms[n]
			}
			c, err := l.start(ctx, versionsScript, b, []string{l.key(b, keyVersions, "")}, args...)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part{c, some})
		}
	}
	versions := make([]uint64, len(rooms))
	for _, p := range parts {
		reply, err := p.call.wait()
		if err != nil {
			return nil, err
		}
		r := replyOf(reply)
		if r.bad || len(r.items) != len(p.at) {
			return nil, errReply
		}
		for i, n := range p.at {
			if r.items[i] == nil {
				continue // nobody
			}
			if versions[n], err = strconv.ParseUint(r.text(i), 10, 64); err != nil || r.bad {
				return nil, errReply
			}
		}
	}
	return versions, nil
}

// Rooms implements [chatlog.Presence].
func (l *Log) Rooms(ctx context.Context) (map[string]int, error) {
	var calls [buckets]*call
	for b := range calls {
		var err error
		if calls[b], err = l.start(ctx, roomsScript, b, []string{l.key(b, keyRooms, "")}); err != nil {
			return nil, err
		}
	}
	rooms := map[string]int{}
	for _, c := range calls {
		reply, err := c.wait()
		if err != nil {
			return nil, err
		}
		r := replyOf(reply)
		for i := 0; i < len(r.items); i += 2 {
			n, err := strconv.Atoi(r.text(i + 1))
			if err != nil {
				return nil, errReply
			}
			rooms[r.text(i)] = n
		}
		if r.bad {
			return nil, errReply
		}
	}
	return rooms, nil
}
