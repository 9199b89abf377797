package memlog

import (
	"context"
	"strings"

	"github.com/seed-08328bfd/chat/chatlog"
)

// markers are how far users have read a room in its current epoch. The markers that were raised
// last are kept, in two maps that are exchanged.
type markers struct {
	fresh map[string]uint64 // raised since the maps were exchanged; nil if there are none
	old   map[string]uint64
}

const (
	maxMarkers = 1 << 16 // in each map
	markerCost = 100     // bytes a marker takes
)

func (m *markers) of(user string) uint64 { return max(m.fresh[user], m.old[user]) }

func (m *markers) set(user string, offset uint64) {
	if len(m.fresh) >= maxMarkers {
		m.fresh, m.old = nil, m.fresh
	}
	if m.fresh == nil {
		m.fresh = map[string]uint64{}
	}
	m.fresh[strings.Clone(user)] = offset
}

func (m *markers) len() int { return len(m.fresh) + len(m.old) }

// MarkRead implements [chatlog.Marker].
func (l *Log) MarkRead(ctx context.Context, room, userID string, offset uint64) (read uint64, raised bool, err error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	sh := l.shard(room)
	sh.mu.Lock()
	r := sh.rooms[room]
	if r == nil || r.last == 0 {
		sh.mu.Unlock()
		return 0, false, nil
	}
	read = r.markers.of(userID)
	if offset = min(offset, r.last); offset > read {
		r.markers.set(userID, offset)
		read, raised = offset, true
		l.usedLocked(sh, r)
	}
	sh.mu.Unlock()
	l.shrink()
	return read, raised, nil
}

// Unread implements [chatlog.Marker].
func (l *Log) Unread(ctx context.Context, userID string, rooms []string) ([]chatlog.Unread, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	unread := make([]chatlog.Unread, len(rooms))
	for i, room := range rooms {
		sh := l.shard(room)
		sh.mu.Lock()
		if r := sh.rooms[room]; r != nil {
			read := r.markers.of(userID)
			unread[i] = chatlog.Unread{Read: read, Last: r.last, Unread: r.unread(userID, read)}
		}
		sh.mu.Unlock()
	}
	return unread, nil
}

// unread counts the messages above the offset read that user may see and that are from other
// users, up to MaxUnread. It also looks at the user's own held messages above read.
func (r *entries) unread(user string, read uint64) (n int) {
	rg := chatlog.Range{Visible: true, Reader: user, Messages: true}
	first := max(read+1, r.oldest)
	for end := r.last + 1; first < end; {
		offsets := r.visible(rg, first, end, chatlog.MaxUnread)
		for _, o := range offsets {
			if r.find(o).userID != user {
				n++
			}
		}
		switch {
		case n >= chatlog.MaxUnread:
			return chatlog.MaxUnread
		case len(offsets) < chatlog.MaxUnread:
			return n
		}
		end = offsets[0]
	}
	return n
}
