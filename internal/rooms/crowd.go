package rooms

import (
	"context"
	"strconv"
	"time"

	"github.com/seed-08328bfd/chat/chatlog"
	"github.com/seed-08328bfd/chat/internal/proto"
	"github.com/seed-08328bfd/chat/internal/stream"
)

// A crowd gathers who came and went in a room too large to tell of each.
type crowd struct {
	joined, left map[string]string // user to name
}

const (
	crowdPause = 250 * time.Millisecond

	// Each list has at most crowdNames names, and more as long as all members
	// together get no more than crowdTotal: naming 250 newcomers to 10,000 members
	// four times a second would fill a network. The count is always right.
	crowdNames = 32
	crowdTotal = 256_000
)

// crowded reports whether the room is too large to tell of each user.
func (r *room) crowded() bool {
	size := r.set.cfg.Limits.Presence
	return size >= 0 && len(r.members) > size
}

// crowdLocked gathers e if the room is a crowd.
func (r *room) crowdLocked(e *chatlog.Event) bool {
	if !r.crowded() {
		return false
	}
	r.gatherLocked()
	to, from := r.crowd.joined, r.crowd.left
	if e.Kind == chatlog.KindLeave {
		to, from = from, to
	}
	if _, ok := from[e.UserID]; ok {
		delete(from, e.UserID) // came and went: nothing happened
	} else {
		to[e.UserID] = e.Username
	}
	return true
}

// gatherLocked has a presence object follow soon.
func (r *room) gatherLocked() {
	if r.crowd != nil {
		return
	}
	r.crowd = &crowd{joined: map[string]string{}, left: map[string]string{}}
	r.set.spawn(func(ctx context.Context) {
		sleep(ctx, crowdPause)
		r.tellCrowd(ctx)
	})
}

// tellCrowd adds what was gathered to the stream.
func (r *room) tellCrowd(ctx context.Context) {
	total, read := 0, false
	if !r.set.cfg.Local {
		list, err := r.set.log.Members(ctx, r.name, 0)
		total, read = list.Total, err == nil
	}
	r.mu.Lock()
	c := r.crowd
	r.crowd = nil
	if t := &r.roster; !read {
		total = len(t.list) + t.more
		t.dirty = !r.set.cfg.Local
	} else if total != len(t.list)+t.more {
		t.dirty = true
	}
	r.roster.counted = total
	b := append([]byte(nil), `{"type":"`+proto.TypePresence+`","joined":`...)
	most := max(crowdNames, crowdTotal/max(1, len(r.members)))
	b = appendNames(b, c.joined, most)
	b = appendNames(append(b, `,"left":`...), c.left, most)
	b = strconv.AppendInt(append(b, `,"count":`...), int64(total), 10)
	r.putObjectLocked(append(b, '}'), 0, 0, &stream.Audience{V1Only: true})
	r.mu.Unlock()
	r.wake()
}

func appendNames(b []byte, names map[string]string, most int) []byte {
	b = append(b, '[')
	n := 0
	for user, name := range names {
		if n++; n > most {
			break
		}
		if n > 1 {
			b = append(b, ',')
		}
		b = proto.AppendQuoted(append(b, `{"user":`...), user)
		b = proto.AppendQuoted(append(b, `,"username":`...), name)
		b = append(b, '}')
	}
	return append(b, ']')
}
