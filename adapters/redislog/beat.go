package redislog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
)

var (
	beatScript   = newScript("beat")
	placesScript = newScript("places")
)

// Beat implements [chatlog.Presence]: it extends the lease of server by ttl. It also
// keeps the rooms that are watched from expiring, and checks whether Redis has lost
// events that this Log has seen.
//
// If no server has called Beat for more than half of ttl, for example because Redis was
// down, no server loses its users for that: all leases are extended by the missing time.
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (p chatlog.Pulse, err error) {
	known := l.servers.writeCounts(server)
	var calls [buckets]*call
	for b := range calls {
		calls[b], err = l.start(ctx, beatScript, b, []string{
			l.key(b, keyLeases, ""), l.key(b, keyWrites, ""), l.key(b, keyDead, ""), l.key(b, keyBeat, ""),
			l.key(b, keyRemoved, ""),
		}, server, ms(ttl), known[b])
		if err != nil {
			return p, err
		}
	}
	p.Held = true
	for b, c := range calls {
		reply, e := c.wait()
		if e != nil {
			err = e
			continue
		}
		r := replyOf(reply)
		holds, writes, dead := r.int(0), r.int(1), r.list(2)
		if r.bad || dead.bad {
			err = errReply
			continue
		}
		if holds == 1 {
			l.servers.noteWrite(server, b, writes-1, writes)
		} else {
			p.Held = false
		}
		for i := range dead.items {
			g, e := l.removeDeadServer(ctx, b, dead.text(i))
			if p.Gone = append(p.Gone, g...); e != nil {
				err = e
			}
		}
	}
	if err == nil {
		l.keepAllAlive(ctx)
		l.checkLosses(ctx, 0, 1)
	}
	if !p.Held {
		l.servers.markLost(server)
		return p, nil
	}
	if len(p.Gone) > 0 {
		err = nil // report the departures, because no later Beat does; the next Beat repeats what failed
	}
	p.Held = err == nil
	return p, err
}

// removeDeadServer removes the users of a dead server from the rooms of a bucket. It
// returns the users that no other server has. Several servers may do so concurrently;
// then only one of them gets each user.
func (l *Log) removeDeadServer(ctx context.Context, b int, server string) (gone []chatlog.Departure, err error) {
	const most = 500 // places in one call
	for {
		reply, err := l.do(ctx, placesScript, b, []string{l.key(b, keyDead, ""), l.key(b, keyPlaces, server)}, server, most)
		if err != nil {
			return gone, err
		}
		r := replyOf(reply)
		if r.bad {
			return gone, errReply
		}
		if len(r.items) == 0 {
			return gone, nil
		}
		var calls []*call
		var places [][2]string
		for i := range r.items {
			var p [2]string // room and user
			if err = json.Unmarshal([]byte(r.text(i)), &p); err != nil {
				break
			}
			var c *call
			if c, err = l.startLeave(ctx, b, server, p[0], p[1], true); err != nil {
				break
			}
			calls, places = append(calls, c), append(places, p)
		}
		for i, c := range calls {
			last, _, name, e := leaveReply(c)
			if e != nil {
				err = e
			}
			if last {
				gone = append(gone, chatlog.Departure{Room: places[i][0], Member: chatlog.Member{UserID: places[i][1], Username: name}})
			}
		}
		if err != nil {
			return gone, err
		}
	}
}

// writeCounts returns how many writes a server has made in each bucket. If Redis has lost
// some of them, the numbers are larger than any server reaches, so that Redis no longer
// holds the server. Servers that were not in use for an hour are deleted.
func (s *servers) writeCounts(name string) (writes [buckets]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.useLocked(name)
	for other, o := range s.known {
		if k.used.Sub(o.used) > time.Hour {
			delete(s.known, other)
		}
	}
	writes = k.writes
	if k.lost {
		for b := range writes {
			writes[b] = 1 << 53
		}
	}
	return writes
}

// markLost notes that Redis no longer holds the server.
func (s *servers) markLost(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.useLocked(name).lost = true
}
