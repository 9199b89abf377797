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

// Beat implements [chatlog.Presence]. It also keeps the rooms that are watched from
// expiring, and looks whether Redis has lost what this Log has seen in it.
//
// When no server has called Beat for more than half of ttl, as when Redis was away, no
// server loses its users for that: the time is added to what each has promised.
func (l *Log) Beat(ctx context.Context, server string, ttl time.Duration) (p chatlog.Pulse, err error) {
	known := l.servers.counts(server)
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
			l.servers.after(server, b, writes-1, writes)
		} else {
			p.Held = false
		}
		for i := range dead.items {
			g, e := l.bury(ctx, b, dead.text(i))
			if p.Gone = append(p.Gone, g...); e != nil {
				err = e
			}
		}
	}
	if err == nil {
		l.touchAll(ctx)
		l.checkAll(ctx, 0, 1)
	}
	if !p.Held {
		l.servers.lose(server)
		return p, nil
	}
	if len(p.Gone) > 0 {
		err = nil // they will not be named again; what failed is done by the next Beat
	}
	p.Held = err == nil
	return p, err
}

// bury removes the users of a dead server from the rooms of a bucket, and returns
// those who were on no other. Of the servers that do so concurrently, one names each.
func (l *Log) bury(ctx context.Context, b int, server string) (gone []chatlog.Departure, err error) {
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
			if c, err = l.part(ctx, b, server, p[0], p[1], true); err != nil {
				break
			}
			calls, places = append(calls, c), append(places, p)
		}
		for i, c := range calls {
			last, _, name, e := parted(c)
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

// counts returns the numbers of a server's writes, or numbers that no server reaches
// if Redis has lost some of them. It forgets servers that are out of use.
func (s *servers) counts(name string) (writes [buckets]int64) {
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

// lose notes that Redis no longer holds the server.
func (s *servers) lose(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.useLocked(name).lost = true
}
