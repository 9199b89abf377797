package sqlitelog

import (
	"context"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/seed-08328bfd/chat/chatlog"
)

// places are the last positions of rooms that were used lately. Servers compare positions on
// a timer, and this answers without the file.
type places struct {
	mu      sync.RWMutex
	at      map[string]chatlog.Position
	changes uint64 // grows whenever a position changes
	total   int64  // entries that were stored
}

const maxPlaces = 1 << 16

func (p *places) init(events int64) {
	p.at, p.total = map[string]chatlog.Position{}, events
}

func (p *places) events() int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.total
}

// set notes the positions of rooms after a commit that has stored n entries. A place with an
// empty Epoch is not known.
func (p *places) set(rooms map[string]chatlog.Position, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	p.total += int64(n)
	if len(p.at) > maxPlaces {
		clear(p.at)
	}
	for room, at := range rooms {
		if at.Epoch == "" {
			delete(p.at, room)
		} else {
			p.at[room] = at
		}
	}
}

// forget drops all positions: the file may have others. total is the number of entries in the
// file, or negative if that is not known.
func (p *places) forget(total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changes++; total >= 0 {
		p.total = total
	}
	clear(p.at)
}

// Positions implements [chatlog.Store]. It looks into the file only for rooms that were not
// used lately.
func (l *Log) Positions(ctx context.Context, rooms []string) ([]chatlog.Position, error) {
	if err := l.ready(ctx); err != nil {
		return nil, err
	}
	at := make([]chatlog.Position, len(rooms))
	var missing []int
	p := &l.places
	p.mu.RLock()
	changes := p.changes
	for i, room := range rooms {
		if at[i] = p.at[room]; at[i].Epoch == "" {
			missing = append(missing, i)
		}
	}
	p.mu.RUnlock()
	if len(missing) == 0 {
		return at, nil
	}
	err := l.readers.with(ctx, func(c *conn) error {
		for _, i := range missing {
			at[i] = chatlog.Position{Epoch: l.epoch("")}
			_, err := c.one(func(s *sqlite3.Stmt) {
				at[i] = chatlog.Position{Epoch: l.epoch(s.ColumnText(0)), Offset: uint64(s.ColumnInt64(1))}
			}, "SELECT epoch, last FROM room WHERE name = ?", rooms[i])
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changes == changes && len(p.at)+len(missing) <= maxPlaces {
		for _, i := range missing {
			p.at[rooms[i]] = at[i]
		}
	}
	return at, nil
}
